"""Format V2: every field missing, malformed or contradicting another, and what is written."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from s3cse.envelope import v2
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.errors import EnvelopeError

from .fields_of import CEK_ENTRY, KEY_ARN, b64, cbc, gcm

Make = Callable[..., dict[str, str]]
GCM_NAME, CBC_NAME = "AES/GCM/NoPadding", "AES/CBC/PKCS5Padding"


def refused(headers: dict[str, str]) -> str:
    with pytest.raises(EnvelopeError) as caught:
        read_envelope(headers)
    error = caught.value
    assert error.found is not None
    assert error.expected is not None
    assert error.fix is not None
    return str(error)


@pytest.mark.parametrize("name", ["key_v2", "iv", "wrap_alg", "cek_alg"])
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("make", [gcm, cbc])
def test_required_field_missing(make: Make, name: str, value: str | None) -> None:
    """An envelope without a required field is refused, and the message says which."""
    message = refused(make(**{name: value}))
    assert "x-amz-key" in message if name == "key_v2" else f"lacks x-amz-{name.replace('_', '-')}" in message


@pytest.mark.parametrize("name", ["key_v2", "iv"])
@pytest.mark.parametrize("value", ["?", "YQ", "YQ==, YQ==", "=?UTF-8?B?YQ==?=", "YR==", "Y" * 5000 + "?"])
def test_bytes_that_are_not_base64(name: str, value: str) -> None:
    """Malformed base64 is refused by name."""
    assert f"x-amz-{name.replace('_', '-')} is not base64" in refused(gcm(**{name: value}))


@pytest.mark.parametrize("length", [1, 8, 11, 13, 16, 32])
def test_gcm_iv_of_another_length(length: int) -> None:
    """GCM takes 12 bytes, even where the cipher could take others."""
    assert f"x-amz-iv does not fit {GCM_NAME}; found {length} bytes; expected 12 bytes" in refused(gcm(iv=b64(length)))


@pytest.mark.parametrize("length", [1, 12, 15, 17, 32])
def test_cbc_iv_of_another_length(length: int) -> None:
    """CBC takes 16 bytes."""
    assert f"x-amz-iv does not fit {CBC_NAME}; found {length} bytes; expected 16 bytes" in refused(cbc(iv=b64(length)))


@pytest.mark.parametrize(
    "value", ["AES/CTR/NoPadding", "aes/gcm/nopadding", " AES/GCM/NoPadding", "115", GCM_NAME + ", " + GCM_NAME]
)
def test_unknown_content_algorithm(value: str) -> None:
    """Only the two stored algorithms exist, spelt exactly."""
    assert "x-amz-cek-alg names no known content algorithm" in refused(gcm(cek_alg=value))


@pytest.mark.parametrize("value", ["KMS", "kms+Context", "12", "kms, kms", "AES", "none"])
def test_unknown_wrap(value: str) -> None:
    """Only known key wraps pass, spelt exactly."""
    assert "x-amz-wrap-alg names no known key wrap" in refused(gcm(wrap_alg=value))


@pytest.mark.parametrize("value", ["96", "0", "16", "127", "136", "-128", "abc", "128 ", "0128", "128, 128"])
def test_gcm_tag_length_other_than_128(value: str) -> None:
    """Nobody talks a reader into a shorter tag."""
    assert f"x-amz-tag-len does not fit GCM; found {value!r}; expected '128'" in refused(gcm(tag_len=value))


@pytest.mark.parametrize("value", [None, ""])
def test_gcm_without_tag_length_is_read(value: str | None) -> None:
    """Go's objects lack the tag length (s3ec_kat.json); there is only one it could be."""
    assert read_envelope(gcm(tag_len=value)) == read_envelope(gcm())


def test_cbc_with_a_tag_length() -> None:
    """A GCM header on a CBC object betrays a change."""
    assert "x-amz-tag-len does not fit CBC; found '128'; expected none" in refused(cbc(tag_len="128"))


@pytest.mark.parametrize("value", ["abc", "[]", '{"a":1}', "=?UTF-8?B?W10=?=", '{"a":"b","a":"c"}', "{}, {}"])
@pytest.mark.parametrize("make", [gcm, cbc])
def test_malformed_context(make: Make, value: str) -> None:
    """A context that is no map of strings is refused."""
    assert "x-amz-matdesc is no JSON map of strings" in refused(make(matdesc=value))


@pytest.mark.parametrize("value", ["abc", "-1", "999999999999999999999", "5, 5", "=?UTF-8?B?NQ==?=", None, ""])
def test_length_header_is_never_an_error(value: str | None) -> None:
    """The length header is a claim: it is kept as it is and decides nothing."""
    envelope = read_envelope(gcm(unencrypted_content_length=value))
    assert envelope is not None
    assert envelope.claimed_length == (value or None)


@pytest.mark.parametrize("wrap", ["kms+context", "AES/GCM", "RSA-OAEP-SHA1"])
def test_wraps_that_bind_gcm_refuse_cbc(wrap: str) -> None:
    """An authenticated object cannot be relabelled as CBC."""
    message = refused(cbc(wrap_alg=wrap, matdesc=json.dumps({CEK_ENTRY: CBC_NAME})))
    assert f"x-amz-cek-alg does not go with wrap {wrap!r}; found {CBC_NAME}; expected {GCM_NAME}" in message


@pytest.mark.parametrize("entry", [GCM_NAME, "115", CBC_NAME, ""])
@pytest.mark.parametrize("make", [gcm, cbc])
def test_new_wrap_relabelled_as_old(make: Make, entry: str) -> None:
    """A reserved entry under the old wrap means that somebody changed the label; KMS alone would accept it."""
    message = refused(make(wrap_alg="kms", matdesc=json.dumps({CEK_ENTRY: entry})))
    assert "labelled as one of the old wrap 'kms'; found aws:x-amz-cek-alg" in message


@pytest.mark.parametrize("context", [{}, {"a": "b"}, {CEK_ENTRY: "115"}, {CEK_ENTRY: CBC_NAME}, {CEK_ENTRY: ""}])
def test_context_that_does_not_bind_the_algorithm(context: dict[str, str]) -> None:
    """A stored context of the new wrap names the object's own algorithm."""
    message = refused(gcm(matdesc=json.dumps(context)))
    assert f"does not name the object's own content algorithm in {CEK_ENTRY}" in message
    assert f"expected '{GCM_NAME}'" in message


@pytest.mark.parametrize("value", [None, ""])
def test_copies_without_a_context_are_left_to_kms(value: str | None) -> None:
    """An object that lost its context in a copy is parsed: the keyring sends the reserved entry by itself."""
    envelope = read_envelope(gcm(matdesc=value))
    assert envelope is not None
    assert envelope.materials_description is None


@pytest.mark.parametrize("context", ["{}", '{"a":"b"}', None])
def test_old_wrap_without_the_key_entry_is_left_to_kms(context: str | None) -> None:
    """The whole stored map is the context of the old wrap, whatever is in it; only KMS knows whether it is right."""
    assert read_envelope(cbc(matdesc=context)) is not None


@pytest.mark.parametrize("make", [gcm, cbc])
def test_written_headers_read_back(make: Make) -> None:
    """What is written is what is read, and exactly the headers of the format."""
    envelope = read_envelope(make())
    assert envelope is not None
    written = v2.write(envelope, 5)
    assert written.keys() == make().keys()
    assert {**written, "x-amz-matdesc": json.loads(written["x-amz-matdesc"])} == {
        **make(),
        "x-amz-matdesc": json.loads(make()["x-amz-matdesc"]),
    }
    assert read_envelope(written) == envelope


def test_emrfs_headers_byte_for_byte() -> None:
    """The profile for old EMRFS writes what Athena's family writes (FORMATS.md section 17)."""
    envelope = Envelope(Format.V2, ContentAlgorithm.AES_CBC, "kms", b"key", bytes(16), {"kms_cmk_id": KEY_ARN})
    assert v2.write(envelope, 0) == {
        "x-amz-key-v2": "a2V5",
        "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==",
        "x-amz-matdesc": f'{{"kms_cmk_id":"{KEY_ARN}"}}',
        "x-amz-wrap-alg": "kms",
        "x-amz-cek-alg": CBC_NAME,
        "x-amz-unencrypted-content-length": "0",
    }


@pytest.mark.parametrize(("wrap", "length"), [("AES/GCM", 60), ("AESWrap", 40)])
@pytest.mark.parametrize("change", [-59, -1, 1, 8])
def test_wrapped_key_of_another_length(wrap: str, length: int, change: int) -> None:
    """A truncated AES key, or one of another wrap, costs no look at any key."""
    assert read_envelope(gcm(wrap_alg=wrap, key_v2=b64(length))) is not None
    other = max(1, length + change)
    message = refused(gcm(wrap_alg=wrap, key_v2=b64(other)))
    assert f"x-amz-key-v2 does not fit wrap {wrap!r}; found {other} bytes; expected {length} bytes" in message


@pytest.mark.parametrize("wrap", ["RSA-OAEP-SHA1", "RSA/ECB/OAEPWithSHA-256AndMGF1Padding", "kms+context", "kms"])
def test_other_wrapped_keys_are_as_long_as_their_key_makes_them(wrap: str) -> None:
    """Only the keyring knows how long an RSA or KMS blob is."""
    matdesc = "{}" if wrap == "kms" else gcm()["x-amz-matdesc"]
    assert read_envelope(gcm(wrap_alg=wrap, matdesc=matdesc, key_v2=b64(77))) is not None


@pytest.mark.parametrize("wrap", ["AES/ECB/PKCS5Padding", "RSA/ECB/PKCS1Padding"])
def test_our_names_for_the_wraps_of_v1_are_no_header_values(wrap: str) -> None:
    """Format V1 has no names, so V2 headers cannot use them."""
    assert "names no known key wrap" in refused(gcm(wrap_alg=wrap))


def test_a_hostile_value_is_not_repeated_at_length() -> None:
    """Whatever is wrong with a header, the message stays short."""
    for field in ("cek_alg", "wrap_alg", "tag_len", "matdesc", "key_v2", "iv"):
        assert len(refused(gcm(**{field: "?" * 60_000}))) < 500
    assert len(refused(gcm(matdesc=json.dumps({CEK_ENTRY: "x" * 60_000})))) < 500
