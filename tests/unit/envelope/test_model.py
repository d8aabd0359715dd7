"""The envelope value and its arithmetic."""

from __future__ import annotations

import pickle

import pytest

from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import BINDING_WRAPS, COMMITTING_IV, LEGACY_WRAPS, ContentAlgorithm

from .fields_of import V1, V3, cbc, gcm


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


def test_no_wrap_is_old_and_new() -> None:
    """A wrap binds the content algorithm or needs the caller's consent."""
    assert {"kms+context", "AES/GCM", "RSA-OAEP-SHA1"} == BINDING_WRAPS
    assert BINDING_WRAPS.isdisjoint(LEGACY_WRAPS)


def test_committing_suite_is_gcm_bound_to_its_number() -> None:
    """Suite 0x0073: a fixed IV, the suite id as AAD, and GCM's arithmetic (FORMATS.md section 8)."""
    suite = ContentAlgorithm.AES_GCM_COMMITTING
    assert (suite.authenticated, suite.commits, suite.aad) == (True, True, bytes.fromhex("0073"))
    assert suite.iv_bytes == len(COMMITTING_IV) == 12
    assert suite.stored_bytes(5) == 21
    assert suite.max_plaintext_bytes == ContentAlgorithm.AES_GCM.max_plaintext_bytes
    assert {other.aad for other in (ContentAlgorithm.AES_GCM, ContentAlgorithm.AES_CBC)} == {b""}


@pytest.mark.parametrize("headers", [gcm(), cbc(), V1, V3], ids=["gcm", "cbc", "v1", "v3"])
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
