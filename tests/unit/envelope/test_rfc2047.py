"""Metadata that is not ASCII: what S3 makes of it is undone exactly, and nothing else is read into a header."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from s3cse.envelope.detect import read_envelope
from s3cse.envelope.instruction_file import parse_instruction_file
from s3cse.envelope.rfc2047 import decode_header
from s3cse.errors import EnvelopeError

from .fields_of import CEK_ENTRY, gcm, v1, v3

FOLDER = Path(__file__).parents[2] / "vectors" / "s3ec"
VECTORS = FOLDER / "s3ec_double_encoding.json"
SHA256 = "e1866a29848f11ca22779411ca802ca0b6f49d1b9a9ff297e9be182e1588201b"
CASES: list[dict[str, Any]] = json.loads(VECTORS.read_text())["cases"]


def as_http_gives_it(data: bytes) -> str:
    return data.decode("latin-1")


def doubled(text: str) -> str:
    """Encode as S3 does: UTF-8 bytes taken for Latin-1, in one encoded word."""
    return "=?UTF-8?B?" + base64.b64encode(text.encode().decode("latin-1").encode()).decode() + "?="


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_vectors(case: dict[str, Any]) -> None:
    """The cases of the Go client and of the specification."""
    text = as_http_gives_it(base64.b64decode(case["header_utf8_bytes_b64"]))
    if case["expect"] == "decode":
        assert decode_header("x-amz-matdesc", text) == case["decoded"]
        return
    with pytest.raises(EnvelopeError, match=r"x-amz-matdesc is not readable as metadata.*; found .*; expected .*u esc"):
        decode_header("x-amz-matdesc", text)


def test_every_vector_is_there() -> None:
    """None was edited, and none gets lost."""
    assert hashlib.sha256(VECTORS.read_bytes()).hexdigest() == SHA256
    assert len(CASES) == 18
    assert sum(case["expect"] == "decode" for case in CASES) == 12


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('=?UTF-8?Q?{"key":"=C3=83=C2=A5=C3=83=C2=A4=C3=83=C2=B6"}?=', '{"key":"åäö"}'),
        ('=?UTF-8?Q?{"a_b":"c=5Fd=20e"}?=', '{"a b":"c_d e"}'),
        ('=?utf-8?q?{"a":?= \t=?UTF-8?b?ImIifQ==?=', '{"a":"b"}'),
        ("=?UTF-8?B?w6TC?=\r\n =?UTF-8?B?uMKt?=", "中"),
        (" =?UTF-8?B?e30=?= ", "{}"),
        ("=?UTF-8?B??=", ""),
        ("{}", "{}"),
        ("", ""),
        ('{"a":"Ã©"}', '{"a":"é"}'),
        ('{"a":"=?UTF-8?B?w6k=?="}', '{"a":"=?UTF-8?B?w6k=?="}'),
    ],
)
def test_forms_of_a_header(text: str, meant: str) -> None:
    """Both encodings, words cut anywhere, raw UTF-8, and ASCII that only looks like a word."""
    assert decode_header("x-amz-t", text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "=?UTF-8?B?e30=?==?UTF-8?B?e30=?=",
        "=?UTF-8?B?e30=?=, =?UTF-8?B?e30=?=",
        "=?UTF-8?B?e30=?= {}",
        "=?UTF-8?B?e30=",
        "=?UTF-8?B?e30?=",
        "=?UTF-8?B?YR==?=",
        "=?UTF-8?X?e30=?=",
        "=?UTF-8?Q?a b?=",
        "=?UTF-8?Q?=G0?=",
        "=?UTF-8?Q?=C3?=",
        "=?UTF-8?Q?é?=",
        "=?UTF-8*en?Q?a?=",
        "=?ISO-8859-1?Q?=E9?=",
        "=?UTF-16?B?AGE=?=",
        "=?",
        "=??=",
        "=?UTF-8?Q?\u212a?=",
        "=?UTF-8?B?w6k=?=",
        "é",
        "\u0080",
        "値",
        "\ud800",
        "=?UTF-8?Q?" + "=" * 60_000 + "?=",
        "=?UTF-8?Q?a?= " * 5000 + "=?",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """A header that two readers could understand differently is read in no way; the message stays short."""
    with pytest.raises(EnvelopeError) as caught:
        decode_header("x-amz-m", text)
    assert len(str(caught.value)) < 400
    assert str(caught.value).isprintable() or "値" in text


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        (gcm(), "x-amz-matdesc"),
        (v1(), "x-amz-matdesc"),
        (v3(), "x-amz-t"),
        (v3(w="22", t=None, m="{}"), "x-amz-m"),
    ],
)
def test_maps_in_headers_are_decoded(headers: dict[str, str], name: str) -> None:
    """Every map that may hold a user's words."""
    stored = {**json.loads(headers[name]), "schlüssel": "値 😀"}
    envelope = read_envelope({**headers, name: doubled(json.dumps(stored, ensure_ascii=False))})
    assert envelope is not None
    assert envelope.materials_description == stored


def test_other_headers_are_not_decoded() -> None:
    """A key or an IV in encoded words was never written by S3."""
    with pytest.raises(EnvelopeError, match="x-amz-iv is not base64"):
        read_envelope(gcm(iv=doubled(gcm()["x-amz-iv"])))


def test_instruction_files_are_plain_utf8() -> None:
    """S3 does not touch a body."""
    context = json.dumps({CEK_ENTRY: "AES/GCM/NoPadding", "é": "値"}, ensure_ascii=False)
    body = json.dumps(gcm(matdesc=context), ensure_ascii=False).encode()
    assert parse_instruction_file(body)["x-amz-matdesc"] == context
    envelope = read_envelope({}, (), body)
    assert envelope is not None
    assert envelope.materials_description == json.loads(context)
    with pytest.raises(EnvelopeError, match="x-amz-matdesc is no JSON map of strings"):
        read_envelope({}, (), json.dumps(gcm(matdesc=doubled(context))).encode())
