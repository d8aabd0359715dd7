"""How long the bodies of the S3 formats are, and how long their plaintexts."""

from __future__ import annotations

from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES, Backend
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.errors import EnvelopeError, IntegrityError
from s3cse.objects.naming import does_not_verify
from s3cse.objects.policy import Policy


def check_not_empty(envelope: Envelope | None, size: int, policy: Policy) -> None:
    if size == 0 and (envelope is not None or policy.plaintext == "refuse"):
        # Even an empty plaintext is 16 bytes long when it is encrypted.
        raise EnvelopeError(
            "the object is empty, so it is no encrypted object",
            found="0 bytes",
            expected="at least 16 bytes",
            fix="write it again, or delete it",
        )


def check_size(envelope: Envelope, size: int) -> None:
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


def plaintext_bytes(envelope: Envelope, key: Secret, size: int, tail: bytes, backend: Backend) -> int:
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
