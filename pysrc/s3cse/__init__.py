"""Client-side encryption for data in S3. See README.md."""

from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    SettingsError,
    TransferError,
)

__all__ = [
    "EnvelopeError",
    "IntegrityError",
    "KeyringError",
    "PolicyError",
    "S3CSEError",
    "SettingsError",
    "TransferError",
]
