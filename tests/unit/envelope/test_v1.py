"""Format V1: every field missing, malformed or contradicting another, and what is written."""

from __future__ import annotations

import pytest

from s3cse.envelope import v1 as format_v1
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.errors import EnvelopeError

from .fields_of import b64, v1

CBC_NAME = "AES/CBC/PKCS5Padding"


def refused(headers: dict[str, str]) -> str:
    with pytest.raises(EnvelopeError) as caught:
        read_envelope(headers)
    assert None not in (caught.value.found, caught.value.expected, caught.value.fix)
    return str(caught.value)


@pytest.mark.parametrize(
    ("length", "wrap"),
    [(48, "AES/ECB/PKCS5Padding"), (49, "RSA/ECB/PKCS1Padding"), (256, "RSA/ECB/PKCS1Padding")],
)
def test_the_wrapped_key_tells_the_wrap(length: int, wrap: str) -> None:
    """The format names no wrap; the length does."""
    envelope = read_envelope(v1(key=b64(length)))
    assert envelope is not None
    assert (envelope.format, envelope.content_algorithm) == (Format.V1, ContentAlgorithm.AES_CBC)
    assert (envelope.wrap_algorithm, len(envelope.encrypted_data_key)) == (wrap, length)
    assert not envelope.authenticated


@pytest.mark.parametrize("length", [1, 16, 32, 40, 47])
def test_truncated_wrapped_key(length: int) -> None:
    """Nothing shorter than an AES-wrapped key of 32 bytes is one."""
    message = refused(v1(key=b64(length)))
    assert f"x-amz-key does not fit wrap 'AES/ECB/PKCS5Padding'; found {length} bytes; expected 48 bytes" in message


@pytest.mark.parametrize("value", [None, ""])
def test_redshift_files_have_no_description(value: str | None) -> None:
    """UNLOAD writes key and IV, and perhaps nothing else."""
    envelope = read_envelope(v1(matdesc=value, unencrypted_content_length=value))
    assert envelope is not None
    assert (envelope.materials_description, envelope.claimed_length) == (None, None)


@pytest.mark.parametrize("name", ["key", "iv"])
@pytest.mark.parametrize("value", [None, "", "?", "YQ", "YR=="])
def test_missing_or_malformed_field(name: str, value: str | None) -> None:
    """Key and IV must be there, in base64."""
    assert f"x-amz-{name}" in refused(v1(**{name: value}))


@pytest.mark.parametrize("length", [1, 12, 15, 17, 32])
def test_iv_of_another_length(length: int) -> None:
    """CBC takes 16 bytes."""
    assert f"x-amz-iv does not fit {CBC_NAME}; found {length} bytes; expected 16 bytes" in refused(v1(iv=b64(length)))


@pytest.mark.parametrize("value", ["abc", "[]", '{"a":1}', '{"a":"b","a":"c"}', "null"])
def test_malformed_description(value: str) -> None:
    """A description that is no map of strings is refused."""
    assert "x-amz-matdesc is no JSON map of strings" in refused(v1(matdesc=value))


def test_naming_the_only_algorithm_changes_nothing() -> None:
    """A header that says CBC on a CBC object is true."""
    assert read_envelope(v1(cek_alg=CBC_NAME)) == read_envelope(v1())


@pytest.mark.parametrize("value", ["AES/GCM/NoPadding", "AES/CTR/NoPadding", "115", "aes/cbc/pkcs5padding"])
def test_any_other_algorithm_is_refused(value: str) -> None:
    """V1 has CBC bodies only."""
    assert "x-amz-cek-alg does not go with format V1; found " in refused(v1(cek_alg=value))


@pytest.mark.parametrize(("name", "value"), [("wrap_alg", "kms"), ("wrap_alg", "AESWrap"), ("tag_len", "128")])
def test_other_headers_of_v2_are_refused(name: str, value: str) -> None:
    """A V2 object whose key was renamed is not read as V1."""
    assert f"found x-amz-{name.replace('_', '-')}; expected x-amz-key, " in refused(v1(**{name: value}))


def test_redshift_headers_byte_for_byte() -> None:
    """What COPY reads: key, IV, an empty description and the length (FORMATS.md section 18)."""
    envelope = Envelope(Format.V1, ContentAlgorithm.AES_CBC, "AES/ECB/PKCS5Padding", bytes(48), bytes(16), None)
    assert format_v1.write(envelope, 7) == {
        "x-amz-key": b64(48),
        "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==",
        "x-amz-matdesc": "{}",
        "x-amz-unencrypted-content-length": "7",
    }


def test_written_headers_read_back() -> None:
    """What is written is what is read."""
    envelope = read_envelope(v1(matdesc='{"k":"\\u00e9"}'))
    assert envelope is not None
    assert envelope.materials_description == {"k": "é"}
    assert read_envelope(format_v1.write(envelope, 5)) == envelope
