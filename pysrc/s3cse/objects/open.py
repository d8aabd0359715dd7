"""Opening an encrypted object: one suffix-range GET brings the envelope (in its headers) and the end of the body.

An object whose headers hold no wrapped key costs a second GET, for its instruction file. The order matters: the
envelope's consistency, then the caller's policy, then the key service, then the key commitment, then the body. A
refused object costs no call to the key service.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NoReturn

from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES, Backend
from s3cse.crypto.secret import Secret
from s3cse.envelope.detect import read_envelope, wants_instruction_file
from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.envelope.model import Envelope
from s3cse.errors import EnvelopeError, IntegrityError, TransferError
from s3cse.keyrings.base import Keyring, replaces_description
from s3cse.objects.content_key import content_key
from s3cse.objects.envelope_storage import fetch_instruction_file
from s3cse.objects.naming import does_not_verify, naming
from s3cse.objects.policy import Policy
from s3cse.storage.port import Location, ObjectStore, StoredObject

#: Enough for most Parquet footers, and for a small object as a whole.
TAIL_BYTES = 64 << 10


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that was opened: what it is, how long its plaintext is, and the stored bytes that came along.

    ``tail`` holds the last stored bytes (ciphertext, tag included; plaintext where the object is plain). ``key`` is the
    body's, None for a plain object. ``instruction`` is what the headers of its instruction file say, if it has one.
    ``plaintext_bytes`` of a CBC object is only as true as its unauthenticated padding. Belongs
    to one process and cannot be pickled.
    """

    store: ObjectStore = field(repr=False)
    stored: StoredObject
    envelope: Envelope | None
    key: Secret | None
    tail: bytes = field(repr=False)
    plaintext_bytes: int
    backend: Backend = field(repr=False)
    instruction: StoredObject | None = None

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return self.stored.location.uri

    def cipher(self) -> tuple[Envelope, Secret]:
        """Return the envelope and key of an encrypted object."""
        if self.envelope is None or self.key is None:
            raise ValueError(f"{self.uri} is a plain object")
        return self.envelope, self.key

    def __reduce__(self) -> NoReturn:
        raise TypeError("an open object holds a key and cannot be pickled: send its location and open it there")


def open_object(
    store: ObjectStore,
    keyring: Keyring,
    location: Location,
    policy: Policy,
    *,
    tail_bytes: int = TAIL_BYTES,
    instruction_suffix: str = INSTRUCTION_SUFFIX,
    backend: Backend | None = None,
) -> OpenObject:
    """Open an object in one GET, without a HEAD, and unwrap its data key.

    Args:
        tail_bytes: how much of the end of the stored body to fetch along, at least 32.
        instruction_suffix: what the name of an instruction file adds to the object's.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError, TransferError: as their names say; each names the
            object.
    """
    # Whole blocks from the end: a CBC reader decrypts from a block border on.
    length = max(-(-tail_bytes // BLOCK_BYTES), 2) * BLOCK_BYTES
    with naming(location):
        stored, tail = store.get_tail(location, length)
        if len(tail) != min(length, stored.size):
            raise TransferError(
                "the store returned too little of the object",
                found=f"{len(tail)} bytes",
                expected=f"{min(length, stored.size)} bytes",
                fix="use another store",
            )
        file = None
        if stored.size and wants_instruction_file(stored.metadata, stored.doubled):
            file = fetch_instruction_file(store, Location(location.bucket, location.key + instruction_suffix))
        instruction, body = file or (None, None)
        envelope = read_envelope(
            stored.metadata, stored.doubled, body, damaged_description=replaces_description(keyring)
        )
        _check_empty(envelope, stored.size, policy)
        policy.check(envelope)
        backend = backend or default_backend()
        if envelope is None:
            return OpenObject(store, stored, None, None, tail, stored.size, backend)
        _check_size(envelope, stored.size)
        key = content_key(envelope, keyring.unwrap(envelope))
        length = _plaintext_bytes(envelope, key, stored.size, tail, backend)
        return OpenObject(store, stored, envelope, key, tail, length, backend, instruction)


def _check_empty(envelope: Envelope | None, size: int, policy: Policy) -> None:
    if size == 0 and (envelope is not None or policy.plaintext == "refuse"):
        # Even an empty plaintext is 16 bytes long when it is encrypted.
        raise EnvelopeError(
            "the object is empty, so it is no encrypted object",
            found="0 bytes",
            expected="at least 16 bytes",
            fix="write it again, or delete it",
        )


def _check_size(envelope: Envelope, size: int) -> None:
    algorithm = envelope.content_algorithm
    least, most = algorithm.stored_bytes(0), algorithm.stored_bytes(algorithm.max_plaintext_bytes)
    whole = envelope.authenticated or size % BLOCK_BYTES == 0
    if not least <= size <= most or not whole:
        raise IntegrityError(
            f"no {algorithm.value} object has this length",
            found=f"{size} bytes",
            expected=f"{least} to {most} bytes" + ("" if envelope.authenticated else ", a multiple of 16"),
            fix="the object is truncated or damaged: restore it from a copy you trust",
        )


def _plaintext_bytes(envelope: Envelope, key: Secret, size: int, tail: bytes, backend: Backend) -> int:
    """Return the plaintext length; for CBC the last block is decrypted to see its padding (FORMATS.md section 11)."""
    if envelope.authenticated:
        return size - GCM_TAG_BYTES
    iv = tail[-2 * BLOCK_BYTES : -BLOCK_BYTES] if size > BLOCK_BYTES else envelope.iv
    block = bytearray(BLOCK_BYTES)
    try:
        with backend.cbc_decryptor(key.view(), iv) as cipher:
            cipher.update_into(tail[-BLOCK_BYTES:], block)
            kept = cipher.finalize_into(block)
    except IntegrityError:
        raise does_not_verify() from None
    return size - BLOCK_BYTES + kept
