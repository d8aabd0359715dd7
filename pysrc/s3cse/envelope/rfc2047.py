"""What S3 makes of metadata that is not ASCII: read "as Latin-1", sent back in RFC 2047's encoded words.

So ``é`` written as the UTF-8 bytes C3 A9 comes back as an encoding of the two characters ``Ã©``. Source: FORMATS.md
section 10; RFC 2047 sections 2 and 4. Of the several things a header may mean, only this one is read.
"""

from __future__ import annotations

import re

from s3cse.envelope.fields import decode_base64, shown
from s3cse.errors import EnvelopeError

_WORD = re.compile(
    r"=\?utf-8\?(?:[Bb]\?([A-Za-z0-9+/=]*)|[Qq]\?([!-<>@-~]|=[0-9A-Fa-f]{2})*)\?=", re.ASCII | re.IGNORECASE
)
_SPACE = re.compile(r"[ \t\r\n]+")
_ESCAPE = re.compile(rb"=([0-9A-Fa-f]{2})")


def decode_header(name: str, text: str) -> str:
    """Return what the writer meant with this header value; pure ASCII other than encoded words is what it is.

    Args:
        name: of the header, for the message.
        text: the value with one character for each byte, as HTTP libraries give it.

    Raises:
        EnvelopeError: it starts like encoded words and is not all of them, or holds other bytes than UTF-8.
    """
    try:
        return _decode_words(text).encode("latin-1").decode("utf-8")
    except (ValueError, EnvelopeError):
        raise EnvelopeError(
            f"{name} is not readable as metadata that S3 has re-encoded",
            found=shown(text),
            expected="RFC 2047 words whose characters are the bytes of a UTF-8 text, or ASCII",
            fix="write the map again as JSON with \\u escapes, which S3 leaves alone",
        ) from None


def _decode_words(text: str) -> str:
    """Undo RFC 2047, if the text is in it: as a whole, since S3 encodes a value as a whole.

    JSON that holds an encoded word in a string is left alone, unlike with readers that decode words anywhere.
    """
    words = _SPACE.split(text.strip(" \t\r\n"))
    if not words[0].startswith("=?"):
        return text
    # The bytes are joined before they are characters: an encoder may cut a character in two.
    return b"".join(map(_decode_word, words)).decode("utf-8")


def _decode_word(word: str) -> bytes:
    match = _WORD.fullmatch(word)
    if match is None:
        raise ValueError("no encoded word in UTF-8")
    if match[1] is not None:
        return decode_base64("an encoded word", match[1])
    encoded = word[len("=?utf-8?Q?") : -len("?=")].encode("ascii").replace(b"_", b" ")
    return _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), encoded)
