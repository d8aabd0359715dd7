"""Numbers that callers may change, and what they are without that."""

from __future__ import annotations

from typing import Literal

from s3cse.errors import SettingsError
from s3cse.message.header import MAX_ENCRYPTED_DATA_KEYS, MAX_FRAME_BYTES
from s3cse.message.workers import MAX_THREADS

#: Bytes of plaintext in a frame. A frame costs 32 bytes and one call; what a reader takes at once is one frame. At
#: 64 KiB the cost is 0.05 %, and a ranged read fetches little that nobody asked for.
DEFAULT_FRAME_LENGTH = 1 << 16
#: Wrapped keys that a reader looks at, where nobody allows more: each may cost a call to a key service.
DEFAULT_MAX_ENCRYPTED_DATA_KEYS = 16
#: The longest frame, or body in one piece, that a streaming reader holds in memory.
DEFAULT_MAX_PIECE_BYTES = 64 << 20

Commitment = Literal["require", "allow"]


def checked_frame_length(frame_length: int) -> int:
    """Return the frame length.

    Raises:
        SettingsError: the format has no room for it.
    """
    return _checked("frame length", frame_length, MAX_FRAME_BYTES)


def checked_max_keys(max_encrypted_data_keys: int) -> int:
    """Return the number of wrapped keys to allow.

    Raises:
        SettingsError: no message has as many.
    """
    return _checked("number of encrypted data keys", max_encrypted_data_keys, MAX_ENCRYPTED_DATA_KEYS)


def checked_threads(threads: int) -> int:
    """Return the number of threads.

    Raises:
        SettingsError: there are not as many.
    """
    return _checked("number of threads", threads, MAX_THREADS)


def checked_commitment(commitment: str) -> Commitment:
    """Return the commitment policy.

    Raises:
        SettingsError: there is no such policy.
    """
    if commitment == "require":
        return "require"
    if commitment == "allow":
        return "allow"
    raise SettingsError("this is no commitment policy", found=repr(commitment), expected="'require' or 'allow'")


def _checked(what: str, value: int, maximum: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= maximum:
        raise SettingsError(f"this is no {what}", found=repr(value), expected=f"1 to {maximum}")
    return value
