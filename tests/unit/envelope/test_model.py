"""The envelope value and its arithmetic."""

from __future__ import annotations

import pickle

import pytest

from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import KNOWN_WRAPS, LEGACY_WRAPS, ContentAlgorithm

from .fields_of import cbc, gcm


@pytest.mark.parametrize(("plaintext", "stored"), [(0, 16), (1, 17), (15, 31), (16, 32), (2**36 - 32, 2**36 - 16)])
def test_gcm_adds_a_tag(plaintext: int, stored: int) -> None:
    """GCM: 16 bytes more."""
    assert ContentAlgorithm.AES_GCM.stored_bytes(plaintext) == stored


@pytest.mark.parametrize(("plaintext", "stored"), [(0, 16), (1, 16), (15, 16), (16, 32), (17, 32), (31, 32), (32, 48)])
def test_cbc_pads_to_the_next_block(plaintext: int, stored: int) -> None:
    """CBC: always at least one byte of padding."""
    assert ContentAlgorithm.AES_CBC.stored_bytes(plaintext) == stored


def test_limits_are_those_of_the_ciphers() -> None:
    """GCM ends at 64 GiB less two blocks; CBC practically nowhere."""
    assert ContentAlgorithm.AES_GCM.max_plaintext_bytes == 2**36 - 32
    assert ContentAlgorithm.AES_CBC.max_plaintext_bytes == 2**55


def test_legacy_wraps_are_known_wraps() -> None:
    """Every old wrap is a wrap, and the new ones are not old."""
    assert {"kms+context", "AES/GCM", "RSA-OAEP-SHA1"} == KNOWN_WRAPS - LEGACY_WRAPS


@pytest.mark.parametrize("headers", [gcm(), cbc()], ids=["gcm", "cbc"])
def test_envelope_may_travel(headers: dict[str, str]) -> None:
    """An envelope holds no secret and survives pickling."""
    envelope = read_envelope(headers)
    assert pickle.loads(pickle.dumps(envelope)) == envelope


def test_only_gcm_is_authenticated() -> None:
    """CBC carries no tag, and the text form says what the object is."""
    authenticated, plain = read_envelope(gcm()), read_envelope(cbc())
    assert authenticated is not None
    assert plain is not None
    assert (authenticated.authenticated, plain.authenticated) == (True, False)
    assert str(plain) == "format V2, AES/CBC/PKCS5Padding, wrap 'kms'"
