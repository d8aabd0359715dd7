"""The header of an Encryption SDK message, from and to bytes; nothing here needs a key.

Source: AWS Encryption SDK specification, data-format/message-header.md. Every length is checked before it is believed,
and the number of wrapped keys before the first of them is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from s3cse.crypto.ciphers import GCM_IV_BYTES, GCM_TAG_BYTES
from s3cse.errors import EnvelopeError, PolicyError, SettingsError
from s3cse.keyrings.encryption_context import MAX_CONTEXT_BYTES, parsed, serialized
from s3cse.keyrings.message_keys import EncryptedDataKey
from s3cse.message.input import Input
from s3cse.message.suites import COMMITMENT_BYTES, Suite, suite_of

#: Wrapped keys that the format has room for.
MAX_ENCRYPTED_DATA_KEYS = 65_535
MAX_FRAME_BYTES = 2**32 - 1
_CUSTOMER_AUTHENTICATED_ENCRYPTED_DATA = 0x80
_NON_FRAMED, _FRAMED = 1, 2
#: What a message of version 1 or 2 begins with when somebody kept its Base64 text: 01 80 …, 02 04 78 …, 02 05 78 ….
BASE64_STARTS = (b"AYA", b"AYB", b"AgR4", b"AgV4")


@dataclass(frozen=True, slots=True)
class Header:
    """What a message says of itself.

    Attributes:
        suite: the algorithms.
        message_id: 16 bytes in version 1, 32 in version 2; random.
        context: the encryption context that is stored, in clear; not the pairs that are authenticated only.
        encrypted_data_keys: the data key, wrapped once or several times.
        frame_length: bytes of plaintext in every frame but the last; 0: the body is one piece, not in frames.
        commitment: 32 bytes in version 2, none in version 1.
    """

    suite: Suite
    message_id: bytes
    context: Mapping[str, str]
    encrypted_data_keys: tuple[EncryptedDataKey, ...]
    frame_length: int
    commitment: bytes = b""

    @property
    def framed(self) -> bool:
        """Whether the body is in frames."""
        return self.frame_length > 0


@dataclass(frozen=True, slots=True)
class ReadHeader:
    """A header with the bytes that its tag, the last two fields, authenticates (``body``), not yet verified."""

    header: Header
    body: bytes
    iv: bytes
    tag: bytes

    @property
    def size(self) -> int:
        """Length of the whole header in the message."""
        return len(self.body) + (len(self.iv) if self.header.suite.version == 1 else 0) + len(self.tag)

    @property
    def raw(self) -> bytes:
        """The whole header, as the message has it."""
        return self.body + (self.iv if self.header.suite.version == 1 else b"") + self.tag


def read_header(source: Input, max_encrypted_data_keys: int) -> ReadHeader:
    """Read a header from the start of a message.

    Raises:
        EnvelopeError: it is not valid, or cut short.
        PolicyError: it has more wrapped keys than allowed; no key of it was read.
    """
    fields = _Fields(source)
    version = fields.number(1, "version")
    if version not in (1, 2):
        raise _no_message(fields)
    if version == 1 and fields.number(1, "type") != _CUSTOMER_AUTHENTICATED_ENCRYPTED_DATA:
        raise _no_message(fields)
    suite = suite_of(fields.number(2, "algorithm suite"), version)
    message_id = fields.take(suite.message_id_bytes, "message id")
    context = parsed(fields.take(fields.number(2, "length of the context"), "encryption context"))
    keys = _read_keys(fields, max_encrypted_data_keys)
    content_type = fields.number(1, "content type")
    if version == 1:
        _check_reserved(fields)
    frame_length = fields.number(4, "frame length")
    _check_content(content_type, frame_length)
    commitment = fields.take(COMMITMENT_BYTES, "commitment") if suite.commits else b""
    body = bytes(fields.taken)
    # Version 2 has no IV of its own: it is zero, and the derived key is the message's alone.
    iv = fields.take(GCM_IV_BYTES, "IV") if version == 1 else bytes(GCM_IV_BYTES)
    tag = fields.take(GCM_TAG_BYTES, "tag")
    return ReadHeader(Header(suite, message_id, context, keys, frame_length, commitment), body, iv, tag)


def header_body(header: Header) -> bytes:
    """Return the header without IV and tag, as it is authenticated.

    Raises:
        SettingsError: a field is longer than the format has room for.
    """
    suite, context = header.suite, serialized(header.context)
    front = b"\x02" if suite.version == 2 else bytes([1, _CUSTOMER_AUTHENTICATED_ENCRYPTED_DATA])
    content = bytes([_FRAMED if header.framed else _NON_FRAMED])
    reserved = bytes([0, 0, 0, 0, GCM_IV_BYTES]) if suite.version == 1 else b""
    return b"".join(
        (
            front,
            suite.id_bytes,
            header.message_id,
            _prefixed(context, "encryption context"),
            _written_keys(header.encrypted_data_keys),
            content,
            reserved,
            header.frame_length.to_bytes(4, "big"),
            header.commitment,
        )
    )


class _Fields:
    """Takes fields in their order and keeps what it took: the header's tag is over it."""

    def __init__(self, source: Input) -> None:
        self._source = source
        self.taken = bytearray()

    def take(self, length: int, what: str) -> bytes:
        data = bytes(self._source.take(length, what))
        self.taken += data
        return data

    def number(self, length: int, what: str) -> int:
        return int.from_bytes(self.take(length, what), "big")


def _read_keys(fields: _Fields, allowed: int) -> tuple[EncryptedDataKey, ...]:
    count = fields.number(2, "number of wrapped data keys")
    if count == 0:
        raise not_valid("no wrapped data key", "at least one")
    if count > allowed:
        raise PolicyError(
            "the message has too many wrapped data keys",
            found=str(count),
            expected=f"at most {allowed}",
            fix="if the message is yours, allow more with max_encrypted_data_keys; each may cost a call to KMS",
        )
    return tuple(_read_key(fields) for _ in range(count))


def _read_key(fields: _Fields) -> EncryptedDataKey:
    parts = [
        fields.take(fields.number(2, f"length of a {what}"), what)
        for what in ("key provider id", "key provider information", "wrapped data key")
    ]
    try:
        return EncryptedDataKey(parts[0].decode("utf-8"), parts[1], parts[2])
    except UnicodeDecodeError:
        raise not_valid("a key provider id that is no UTF-8", "UTF-8") from None


def _written_keys(keys: Sequence[EncryptedDataKey]) -> bytes:
    if not 0 < len(keys) <= MAX_ENCRYPTED_DATA_KEYS:
        raise SettingsError(
            "a message has at least one wrapped data key, and not more than fit",
            found=str(len(keys)),
            expected=f"1 to {MAX_ENCRYPTED_DATA_KEYS}",
        )
    entries = (
        _prefixed(key.provider_id.encode("utf-8"), "key provider id")
        + _prefixed(key.provider_info, "key provider information")
        + _prefixed(key.ciphertext, "wrapped data key")
        for key in keys
    )
    return len(keys).to_bytes(2, "big") + b"".join(entries)


def _prefixed(data: bytes, what: str) -> bytes:
    if len(data) > MAX_CONTEXT_BYTES:
        raise SettingsError(f"the {what} is too long", found=f"{len(data)} bytes", expected="at most 65,535 bytes")
    return len(data).to_bytes(2, "big") + data


def _check_reserved(fields: _Fields) -> None:
    if fields.take(4, "reserved field") != bytes(4):
        raise not_valid("a reserved field that is not zero", "zero")
    iv_bytes = fields.number(1, "IV length")
    if iv_bytes != GCM_IV_BYTES:
        raise not_valid(f"an IV length of {iv_bytes}", str(GCM_IV_BYTES))


def _check_content(content_type: int, frame_length: int) -> None:
    if content_type not in (_NON_FRAMED, _FRAMED):
        raise not_valid(f"content type {content_type}", "1 (in one piece) or 2 (in frames)")
    if (content_type == _FRAMED) != (frame_length > 0):
        raise not_valid(f"content type {content_type} with frame length {frame_length}", "0 in one piece, else not 0")


def _no_message(fields: _Fields) -> EnvelopeError:
    start = bytes(fields.taken)
    # One or two bytes are known here; Base64 text begins with the letter A, which is version 65.
    if any(known.startswith(start) for known in BASE64_STARTS):
        found, fix = "what looks like Base64 text", "decode it: base64.b64decode(...)"
    else:
        found, fix = f"the bytes {start.hex()}", "check what wrote it: S3 objects have their envelope in the metadata"
    return EnvelopeError(
        "this is no AWS Encryption SDK message", found=found, expected="a start of 01 80, or of 02", fix=fix
    )


def not_valid(found: str, expected: str) -> EnvelopeError:
    """Return the error for a header that breaks the format."""
    return EnvelopeError(
        "the message's header is not valid",
        found=found,
        expected=expected,
        fix="restore the message from a copy you trust",
    )
