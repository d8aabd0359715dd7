"""Client-side encryption for data in S3. See README.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    SettingsError,
    TransferError,
)
from s3cse.on_demand import names_on_demand

if TYPE_CHECKING:
    from s3cse.client import Client

__all__ = [
    "Client",
    "EnvelopeError",
    "IntegrityError",
    "KeyringError",
    "PolicyError",
    "S3CSEError",
    "SettingsError",
    "TransferError",
]


#: Spark imports this package in workers that need no client.
__getattr__, __dir__ = names_on_demand(__name__, {"Client": "client"})
