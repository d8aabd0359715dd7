"""Who wraps data keys: the only code that sees a key service."""

from s3cse.keyrings.aes import AesKeyring
from s3cse.keyrings.base import Claim, Claiming, DataKey, Keyring
from s3cse.keyrings.caching import CachingKeyring
from s3cse.keyrings.customer_keys import CustomerKeys, CustomerKeysByPrefix, DerivedCustomerKeys, OneCustomerKey
from s3cse.keyrings.kms import KmsKeyring, kms_client
from s3cse.keyrings.kms_discovery import KmsDiscoveryKeyring
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, MessageKeyring
from s3cse.keyrings.message_reuse import ReuseLimits
from s3cse.keyrings.multi import MultiKeyring
from s3cse.keyrings.pkcs11 import Pkcs11Keyring
from s3cse.keyrings.provider import Materials, MaterialsProvider, ProviderKeyring
from s3cse.keyrings.rsa import RsaKeyring

__all__ = [
    "AesKeyring",
    "CachingKeyring",
    "Claim",
    "Claiming",
    "CustomerKeys",
    "CustomerKeysByPrefix",
    "DataKey",
    "DerivedCustomerKeys",
    "EncryptedDataKey",
    "Keyring",
    "KmsDiscoveryKeyring",
    "KmsKeyring",
    "Materials",
    "MaterialsProvider",
    "MessageKey",
    "MessageKeyring",
    "MultiKeyring",
    "OneCustomerKey",
    "Pkcs11Keyring",
    "ProviderKeyring",
    "ReuseLimits",
    "RsaKeyring",
    "kms_client",
]
