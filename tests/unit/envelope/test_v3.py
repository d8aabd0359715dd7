"""Format V3: every field missing, malformed or contradicting another, and what is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from s3cse.envelope import v3 as format_v3
from s3cse.envelope.detect import read_envelope
from s3cse.envelope.model import COMMITTING_IV, ContentAlgorithm, Envelope, Format
from s3cse.errors import EnvelopeError

from .fields_of import CEK_ENTRY, b64, v3

Make = Callable[..., dict[str, str]]


def aes(**changes: str | None) -> dict[str, str]:
    return v3(**{"w": "02", "field_3": b64(60), "t": None, **changes})


def rsa(**changes: str | None) -> dict[str, str]:
    return v3(**{"w": "22", "field_3": b64(256), "t": None, **changes})


def opened(headers: dict[str, str]) -> Envelope:
    envelope = read_envelope(headers)
    assert envelope is not None
    return envelope


def refused(headers: dict[str, str]) -> str:
    with pytest.raises(EnvelopeError) as caught:
        read_envelope(headers)
    assert None not in (caught.value.found, caught.value.expected, caught.value.fix)
    return str(caught.value)


def test_envelope_holds_what_the_headers_say() -> None:
    """Nothing is lost or invented between headers and envelope."""
    envelope = opened(v3())
    assert (envelope.format, envelope.content_algorithm) == (Format.V3, ContentAlgorithm.AES_GCM_COMMITTING)
    assert (envelope.wrap_algorithm, envelope.encrypted_data_key) == ("kms+context", b"wrapped data key")
    assert (envelope.commitment, envelope.message_id) == (bytes(range(28)), bytes(range(1, 29)))
    assert (envelope.iv, envelope.claimed_length) == (COMMITTING_IV, None)
    assert envelope.materials_description == {CEK_ENTRY: "115"}


@pytest.mark.parametrize(
    ("headers", "wrap"),
    [(v3(), "kms+context"), (aes(), "AES/GCM"), (rsa(), "RSA-OAEP-SHA1")],
)
def test_codes_of_the_wraps(headers: dict[str, str], wrap: str) -> None:
    """02, 12 and 22 are the three there are."""
    assert opened(headers).wrap_algorithm == wrap


@pytest.mark.parametrize("name", ["c", "field_3", "w", "d", "i"])
@pytest.mark.parametrize("value", [None, ""])
@pytest.mark.parametrize("make", [v3, aes, rsa])
def test_required_field_missing(make: Make, name: str, value: str | None) -> None:
    """An envelope without a required field is refused, and the message says which."""
    header = "x-amz-" + name.removeprefix("field_")
    message = refused(make(**{name: value}))
    assert f"lacks {header}" in message or (header == "x-amz-3" and "no wrapped key" in message)


@pytest.mark.parametrize("value", ["999", "114", "112", "0x73", "0115", "115 ", "AES/GCM/NoPadding", "115, 115", "١١٥"])
def test_other_suites(value: str) -> None:
    """Only the committing suite is one, spelt exactly: no downgrade."""
    assert "x-amz-c names no known content algorithm; found " in refused(v3(c=value))


@pytest.mark.parametrize("value", ["99", "01", "11", "21", "00", "2", "012", "kms+context", "AES/GCM", "kms", "12 "])
def test_other_wraps(value: str) -> None:
    """Nobody writes another wrap, and the legacy ones have no code."""
    assert "x-amz-w names no known key wrap; found " in refused(v3(w=value))


@pytest.mark.parametrize("name", ["d", "i"])
@pytest.mark.parametrize("length", [1, 27, 29, 32, 56])
def test_commitment_and_message_id_have_28_bytes(name: str, length: int) -> None:
    """A prefix of the commitment is none."""
    assert f"x-amz-{name} has a wrong length; found {length} bytes; expected 28 bytes" in refused(
        v3(**{name: b64(length)})
    )


@pytest.mark.parametrize("name", ["field_3", "d", "i"])
@pytest.mark.parametrize("value", ["?", "YQ", "YR==", "notvalidbase64"])
def test_bytes_that_are_not_base64(name: str, value: str) -> None:
    """Malformed base64 is refused by name."""
    assert f"x-amz-{name.removeprefix('field_')} is not base64" in refused(v3(**{name: value}))


@pytest.mark.parametrize("length", [1, 40, 48, 59, 61])
def test_truncated_aes_key(length: int) -> None:
    """AES/GCM gives 60 bytes."""
    assert f"x-amz-3 does not fit wrap 'AES/GCM'; found {length} bytes" in refused(aes(field_3=b64(length)))


@pytest.mark.parametrize("value", [None, "", "{}", '{"a":"b"}', json.dumps({CEK_ENTRY: "AES/GCM/NoPadding"})])
def test_context_that_does_not_bind_the_suite(value: str | None) -> None:
    """Every writer stores the reserved entry; without it the object is not what it was."""
    message = refused(v3(t=value))
    assert f"x-amz-t does not name the object's own content algorithm in {CEK_ENTRY}" in message
    assert "expected '115'" in message


@pytest.mark.parametrize("value", [None, "", "{}"])
@pytest.mark.parametrize("make", [aes, rsa])
def test_no_description_is_none(make: Make, value: str | None) -> None:
    """Go writes an empty x-amz-m, others write none."""
    assert not opened(make(m=value, t="")).materials_description


@pytest.mark.parametrize("make", [aes, rsa])
def test_description_of_a_raw_key(make: Make) -> None:
    """x-amz-m tells which key opens it."""
    assert opened(make(m='{"k":"v"}')).materials_description == {"k": "v"}


@pytest.mark.parametrize(
    ("headers", "name"),
    [(v3(m='{"k":"v"}'), "x-amz-m"), (aes(t='{"k":"v"}'), "x-amz-t"), (rsa(m="{}", t='{"k":"v"}'), "x-amz-t")],
)
def test_description_of_the_other_kind(headers: dict[str, str], name: str) -> None:
    """A context on a raw key, or a description on a KMS key, means that the wrap was relabelled."""
    assert f"{name} does not go with wrap " in refused(headers)


@pytest.mark.parametrize("headers", [v3(m="{}"), v3(m=""), aes(t="{}"), rsa(t="", m="{}")])
def test_an_empty_description_of_the_other_kind_says_nothing(headers: dict[str, str]) -> None:
    """Only what is said can contradict."""
    opened(headers)


@pytest.mark.parametrize("value", ["abc", "[]", "null", '{"a":1}', '{"a":"b","a":"c"}'])
@pytest.mark.parametrize(("make", "name"), [(v3, "t"), (v3, "m"), (aes, "m"), (aes, "t"), (rsa, "m")])
def test_malformed_maps(make: Make, name: str, value: str) -> None:
    """Neither map may be anything but a map of strings."""
    assert f"x-amz-{name} is no JSON map of strings" in refused(make(**{name: value}))


@pytest.mark.parametrize("headers", [v3(), aes(m='{"k":"v"}'), aes(), rsa(m='{"k":"\\u00e9"}'), rsa()])
def test_written_headers_read_back(headers: dict[str, str]) -> None:
    """What is written is what is read, and exactly the headers of the format: no length, no empty description."""
    envelope = opened(headers)
    written = format_v3.write(envelope, 5)
    assert written.keys() == headers.keys()
    assert read_envelope(written) == envelope


def test_an_empty_description_is_left_out() -> None:
    """As the Java client does."""
    assert "x-amz-m" not in format_v3.write(opened(aes(m="{}")), 5)


def test_an_all_zero_message_id_is_read_and_not_written() -> None:
    """Somebody's broken object is readable; a broken source of random bytes writes nothing."""
    envelope = replace(opened(v3()), message_id=bytes(28))
    assert opened(v3(i=b64(28))) == envelope
    with pytest.raises(
        EnvelopeError, match="the message id is all zero; found 28 zero bytes; expected 28 random bytes"
    ):
        format_v3.write(envelope, 5)
