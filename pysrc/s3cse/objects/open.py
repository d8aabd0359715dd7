"""Opening an encrypted object: one suffix-range GET brings the envelope (in its headers) and the end of the body.

The order matters: the envelope's consistency, then the caller's policy, then the key service, then the body. A refused
object costs no call to the key service.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import GCM_MAX_PLAINTEXT_BYTES, GCM_TAG_BYTES, Backend
from s3cse.crypto.secret import Secret
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import Envelope
from s3cse.errors import EnvelopeError, IntegrityError, S3CSEError
from s3cse.keyrings.base import Keyring
from s3cse.objects.policy import Policy
from s3cse.storage.port import Location, ObjectStore, StoredObject

#: Enough for most Parquet footers, and for a small object as a whole.
TAIL_BYTES = 64 << 10
_BLOCK = 16


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that was opened: what it is, how long its plaintext is, and the stored bytes that came along.

    ``tail`` holds the last stored bytes (ciphertext, tag included). ``key`` is None for a plain object.
    ``plaintext_bytes`` of a CBC object is only as true as its unauthenticated padding.
    """

    store: ObjectStore
    stored: StoredObject
    envelope: Envelope | None
    key: Secret | None
    tail: bytes = field(repr=False)
    plaintext_bytes: int
    backend: Backend

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return self.stored.location.uri

    def cipher(self) -> tuple[Envelope, Secret]:
        """Return the envelope and key of an encrypted object."""
        if self.envelope is None or self.key is None:
            raise ValueError(f"{self.uri} is a plain object")
        return self.envelope, self.key


def open_object(
    store: ObjectStore,
    keyring: Keyring,
    location: Location,
    policy: Policy,
    *,
    tail_bytes: int = TAIL_BYTES,
    backend: Backend | None = None,
) -> OpenObject:
    """Open an object in one GET, without a HEAD, and unwrap its data key.

    Args:
        tail_bytes: how much of the end of the stored body to fetch along, at least 32.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError, TransferError: as their names say; each names the
        object.
    """
    # Whole blocks from the end: a CBC reader decrypts from a block border on.
    stored, tail = store.get_tail(location, max(-(-tail_bytes // _BLOCK) * _BLOCK, 2 * _BLOCK))
    try:
        return _open(store, keyring, stored, tail, policy, backend or default_backend())
    except S3CSEError as error:
        raise error.at(location.uri) from error.__cause__


def _open(
    store: ObjectStore, keyring: Keyring, stored: StoredObject, tail: bytes, policy: Policy, backend: Backend
) -> OpenObject:
    envelope = read_envelope(stored.metadata, stored.doubled)
    if stored.size == 0 and (envelope is not None or policy.plaintext == "refuse"):
        # Even an empty plaintext is 16 bytes long when it is encrypted.
        raise EnvelopeError(
            "the object is empty, so it is no encrypted object",
            found="0 bytes",
            expected="at least 16 bytes",
            fix="write it again, or delete it",
        )
    policy.check(envelope)
    if envelope is None:
        return OpenObject(store, stored, None, None, tail, stored.size, backend)
    _check_size(envelope, stored.size)
    key = keyring.unwrap(envelope)
    length = _plaintext_bytes(envelope, key, stored.size, tail, backend)
    return OpenObject(store, stored, envelope, key, tail, length, backend)


def _check_size(envelope: Envelope, size: int) -> None:
    if envelope.authenticated:
        if not GCM_TAG_BYTES <= size <= GCM_MAX_PLAINTEXT_BYTES + GCM_TAG_BYTES:
            raise IntegrityError(
                "no GCM object has this length",
                found=f"{size} bytes",
                expected=f"{GCM_TAG_BYTES} to {GCM_MAX_PLAINTEXT_BYTES + GCM_TAG_BYTES} bytes",
                fix="the object is truncated or damaged: restore it",
            )
    elif size % _BLOCK:
        raise IntegrityError(
            "no CBC object has this length",
            found=f"{size} bytes",
            expected="a multiple of 16 bytes",
            fix="the object is truncated or damaged: restore it",
        )


def _plaintext_bytes(envelope: Envelope, key: Secret, size: int, tail: bytes, backend: Backend) -> int:
    """Return the plaintext length; for CBC the last block is decrypted to see its padding (FORMATS.md section 11)."""
    if envelope.authenticated:
        return size - GCM_TAG_BYTES
    iv = tail[-2 * _BLOCK : -_BLOCK] if size > _BLOCK else envelope.iv
    block = bytearray(_BLOCK)
    with backend.cbc_decryptor(key.view(), iv) as cipher:
        cipher.update_into(tail[-_BLOCK:], block)
        kept = cipher.finalize_into(block)
    return size - _BLOCK + kept
