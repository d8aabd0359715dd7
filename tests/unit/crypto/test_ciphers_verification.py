"""What does not verify fails, always with the same words; on both backends."""

from __future__ import annotations

import hashlib

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.errors import IntegrityError

from .drive import AAD, IV12, IV16, KEY, cbc_whole, feed, gcm_whole, text


@pytest.mark.parametrize("length", [0, 1, 16, 100])
def test_any_flipped_bit_of_the_tag_fails(backend: Backend, length: int) -> None:
    """Each of the 128 bits of the tag is compared."""
    sealed = gcm_whole(text(length))
    for bit in range(128):
        tag = bytearray(sealed[-16:])
        tag[bit // 8] ^= 1 << bit % 8
        decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
        feed(decryptor, sealed[:-16])
        with pytest.raises(IntegrityError):
            decryptor.finalize(tag)


def test_changed_aad_iv_key_or_length_fails(backend: Backend) -> None:
    """Everything that went into the message is verified."""
    sealed = gcm_whole(text(40))
    body, tag = sealed[:-16], sealed[-16:]
    for key, iv, aad, seen in (
        (KEY[::-1], IV12, AAD, body),
        (KEY, IV12[::-1], AAD, body),
        (KEY, IV12, AAD + b"\0", body),
        (KEY, IV12, b"", body),
        (KEY, IV12, AAD, body[:-1]),
        (KEY, IV12, AAD, body + b"\0"),
    ):
        decryptor = backend.gcm_decryptor(key, iv, aad)
        feed(decryptor, seen)
        with pytest.raises(IntegrityError):
            decryptor.finalize(tag)


def test_a_failed_message_is_dead(backend: Backend) -> None:
    """After a wrong tag not even the right one is accepted, and no more data is."""
    tag = gcm_whole(b"")
    decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
    with pytest.raises(IntegrityError):
        decryptor.finalize(bytes(16))
    with pytest.raises(ValueError, match="failed before"):
        decryptor.finalize(tag)
    with pytest.raises(ValueError, match="failed before"):
        decryptor.update_into(b"a", bytearray(1))
    decryptor.close()


def cbc_error(backend: Backend, sealed: bytes, **options: bool) -> str:
    """The text of the failure that ``sealed`` gives."""
    decryptor = backend.cbc_decryptor(KEY, IV16, **options)
    feed(decryptor, sealed)
    out = bytearray(b"\xee" * 16)
    with pytest.raises(IntegrityError) as caught:
        decryptor.finalize_into(out)
    assert out == b"\xee" * 16
    with pytest.raises(ValueError, match="failed before"):
        decryptor.finalize_into(out)
    with pytest.raises(ValueError, match="failed before"):
        decryptor.update_into(b"", out)
    return str(caught.value)


def test_every_failure_reads_the_same(backend: Backend) -> None:
    """Bad padding, a bad length, no data at all and a bad GCM tag cannot be told apart by their text."""
    sealed = cbc_whole(text(40))
    texts = {cbc_error(backend, sealed[:length]) for length in range(48)}
    texts |= {cbc_error(backend, sealed[:length], padding=False) for length in range(1, 16)}
    for bit in range(64):  # of the second block: it flips the same bit of the third, whose last 8 bytes are padding
        changed = bytearray(sealed)
        changed[24 + bit // 8] ^= 1 << bit % 8
        texts.add(cbc_error(backend, bytes(changed)))
    with pytest.raises(IntegrityError) as caught:
        backend.gcm_decryptor(KEY, IV12).finalize(bytes(16))
    assert texts | {str(caught.value)} == {"the data does not verify"}


@pytest.mark.parametrize("pad", range(256))
def test_only_the_right_padding_is_accepted(backend: Backend, pad: int) -> None:
    """A last block of sixteen equal bytes is padding if they are 16; then nothing remains. No other full block is."""
    block = bytes([pad]) * 16
    encryptor = backend.cbc_encryptor(KEY, IV16)
    sealed = feed(encryptor, block)
    if 1 <= pad <= 16:
        decryptor = backend.cbc_decryptor(KEY, IV16)
        feed(decryptor, sealed)
        out = bytearray(16)
        assert out[: decryptor.finalize_into(out)] == block[: 16 - pad]
    else:
        cbc_error(backend, sealed)


def test_the_error_holds_no_secret(backend: Backend) -> None:
    """Neither the exception nor its context shows key, IV, tag or data."""
    tag = hashlib.sha256(b"tag").digest()[:16]
    decryptor = backend.gcm_decryptor(KEY, IV12, AAD)
    with pytest.raises(IntegrityError) as caught:
        decryptor.finalize(tag)
    assert caught.value.args == ("the data does not verify",)
    assert caught.value.__cause__ is None
    assert caught.value.uri is None
