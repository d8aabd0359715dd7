"""The header: round trips, the specification's own example, and everything that must be refused."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest

from s3cse.errors import EnvelopeError, PolicyError, S3CSEError, SettingsError
from s3cse.keyrings import EncryptedDataKey
from s3cse.message.header import MAX_ENCRYPTED_DATA_KEYS, Header, header_body, read_header
from s3cse.message.input import BufferInput, FileInput
from s3cse.message.suites import SUITES, Suite

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=str)
IV_AND_TAG = bytes(12) + bytes(range(16))


def header_of(suite: Suite, **changes: Any) -> Header:
    """A header of this suite."""
    header = Header(
        suite=suite,
        message_id=bytes(range(suite.message_id_bytes)),
        context={"purpose": "tests", "ä": "ö"},
        encrypted_data_keys=(EncryptedDataKey("aws-kms", b"arn", b"wrapped"), EncryptedDataKey("raw", b"", b"")),
        frame_length=4096,
        commitment=bytes(32) if suite.commits else b"",
    )
    return replace(header, **changes)


def raw(header: Header) -> bytes:
    """The header as a message has it, with a made-up tag."""
    return header_body(header) + (IV_AND_TAG if header.suite.version == 1 else IV_AND_TAG[12:])


def read(data: bytes, allowed: int = MAX_ENCRYPTED_DATA_KEYS) -> Header:
    """Read a header; what follows it stays."""
    return read_header(BufferInput(data), allowed).header


@every_suite
def test_round_trip(suite: Suite) -> None:
    """What is written is read, from memory and from a file, and no byte behind it is touched."""
    header = header_of(suite)
    data = raw(header)
    for source in (BufferInput(data + b"body"), FileInput(io.BytesIO(data + b"body"))):
        found = read_header(source, 2)
        assert found.header == header
        assert found.raw == data
        assert found.size == len(data)
        assert found.body == header_body(header)
        assert found.tag == IV_AND_TAG[12:]
        assert bytes(source.take(4, "body")) == b"body"


def test_the_specifications_example() -> None:
    """The header that data-format/message-header.md takes apart, with shorter keys."""
    data = (
        bytes.fromhex("01800378B8929B01753D4A45C0217F39404F70FF")
        + bytes.fromhex("00140002000530746869730002697300033161 6E0000")
        + bytes.fromhex("000100076177732D6B6D73000361726E0002BEEF")
        + bytes.fromhex("01000000000C00000000734C1BBE032F702584CDA9D02C82BB234CBF4AAB8F5C6002622E886C")
    )
    header = read(data)
    assert header.context == {"0this": "is", "1an": ""}
    assert header.encrypted_data_keys == (EncryptedDataKey("aws-kms", b"arn", b"\xbe\xef"),)
    assert (header.framed, header.frame_length) == (False, 0)


@every_suite
def test_every_cut_is_refused(suite: Suite) -> None:
    """A header that ends early says so, wherever it ends."""
    data = raw(header_of(suite))
    for length in range(len(data)):
        with pytest.raises(EnvelopeError):
            read(data[:length])


@every_suite
def test_no_changed_byte_is_an_error_of_another_kind(suite: Suite) -> None:
    """A changed byte reads as another header, which its tag will not fit, or is refused; nothing else happens."""
    data = raw(header_of(suite))
    for at in range(len(data)):
        for change in (0x01, 0x80, 0xFF):
            changed = data[:at] + bytes([data[at] ^ change]) + data[at + 1 :]
            try:
                found = read_header(BufferInput(changed), 100)
            except S3CSEError:
                continue
            assert found.raw == changed[: found.size]


def test_wrapped_keys_are_counted_before_they_are_read() -> None:
    """65,535 wrapped keys are legal; where fewer are allowed the count alone refuses them."""
    suite = SUITES[0x0478]
    key = EncryptedDataKey("p", b"i", b"k")
    header = header_of(suite, encrypted_data_keys=(key,) * MAX_ENCRYPTED_DATA_KEYS, context={})
    data = raw(header)
    assert read(data) == header
    counted = data[: 1 + 2 + 32 + 2 + 2]
    with pytest.raises(PolicyError, match="65535"):
        read(counted, MAX_ENCRYPTED_DATA_KEYS - 1)


def test_no_message_without_a_wrapped_key() -> None:
    """None to read, none to write, and not more than the count holds."""
    header = header_of(SUITES[0x0478], context={})
    data = bytearray(raw(header))
    data[37:39] = b"\0\0"
    with pytest.raises(EnvelopeError, match="no wrapped data key"):
        read(bytes(data))
    for keys in ((), header.encrypted_data_keys[:1] * 65_536):
        with pytest.raises(SettingsError, match="wrapped data key"):
            header_body(replace(header, encrypted_data_keys=keys))


@pytest.mark.parametrize("field", ["provider_info", "ciphertext"])
def test_a_field_has_65535_bytes_at_most(field: str) -> None:
    """The longest fields fit, one byte more does not."""
    header = header_of(SUITES[0x0478])
    longest: Any = replace(header.encrypted_data_keys[0], **{field: bytes(65_535)})
    assert read(raw(replace(header, encrypted_data_keys=(longest,)))).encrypted_data_keys == (longest,)
    longer: Any = replace(longest, **{field: bytes(65_536)})
    with pytest.raises(SettingsError, match="too long"):
        header_body(replace(header, encrypted_data_keys=(longer,)))


@pytest.mark.parametrize(
    ("content_type", "frame_length"), [(0, 0), (0, 1), (1, 1), (1, 4096), (2, 0), (3, 0), (3, 4096), (255, 1)]
)
def test_content_type_and_frame_length_belong_together(content_type: int, frame_length: int) -> None:
    """One piece has frame length 0, frames have another, and there is no third content type."""
    data = bytearray(raw(header_of(SUITES[0x0478])))
    at = len(data) - 16 - 32 - 5
    data[at : at + 5] = bytes([content_type]) + frame_length.to_bytes(4, "big")
    with pytest.raises(EnvelopeError, match="content type"):
        read(bytes(data))


def test_reserved_bytes_and_iv_length_of_version_1() -> None:
    """Four zeros and a 12."""
    data = raw(header_of(SUITES[0x0014]))
    at = len(data) - 28 - 4 - 5
    assert data[at : at + 5] == b"\0\0\0\0\x0c"
    for place, value in ((at, 1), (at + 3, 1), (at + 4, 11), (at + 4, 16)):
        changed = bytearray(data)
        changed[place] = value
        with pytest.raises(EnvelopeError, match=r"reserved|IV length"):
            read(bytes(changed))


@pytest.mark.parametrize("start", [b"\x00", b"\x03", b"\x01\x81", b"\x01\x00", b"\xff", b"PAR1", b"{"])
def test_what_is_no_message_says_so(start: bytes) -> None:
    """Other files are told from damaged messages."""
    with pytest.raises(EnvelopeError, match="no AWS Encryption SDK message"):
        read(start + bytes(100))


def test_base64_text_is_recognised() -> None:
    """The common mistake has an error of its own."""
    with pytest.raises(EnvelopeError, match="Base64"):
        read(b"AYADeJLm" + bytes(100))


def test_a_provider_id_is_text() -> None:
    """Bytes that are no UTF-8 are refused."""
    data = raw(header_of(SUITES[0x0478])).replace(b"aws-kms", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9")
    with pytest.raises(EnvelopeError, match="UTF-8"):
        read(data)
