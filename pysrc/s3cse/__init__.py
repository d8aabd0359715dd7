"""Client-side encryption for data in S3. See README.md."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    SettingsError,
    TransferError,
)

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


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: Spark imports this package in workers that need none (PEP 562)."""
    if name == "Client":
        return import_module("s3cse.client").Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
