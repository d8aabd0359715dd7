"""The Body: botocore's StreamingBody over plaintext."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Generator
from typing import Any

import pytest
from botocore.response import StreamingBody
from hypothesis import given
from hypothesis import strategies as st

from s3cse.client.body import PlaintextBody
from s3cse.errors import IntegrityError, TransferError

TEXT = b"".join(b"line %d\r\n" % index for index in range(400)) + b"end"


def chunked(text: bytes, size: int, error: Exception | None = None) -> Generator[memoryview, None, None]:
    """Yield chunks in one buffer that is used again, as the spool does; then raise."""
    room = bytearray(size)
    for at in range(0, len(text), size):
        piece = text[at : at + size]
        room[: len(piece)] = piece
        with memoryview(room)[: len(piece)] as view:
            yield view
        room[:] = bytes(size)
    if error is not None:
        raise error


def body(text: bytes = TEXT, size: int = 100, error: Exception | None = None) -> PlaintextBody:
    return PlaintextBody(chunked(text, size, error), len(text))


READS: list[Callable[[Any], Any]] = [
    lambda body: body.read(),
    lambda body: [body.read(7) for _ in range(900)],
    lambda body: [body.read(0), body.read(10), body.read(), body.read(), body.read(5)],
    lambda body: list(body),
    lambda body: list(body.iter_chunks(33)),
    lambda body: list(body.iter_lines()),
    lambda body: list(body.iter_lines(chunk_size=10, keepends=True)),
    lambda body: [next(body), body.tell(), body.readable()],
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("size", [1, 99, 10_000])
def test_as_botocore(read: Callable[[Any], Any], size: int) -> None:
    """Every way of reading gives what botocore's StreamingBody gives."""
    assert read(body(size=size)) == read(StreamingBody(io.BytesIO(TEXT), len(TEXT)))


@given(st.lists(st.integers(0, 300)), st.integers(1, 200))
def test_any_reads_give_the_text(amounts: list[int], size: int) -> None:
    """However it is read, the pieces are as long as asked for and join to the text."""
    stream = body(size=size)
    pieces = [stream.read(amount) for amount in amounts]
    at = 0
    for amount, piece in zip(amounts, pieces, strict=True):
        assert piece == TEXT[at : at + amount]
        at += len(piece)
    out = bytearray(len(TEXT))
    assert stream.readinto(out) == len(TEXT) - at
    assert out[: len(TEXT) - at] == TEXT[at:]


def test_standard_library_reads_it() -> None:
    """It works under io.BufferedReader and io.TextIOWrapper, and in a with block."""
    with body() as stream:
        assert io.BufferedReader(stream).read(20) == TEXT[:20]  # type: ignore[type-var]
    assert stream.closed
    rows = list(csv.reader(io.TextIOWrapper(body(b"a,b\nc,d\n"))))  # type: ignore[arg-type]
    assert rows == [["a", "b"], ["c", "d"]]


@pytest.mark.parametrize("text", [TEXT, b""])
@pytest.mark.parametrize("read", [lambda it, n: it.read(), lambda it, n: it.read(max(n, 1))])
def test_verdict_comes_before_the_last_bytes(text: bytes, read: Callable[[PlaintextBody, int], bytes]) -> None:
    """Who reads exactly ContentLength bytes hears the verdict that comes at the end; and hears it again."""
    stream = body(text, error=IntegrityError("no"))
    for _ in range(2):
        with pytest.raises(IntegrityError):
            read(stream, len(text))
    with pytest.raises(IntegrityError):
        stream.read(1)


def test_error_never_becomes_an_end() -> None:
    """After an error no read returns an empty end of file."""

    def broken() -> Generator[bytes, None, None]:
        yield b"abc"
        raise TransferError("gone")

    stream = PlaintextBody(broken(), 10)
    assert stream.read(3) == b"abc"
    for _ in range(2):
        with pytest.raises(TransferError, match="gone"):
            stream.read(1)


def test_too_little_is_an_error() -> None:
    """Fewer bytes than were promised are an error."""
    stream = PlaintextBody(chunked(b"abc", 2), 4)
    for _ in range(2):
        with pytest.raises(TransferError, match="ended early"):
            stream.read()


def test_nothing_is_fetched_before_the_first_read() -> None:
    """Making, asking for nothing and closing a Body costs nothing."""
    started: list[int] = []

    def chunks() -> Generator[bytes, None, None]:
        started.append(1)
        yield b"abc"

    stream = PlaintextBody(chunks(), 3)
    assert stream.read(0) == b""
    stream.close()
    stream.close()
    assert started == []
    with pytest.raises(ValueError, match="closed"):
        stream.read()


def test_closing_ends_the_work_below() -> None:
    """A Body that is left early closes what it reads from."""
    ended: list[int] = []

    def chunks() -> Generator[bytes, None, None]:
        try:
            yield b"abc"
            yield b"def"
        finally:
            ended.append(1)

    with PlaintextBody(chunks(), 6) as stream:
        stream.read(1)
    assert ended == [1]
