"""What can be said of the messages that objects are made of, in one value that travels with a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from s3cse.errors import SettingsError
from s3cse.message.limits import (
    DEFAULT_FRAME_LENGTH,
    DEFAULT_MAX_ENCRYPTED_DATA_KEYS,
    DEFAULT_MAX_PIECE_BYTES,
    checked_max_keys,
)
from s3cse.message.sealing import check_context
from s3cse.message.suites import COMMITTING, writable_suite


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOptions:
    """How messages in S3 are written, and what of them is believed.

    Args:
        frame_length: bytes of plaintext in a frame of what is written. A ranged read fetches whole frames; each costs
            32 bytes.
        suite: number of the algorithm suite that is written: 0x0478, or 0x0578 with a signature, which nothing of the
            object can be released before.
        context: the encryption context of what is written. What is read must have these pairs; it may have more.
        required_keys: names in it whose pairs are authenticated, but not stored.
        max_encrypted_data_keys: wrapped keys of a message that is read; more are refused before any is tried.

    Raises:
        SettingsError: a value that the format or this package does not take.
    """

    frame_length: int = DEFAULT_FRAME_LENGTH
    suite: int = COMMITTING.id
    context: Mapping[str, str] = field(default_factory=dict)
    required_keys: tuple[str, ...] = ()
    max_encrypted_data_keys: int = DEFAULT_MAX_ENCRYPTED_DATA_KEYS

    def __post_init__(self) -> None:
        writable_suite(self.suite)
        checked_max_keys(self.max_encrypted_data_keys)
        check_context(self.context, self.required_keys)
        if isinstance(self.frame_length, bool) or not isinstance(self.frame_length, int):
            raise _no_frame_length(self.frame_length)
        if not 1 <= self.frame_length <= DEFAULT_MAX_PIECE_BYTES:
            raise _no_frame_length(self.frame_length)


def _no_frame_length(value: object) -> SettingsError:
    return SettingsError(
        "objects have no such frame length",
        found=repr(value),
        expected=f"1 to {DEFAULT_MAX_PIECE_BYTES} bytes: a reader holds a whole frame in memory",
    )
