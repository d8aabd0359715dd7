"""Who wraps data keys: the only code that sees a key service.

A raw key needs neither KMS's client nor PKCS#11: a name is imported when it is first asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.on_demand import names_on_demand

if TYPE_CHECKING:
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

__getattr__, __dir__ = names_on_demand(
    __name__,
    {
        "AesKeyring": "aes",
        "CachingKeyring": "caching",
        "Claim": "base",
        "Claiming": "base",
        "CustomerKeys": "customer_keys",
        "CustomerKeysByPrefix": "customer_keys",
        "DataKey": "base",
        "DerivedCustomerKeys": "customer_keys",
        "EncryptedDataKey": "message_keys",
        "Keyring": "base",
        "KmsDiscoveryKeyring": "kms_discovery",
        "KmsKeyring": "kms",
        "Materials": "provider",
        "MaterialsProvider": "provider",
        "MessageKey": "message_keys",
        "MessageKeyring": "message_keys",
        "MultiKeyring": "multi",
        "OneCustomerKey": "customer_keys",
        "Pkcs11Keyring": "pkcs11",
        "ProviderKeyring": "provider",
        "ReuseLimits": "message_reuse",
        "RsaKeyring": "rsa",
        "kms_client": "kms",
    },
)
