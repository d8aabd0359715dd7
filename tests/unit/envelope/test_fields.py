"""Single fields: strict where an attacker may have written them."""

from __future__ import annotations

import json

import pytest

from s3cse.envelope.fields import (
    MAX_JSON_CHARS,
    Number,
    decode_base64,
    decode_json,
    decode_map,
    encode_base64,
    encode_map,
    is_text,
    required,
)
from s3cse.errors import EnvelopeError

NOT_BASE64 = [
    "a",
    "ab",
    "abc",
    "YQ",
    "YQ=",
    "YQ===",
    "YR==",
    "YWI",
    "YWJ=",
    "YWJj=",
    "YQ==YQ==",
    "Y Q==",
    "YQ==\n",
    "-_8=",
]
NOT_BASE64 += ["é===", "====", "=YQ=", "YQ==, YQ=="]
NOT_A_MAP = [
    "ÿ", "abc", "[]", '"a"', "1", "null", "NaN", "{", '{"a":"b"', "{} x", '{"a":1}', '{"a":null}', '{"a":["b"]}',
    '{"a":{"b":"c"}}', '{"a":"b","a":"b"}', '{"a":"b","a":"c"}', '{"a":"\\ud800"}', '{"\\udfff":"b"}', "{}, {}",
    '{"a":' * 5000, "1" * 10_000, "{'a':'b'}",
]  # fmt: skip


@pytest.mark.parametrize("data", [b"", b"a", b"ab", b"abc", bytes(range(256))])
def test_base64_round_trip(data: bytes) -> None:
    """What is written as base64 reads back."""
    assert decode_base64("x-amz-iv", encode_base64(data)) == data


@pytest.mark.parametrize("text", NOT_BASE64)
def test_base64_that_readers_could_disagree_on_is_refused(text: str) -> None:
    """Only the one canonical text of a value passes, on every Python version."""
    with pytest.raises(EnvelopeError, match=r"x-amz-iv is not base64; found .*; expected .*padding.* restore"):
        decode_base64("x-amz-iv", text)


@pytest.mark.parametrize("entries", [{}, {"a": "b"}, {"ключ": "値 😀", "": ""}])
def test_map_round_trip_in_pure_ascii(entries: dict[str, str]) -> None:
    """A context of any language crosses every HTTP stack unchanged."""
    text = encode_map(entries)
    assert text.isascii()
    assert decode_map("x-amz-matdesc", text) == entries


@pytest.mark.parametrize("text", NOT_A_MAP)
def test_anything_but_one_map_of_strings_is_refused(text: str) -> None:
    """No JSON that two parsers could read differently becomes an encryption context."""
    with pytest.raises(EnvelopeError, match="x-amz-matdesc is no JSON map of strings; found "):
        decode_map("x-amz-matdesc", text)


def test_error_shows_no_more_than_the_beginning_of_a_bad_value() -> None:
    """A hostile header cannot flood the log."""
    with pytest.raises(EnvelopeError) as caught:
        decode_map("x-amz-matdesc", "\x1b[2J" + "x" * 10_000)
    assert len(str(caught.value)) < 400
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize("pad", ["x", "\\u0041"])
def test_a_map_of_a_megabyte_is_refused(pad: str) -> None:
    """No honest description comes near the limit, and nobody makes us parse a megabyte."""
    longest = '{"a":"' + "x" * (MAX_JSON_CHARS - 8) + '"}'
    assert len(decode_map("x-amz-matdesc", longest)["a"]) == MAX_JSON_CHARS - 8
    for text in (longest + " ", '{"a":"' + pad * (1 << 20) + '"}'):
        with pytest.raises(EnvelopeError, match="x-amz-matdesc is no JSON map of strings"):
            decode_map("x-amz-matdesc", text)


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 50_000, '{"a":' * 20_000 + "{}" + "}" * 20_000])
def test_deep_nesting_is_refused(text: str) -> None:
    """Brackets without end are an error like any other, not a crash."""
    with pytest.raises(EnvelopeError, match="x-amz-matdesc is no JSON map of strings"):
        decode_map("x-amz-matdesc", text)


@pytest.mark.parametrize("number", ["1", "-0", "1.50", "1e99999", "NaN", "-Infinity", "9" * 100_000])
def test_numbers_stay_as_they_are_spelt(number: str) -> None:
    """Nobody computes with a number, so its length costs nothing."""
    assert decode_json(f'{{"a":{number}}}') == {"a": Number(number)}


def test_reencoded_map_is_no_map() -> None:
    """Encoded words are a matter of headers alone: in an instruction file they are just no JSON."""
    with pytest.raises(EnvelopeError, match="x-amz-matdesc is no JSON map of strings"):
        decode_map("x-amz-matdesc", "=?UTF-8?B?eyJhIjoiw6kifQ==?=")


def test_reencoded_text_inside_a_map_is_just_text() -> None:
    """A context entry that looks like RFC 2047 stays what it is."""
    text = json.dumps({"a": "=?UTF-8?B?w6k=?="})
    assert decode_map("x-amz-matdesc", text) == {"a": "=?UTF-8?B?w6k=?="}


def test_missing_field_is_named_with_those_that_are_there() -> None:
    """Who repairs an object sees what is left of its envelope."""
    with pytest.raises(EnvelopeError, match="lacks x-amz-iv; found x-amz-key-v2; expected x-amz-iv among them"):
        required({"x-amz-key-v2": "a"}, "x-amz-iv")


@pytest.mark.parametrize(("value", "answer"), [("", True), ("é", True), ("\ud800", False), (1, False), (None, False)])
def test_text_is_what_utf8_can_hold(value: object, answer: bool) -> None:
    """A lone surrogate is no text: it would break somewhere behind us."""
    assert is_text(value) is answer
