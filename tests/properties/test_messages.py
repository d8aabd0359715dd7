"""Laws of messages: what is written is read, however it is cut; whatever else is read is refused in one way."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.crypto import native, oracle
from s3cse.errors import S3CSEError
from s3cse.keyrings import AesKeyring, EncryptedDataKey
from s3cse.keyrings.encryption_context import parsed, serialized
from s3cse.message import COMMITTING, COMMITTING_SIGNED, SUITES, MessageReader, MessageWriter, decrypt, encrypt
from s3cse.message.frames import FramePlan, read_pieces
from s3cse.message.header import MAX_ENCRYPTED_DATA_KEYS, Header, header_body, read_header
from s3cse.message.input import BufferInput

#: Two cores and several people: time says nothing here.
no_deadline = settings(deadline=None, max_examples=200)

KEYRING = AesKeyring(bytes(range(32)), provider_id="tests", key_id="key")
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
contexts = st.dictionaries(words.filter(lambda word: not word.startswith("aws-crypto-")), words, max_size=4)
wrapped_keys = st.builds(EncryptedDataKey, words, st.binary(max_size=20), st.binary(max_size=40))
MESSAGES = [
    encrypt(bytes(range(25)), KEYRING, suite=suite, frame_length=10, context={"a": "b"})
    for suite in (COMMITTING, COMMITTING_SIGNED)
]


@st.composite
def headers(draw: st.DrawFn) -> Header:
    """Draw a header of any suite."""
    suite = draw(st.sampled_from(list(SUITES.values())))
    return Header(
        suite,
        draw(st.binary(min_size=suite.message_id_bytes, max_size=suite.message_id_bytes)),
        draw(contexts),
        tuple(draw(st.lists(wrapped_keys, min_size=1, max_size=4))),
        draw(st.sampled_from([0, 1, 4096, 2**32 - 1])),
        draw(st.binary(min_size=32, max_size=32)) if suite.commits else b"",
    )


@no_deadline
@given(headers(), st.binary(min_size=28, max_size=28))
def test_a_header_that_is_written_is_read(header: Header, end: bytes) -> None:
    """Every field comes back, and the authenticated bytes are the written ones."""
    body = header_body(header)
    found = read_header(BufferInput(body + end), 4)
    assert (found.header, found.body) == (header, body)


@no_deadline
@given(contexts)
def test_a_context_that_is_written_is_read(context: dict[str, str]) -> None:
    """The serialised form loses nothing and depends on no order."""
    data = serialized(context)
    assert parsed(data) == context
    assert serialized(dict(reversed(context.items()))) == data


@no_deadline
@given(
    st.binary(max_size=300),
    st.integers(1, 40),
    contexts,
    st.lists(st.integers(0, 60), max_size=12),
    st.integers(1, 50),
    st.sampled_from([COMMITTING, COMMITTING_SIGNED]),
    st.sampled_from([native, oracle]),
)
def test_any_cut_of_writes_and_reads_gives_the_same_bytes(
    plaintext: bytes, frame_length: int, context: dict[str, str], cuts: list[int], step: int, suite: Any, backend: Any
) -> None:
    """A message written in pieces is read whole, and in pieces, by either backend; its size is the plan's."""
    file, at = io.BytesIO(), 0
    with MessageWriter(
        file, KEYRING, context=context, frame_length=frame_length, suite=suite, backend=backend
    ) as writer:
        for cut in cuts:
            writer.write(plaintext[at : at + cut])
            at += cut
        writer.write(plaintext[at:])
    message = file.getvalue()
    assert decrypt(message, KEYRING, context=context).plaintext == plaintext
    reader = MessageReader(io.BytesIO(message), KEYRING, signed="release-early", backend=backend)
    assert b"".join(iter(lambda: reader.read(step), b"")) == plaintext
    source = BufferInput(message)
    header = read_header(source, 1).header
    assert len(message) - source.at == FramePlan(len(plaintext), frame_length).body_bytes + (105 if suite.curve else 0)
    assert header == writer.header


@no_deadline
@given(st.binary(max_size=400), st.sampled_from([b"", b"\x01\x80", b"\x02\x04\x78", b"\x02\x05\x78"]))
def test_arbitrary_bytes_are_refused_in_one_way(data: bytes, start: bytes) -> None:
    """Nothing but our errors comes out of a parser, and never plaintext."""
    for message in (data, start + data):
        with suppress(S3CSEError):
            read_header(BufferInput(message), MAX_ENCRYPTED_DATA_KEYS)
        with suppress(S3CSEError):
            assert decrypt(message, KEYRING) is None
        with suppress(S3CSEError):
            assert MessageReader(io.BytesIO(message), KEYRING).read(1) is None


@no_deadline
@given(st.binary(max_size=200), st.integers(0, 50))
def test_arbitrary_bodies_are_refused_in_one_way(body: bytes, frame_length: int) -> None:
    """A verified header before them changes nothing."""
    header = Header(COMMITTING, bytes(32), {}, (), frame_length, bytes(32))
    with suppress(S3CSEError):
        for piece in read_pieces(BufferInput(body), header):
            assert piece.length <= len(body)


@no_deadline
@given(st.sampled_from(MESSAGES), st.data())
def test_no_splice_of_a_message_opens(message: bytes, data: st.DataObject) -> None:
    """Bytes replaced, left out, repeated or put in anywhere: refused, or it was the message itself."""
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, len(message)))
    middle = data.draw(st.one_of(st.binary(max_size=60), st.just(message[start:end] * 2), st.just(b"")))
    spliced = message[:start] + middle + message[end:]
    if spliced == message:
        return
    try:
        decrypt(spliced, KEYRING, commitment="allow", max_encrypted_data_keys=MAX_ENCRYPTED_DATA_KEYS)
    except S3CSEError:
        return
    raise AssertionError(spliced.hex())
