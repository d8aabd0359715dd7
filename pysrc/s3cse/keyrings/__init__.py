"""Who wraps data keys: the only code that sees a key service."""

from s3cse.keyrings.base import DataKey, Keyring
from s3cse.keyrings.caching import CachingKeyring
from s3cse.keyrings.kms import KmsKeyring, kms_client

__all__ = ["CachingKeyring", "DataKey", "Keyring", "KmsKeyring", "kms_client"]
