"""Reading ranges of a GCM object that carries a segment index: every byte verified, without fetching the others.

Finding the index costs nothing where the end that opening brought along holds it, else one more request. The index is
believed after its HMAC and the object's own tag, recomputed from the index and the end, have matched; from then on each
segment is compared with its value. Copies: none but the one from the connection into the buffer in which segments are
verified and decrypted.

Source: SEGMENTS.md section 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES
from s3cse.crypto.index import (
    SEGMENT_BYTES,
    TRAILER_BYTES,
    IndexKeys,
    Trailer,
    has_magic,
    open_index,
    read_trailer,
)
from s3cse.crypto.memory import wipe
from s3cse.crypto.segments import VALUE_BYTES, ObjectCipher, SegmentValue
from s3cse.errors import IntegrityError
from s3cse.objects.arrow_memory import new_buffer
from s3cse.objects.content_key import index_salt
from s3cse.objects.fetch import fill
from s3cse.objects.naming import does_not_verify, naming
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span, coalesce, request_bytes
from s3cse.objects.workers import WORKERS, Batch

if TYPE_CHECKING:
    import pyarrow as pa

#: How much of an object's end is fetched on its own, unverified word for where the index is; beyond that the trailer
#: is looked at first.
GUESSED_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class IndexSearch:
    """What was found: the indexed body, or whether something there at least claims to be an index.

    A claim that is not the object's is what a byte copy under another key leaves, or damage, or an attack: the object
    may be authentic, and only its own tag can tell.
    """

    body: IndexedBody | None
    claimed: bool


class IndexedBody:
    """An object whose index and end are authentic; its segments are verified as they are read.

    Holds secrets of its process, which are wiped when it goes; several threads may read.

    Args:
        cipher: of the object; belongs to this from now on.
        values: of all segments, authentic.
        end: the plaintext [covered, N), authentic.
    """

    def __init__(
        self, opened: OpenObject, cipher: ObjectCipher, trailer: Trailer, values: list[SegmentValue], end: pa.Buffer
    ) -> None:
        self._opened = opened
        self._cipher = cipher
        self._trailer = trailer
        self._values = values
        self._end = end

    @property
    def after(self) -> pa.Buffer:
        """The plaintext that follows the index."""
        return self._end.slice(self._trailer.index_bytes)

    def read(self, spans: Sequence[Span]) -> list[pa.Buffer]:
        """Return plaintext ranges, verified; close ones share a request, all are widened to segments.

        Args:
            spans: plaintext ranges inside [0, plaintext_bytes].

        Returns:
            One buffer per span, in the given order; spans that share a request share memory.

        Raises:
            IntegrityError: a segment is not the one that was written; nothing was released.
            TransferError: it could not be fetched, or the object was replaced meanwhile.
        """
        for span in spans:
            if not 0 <= span.start <= span.end <= self._opened.plaintext_bytes:
                raise ValueError(f"range [{span.start}, {span.end}) is outside [0, {self._opened.plaintext_bytes})")
        with naming(self._opened.stored.location):
            runs = [(run, new_buffer(len(run))) for run in coalesce([self._widened(span) for span in spans])]
            try:
                with Batch() as batch:
                    for run, buffer in runs:
                        self._start(batch, run, memoryview(buffer).cast("B"))
                    batch.wait()
            except BaseException:
                for _, buffer in runs:
                    wipe(memoryview(buffer).cast("B"))
                raise
        return [_cut_out(runs, span) for span in spans]

    def _widened(self, span: Span) -> Span:
        size, covered = self._trailer.segment_bytes, self._trailer.covered
        start = span.start // size * size if span.start < covered else covered
        end = min(-(-span.end // size) * size, covered) if span.end <= covered else self._opened.plaintext_bytes
        return Span(start, end) if span.start < span.end else Span(0, 0)

    def _start(self, batch: Batch, run: Span, view: memoryview) -> None:
        data_end = min(run.end, self._trailer.covered)
        if run.end > data_end:
            view[data_end - run.start :] = memoryview(self._end).cast("B")
        for piece in self._pieces(Span(run.start, data_end)):
            target = view[piece.start - run.start : piece.end - run.start]
            batch.start(partial(self._bring, piece, target))

    def _pieces(self, run: Span) -> list[Span]:
        """Cut a run of whole segments into requests of whole segments."""
        size = self._trailer.segment_bytes
        step = -(-request_bytes(len(run), WORKERS) // size) * size
        return [Span(at, min(at + step, run.end)) for at in range(run.start, run.end, step)]

    def _bring(self, piece: Span, target: memoryview) -> None:
        fill(self._opened, piece, target)
        size = self._trailer.segment_bytes
        for at in range(piece.start, piece.end, size):
            value = self._values[at // size]
            with target[at - piece.start : at - piece.start + value.length] as segment:
                try:
                    self._cipher.verify_segment(value, segment, segment)
                except IntegrityError:
                    raise does_not_verify() from None


def _cut_out(runs: Sequence[tuple[Span, pa.Buffer]], span: Span) -> pa.Buffer:
    for run, buffer in runs:
        if run.start <= span.start and span.end <= run.end:
            return buffer.slice(span.start - run.start, len(span))
    return new_buffer(0)  # an empty span


def find_index(opened: OpenObject, after_bytes: int) -> IndexSearch:
    """Look for the index of an open GCM object; others have none.

    Args:
        after_bytes: how much plaintext follows it, as the object itself says, so not to be believed yet.

    Raises:
        IntegrityError: there is an index of this key, but the object is not the one that it was made for.
        TransferError: the end could not be fetched.
    """
    index_end = opened.plaintext_bytes - after_bytes
    if opened.envelope is None or after_bytes < 0 or index_end < TRAILER_BYTES or index_end % BLOCK_BYTES:
        return IndexSearch(None, claimed=False)
    with naming(opened.stored.location):
        end = _End(opened)
        trailer_at = index_end - TRAILER_BYTES
        if trailer_at < end.start:
            # In one request with the index, as long as ours would be.
            guess = max(trailer_at - VALUE_BYTES * -(-trailer_at // SEGMENT_BYTES), 0)
            if opened.plaintext_bytes - guess <= GUESSED_BYTES:
                end = end.longer(guess)
        words = (end if end.start <= trailer_at else _End(opened, trailer_at, index_end)).plaintext(
            Span(trailer_at, index_end)
        )
        trailer = read_trailer(words, index_end)
        if trailer is None:
            return IndexSearch(None, claimed=has_magic(words))
        if trailer.covered < end.start:
            end = end.longer(trailer.covered)
        return IndexSearch(_authentic(opened, trailer, end), claimed=True)


def _authentic(opened: OpenObject, trailer: Trailer, end: _End) -> IndexedBody | None:
    """Check HMAC and tag; None where the index is not of this object's key."""
    envelope, key = opened.cipher()
    plaintext = end.plaintext(Span(trailer.covered, opened.plaintext_bytes))
    with ExitStack() as undo:
        undo.callback(wipe, memoryview(plaintext).cast("B"))
        keys = IndexKeys(key.view(), index_salt(envelope))
        values = open_index(keys, trailer, plaintext)
        keys.wipe()
        if values is None:
            return None
        try:
            cipher = opened.backend.object_cipher(key.view(), envelope.iv, envelope.content_algorithm.aad)
            undo.callback(cipher.close)
            last = cipher.hash_segment(trailer.covered, end.ciphertext(trailer.covered))
            cipher.verify_tag([*values, last], opened.tail[-GCM_TAG_BYTES:])
        except IntegrityError:
            raise does_not_verify() from None
        undo.pop_all()
    return IndexedBody(opened, cipher, trailer, values, plaintext)


class _End:
    """The stored bytes of an object from ``start``, a block border, to its tag, or to ``stop``."""

    def __init__(self, opened: OpenObject, start: int | None = None, stop: int | None = None) -> None:
        self._opened = opened
        tail_at = opened.stored.size - len(opened.tail)
        here = min(-(-tail_at // BLOCK_BYTES) * BLOCK_BYTES, opened.plaintext_bytes)
        self.start = here if start is None else start
        whole = Span(self.start, opened.plaintext_bytes if stop is None else stop)
        self._bytes = bytearray(len(whole))
        if self._bytes:
            fill(opened, whole, self._bytes)

    def longer(self, start: int) -> _End:
        """Return it from an earlier block border on; what is there already is fetched again only with what is not."""
        return _End(self._opened, start // BLOCK_BYTES * BLOCK_BYTES)

    def ciphertext(self, at: int) -> memoryview:
        """Return the stored bytes from ``at`` on."""
        return memoryview(self._bytes)[at - self.start :]

    def plaintext(self, span: Span) -> pa.Buffer:
        """Return a decrypted copy of some of it, **unverified**."""
        envelope, key = self._opened.cipher()
        buffer = new_buffer(len(span))
        with self._opened.backend.ctr_cipher(key.view(), envelope.iv, span.start // BLOCK_BYTES) as ctr:
            ctr.update_into(self.ciphertext(span.start)[: len(span)], memoryview(buffer).cast("B"))
        return buffer
