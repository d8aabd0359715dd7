"""Instruction files as bodies: what is read, what is refused, what is written."""

from __future__ import annotations

import json

import pytest

from s3cse.envelope.instruction_file import (
    INSTRUCTION_MARKER,
    INSTRUCTION_SUFFIX,
    MAX_INSTRUCTION_BYTES,
    parse_instruction_file,
    write_instruction_file,
)
from s3cse.errors import EnvelopeError

LENGTH = "x-amz-unencrypted-content-length"


def refused(body: bytes) -> str:
    with pytest.raises(EnvelopeError) as caught:
        parse_instruction_file(body)
    assert None not in (caught.value.found, caught.value.expected, caught.value.fix)
    return str(caught.value)


def test_names_are_those_of_the_clients() -> None:
    """Suffix and marker are part of the format."""
    assert (INSTRUCTION_SUFFIX, INSTRUCTION_MARKER) == (".instruction", "x-amz-crypto-instr-file")


def test_fields_are_read() -> None:
    """Names in lower case, empty values dropped, unknown names kept."""
    body = b'{"X-Amz-Key": "a", "x-amz-iv":"b", "x-amz-tag-len":"", "other": "c"}'
    assert parse_instruction_file(body) == {"x-amz-key": "a", "x-amz-iv": "b", "other": "c"}
    assert parse_instruction_file(b" {}\n") == {}


@pytest.mark.parametrize(("value", "text"), [("128", "128"), ("0", "0"), ('"128"', "128"), ("9" * 9999, "9" * 9999)])
@pytest.mark.parametrize("name", ["x-amz-tag-len", LENGTH, "X-Amz-Tag-Len"])
def test_numbers_of_the_numeric_fields(name: str, value: str, text: str) -> None:
    """Go writes and takes JSON numbers, of any size."""
    assert parse_instruction_file(f'{{"{name}":{value}}}'.encode()) == {name.lower(): text}


@pytest.mark.parametrize("name", ["x-amz-tag-len", LENGTH])
def test_null_in_a_numeric_field_is_absent(name: str) -> None:
    """As Go reads it."""
    assert parse_instruction_file(f'{{"{name}":null}}'.encode()) == {}


@pytest.mark.parametrize("name", ["x-amz-tag-len", LENGTH])
@pytest.mark.parametrize("value", ["-1", "1.0", "128e0", "NaN", "Infinity", "true", "[]", "[128]", "{}", "0128"])
def test_other_values_of_the_numeric_fields(name: str, value: str) -> None:
    """A length is a whole number, in one spelling."""
    assert "no JSON object of strings" in refused(f'{{"{name}":{value}}}'.encode())


@pytest.mark.parametrize("value", ["null", "1", "1.5", "true", "[]", "{}", '["a"]', "NaN", '"\\ud800"'])
@pytest.mark.parametrize("name", ["x-amz-key", "x-amz-matdesc", "x-amz-iv", "IV", "other"])
def test_other_types_are_refused(name: str, value: str) -> None:
    """Everything else is a string, also what we do not use; the message names the field."""
    assert f"another value than a string for {name!r}" in refused(f'{{"{name}":{value}}}'.encode())


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"hello", b"[]", b'"x"', b"null", b"1", b"{", b'{"x-amz-iv":"AAAA"', b"{} {}", b"{},", b"{'a':'b'}",
        b'{"x-amz-key-v2":"\xff"}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"a":"\x00"}', b'{"\\ud800":"a"}',
        b"[" * 200_000, b'{"a":' * 50_000, b'{"x-amz-iv":' + b"9" * 5000,
    ],
)  # fmt: skip
def test_what_is_no_json_object_in_utf8(body: bytes) -> None:
    """Whatever lies beside an object under that name, it is an error that says so."""
    assert "the instruction file is no JSON object of strings" in refused(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"x-amz-key":"a","x-amz-key":"a"}',
        b'{"x-amz-key":"a","X-AMZ-KEY":"b"}',
        b'{"x-amz-tag-len":"","X-Amz-Tag-Len":128}',
        b'{"other":"a","Other":"b"}',
        b'{"IV":"a","iv":"b"}',
    ],
)
def test_a_name_in_two_spellings_is_refused(body: bytes) -> None:
    """Which of two values counts is not left to chance, even where one is empty."""
    assert "the instruction file is no JSON object of strings" in refused(body)


def test_length_is_limited() -> None:
    """The largest file is read, one byte more is not, before it is parsed."""
    body = b"{}" + b" " * (MAX_INSTRUCTION_BYTES - 2)
    assert parse_instruction_file(body) == {}
    assert f"found more than {MAX_INSTRUCTION_BYTES} bytes" in refused(body + b" ")


def test_old_dotnet_form() -> None:
    """Its two names are those of format V1."""
    body = b'{"EncryptedEnvelopeKey":"a","IV":"b"}'
    assert parse_instruction_file(body) == {"x-amz-key": "a", "x-amz-iv": "b"}


@pytest.mark.parametrize("name", ["EncryptedEnvelopeKey", "IV"])
@pytest.mark.parametrize("other", ["x-amz-key", "x-amz-key-v2", "x-amz-3", "x-amz-iv", "x-amz-cek-alg"])
def test_old_and_new_names_do_not_mix(name: str, other: str) -> None:
    """No field has two sources."""
    assert f"found '{name.lower()}, {other}'" in refused(json.dumps({name: "a", other: "b"}).encode())


def test_messages_show_little_and_nothing_dangerous() -> None:
    """A hostile file cannot flood or steer the log."""
    for body in (b"\x1b[2J" + b"x" * 9999, json.dumps({"\x1b" * 9999: 1}).encode(), b'{"' + b"A" * 9999 + b'":[]}'):
        message = refused(body)
        assert len(message) < 600
        assert "\x1b" not in message


def test_written_files_are_ascii_and_read_back() -> None:
    """Some clients misread other bytes, their own files included."""
    fields = {"x-amz-key": "a", "x-amz-matdesc": '{"é":"値"}'}
    body = write_instruction_file(fields)
    assert body.isascii()
    assert parse_instruction_file(body) == fields
