"""The encryption context of an Encryption SDK message, as bytes: what keys and messages authenticate.

Source: AWS Encryption SDK specification, framework/structures.md, "Serialization".
"""

from __future__ import annotations

from collections.abc import Mapping

from s3cse.envelope.fields import is_text
from s3cse.errors import EnvelopeError, SettingsError

#: The longest name, value, and serialised context, in bytes: each has a length of two bytes in front.
MAX_CONTEXT_BYTES = 65_535
_LENGTH_BYTES = 2


def serialized(context: Mapping[str, str]) -> bytes:
    """Return the count of pairs and the pairs, sorted by the UTF-8 bytes of their names; nothing for no pairs.

    Raises:
        SettingsError: it is no map of strings, or longer than 65,535 bytes.
    """
    if not context:
        return b""
    pairs = sorted((_utf8(name), _utf8(value)) for name, value in context.items())
    data = _length(len(pairs)) + b"".join(_length(len(text)) + text for pair in pairs for text in pair)
    if len(data) > MAX_CONTEXT_BYTES:
        raise _too_long(len(data))
    return data


def parsed(data: bytes) -> dict[str, str]:
    """Return the pairs of a serialised context, empty for no bytes.

    Their order is not checked: clients sorted by other rules than UTF-8's before the specification fixed it.

    Raises:
        EnvelopeError: it is cut short, too long, not UTF-8, has no pairs, or one name twice.
    """
    if not data:
        return {}
    texts = list(_texts(data))
    names = texts[::2]
    context = dict(zip(names, texts[1::2], strict=True))
    if len(context) != len(names):
        raise _not_valid("a name that comes twice", "each name once")
    return context


def _texts(data: bytes) -> list[str]:
    count, at = int.from_bytes(data[:_LENGTH_BYTES], "big"), _LENGTH_BYTES
    if len(data) < _LENGTH_BYTES or count == 0:
        raise _not_valid("no pairs", "a count of at least 1")
    texts = []
    for _ in range(2 * count):
        text, at = _text(data, at)
        texts.append(text)
    if at != len(data):
        raise _not_valid(f"{len(data) - at} bytes after the last pair", "none")
    return texts


def _text(data: bytes, at: int) -> tuple[str, int]:
    start = at + _LENGTH_BYTES
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data):
        raise _not_valid("fewer bytes than its lengths say", "all of them")
    try:
        return data[start:end].decode("utf-8"), end
    except UnicodeDecodeError:
        raise _not_valid("bytes that are no UTF-8", "UTF-8") from None


def _length(count: int) -> bytes:
    if count > MAX_CONTEXT_BYTES:
        raise _too_long(count)
    return count.to_bytes(_LENGTH_BYTES, "big")


def _utf8(text: object) -> bytes:
    if not is_text(text):
        raise SettingsError(
            "the encryption context is no map of strings", expected='{"team": "flights"}', fix="turn values into text"
        )
    return str(text).encode("utf-8")


def _too_long(found: int) -> SettingsError:
    return SettingsError(
        "the encryption context is too long",
        found=f"{found} bytes or pairs",
        expected=f"at most {MAX_CONTEXT_BYTES} bytes, lengths included",
        fix="keep the context short: it is stored in clear with every message",
    )


def _not_valid(found: str, expected: str) -> EnvelopeError:
    return EnvelopeError(
        "the message's encryption context is not valid",
        found=found,
        expected=expected,
        fix="restore the message from a copy you trust",
    )
