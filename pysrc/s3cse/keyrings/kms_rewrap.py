"""A data key that goes from one KMS key to another inside KMS: what ReEncrypt is told, and what it answered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from s3cse.keyrings.kms_arn import may_be_same_key
from s3cse.keyrings.kms_context import OtherKeyError


@dataclass(frozen=True, slots=True)
class KmsSource:
    """How a stored data key is opened.

    Args:
        address: Region and endpoint of the KMS that has its key.
        key_id: the key; None: KMS finds it in the wrapped data key.
        context: the encryption context that it was wrapped with.
        check: gets the ARN of the key that KMS used, and raises KeyringError where that must not be.
    """

    address: tuple[str | None, str | None]
    key_id: str | None
    context: Mapping[str, str]
    check: Callable[[object], None]


@dataclass(frozen=True, slots=True)
class ReEncrypted:
    """A data key under its new key.

    Args:
        encrypted: the wrapped data key.
        context: what to store with it.
        key: ARN of the new key.
        unchanged: it was under this key, with this context, before.
    """

    encrypted: bytes
    context: Mapping[str, str]
    key: str
    unchanged: bool


def check_source(key_id: str, used: object) -> None:
    """Refuse a data key that was under another key than the one named; KMS itself does, not every stand-in for it.

    Raises:
        OtherKeyError: it was.
    """
    if used is not None and not may_be_same_key(key_id, used):
        raise OtherKeyError(
            "the data key is under another KMS key than the one that was named",
            found=str(used),
            expected=key_id,
            fix="name that key",
        )
