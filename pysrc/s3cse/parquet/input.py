"""One encrypted Parquet file, opened for reading with pyarrow under the caller's integrity policy.

`strict` fetches a GCM file whole and verifies its tag before pyarrow sees a byte of it (no Thrift is parsed before
that). The other policies, and CBC files, which nothing can authenticate, are read in ranges: the footer from the tail
that opening brought along, then, per row group, the column chunks that are asked for, coalesced and in parallel.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.errors import EnvelopeError, IntegrityError, S3CSEError
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges, read_whole

#: The policies under which a GCM file is authenticated as a whole before use.
WHOLE = ("strict", "stream")
#: What to open an object with: pyarrow reads the last 64 KiB of a file at once, the tag and block borders come on top.
TAIL_BYTES = (64 << 10) + 3 * BLOCK_BYTES

#: Files up to this stored size that are needed whole come with the opening request; larger ones in parallel pieces.
ONE_GET_BYTES = 16 << 20


def opening_bytes(size: int, policy: Policy) -> int:
    """Return how much of a file of this stored size to fetch along when opening it, both in bytes."""
    whole = policy.integrity in WHOLE and size <= ONE_GET_BYTES
    return max(size, TAIL_BYTES) if whole else TAIL_BYTES


class RangeFile(io.RawIOBase):
    """A read-only file over plaintext ranges of an open object: what was preloaded is served from memory."""

    def __init__(self, opened: OpenObject) -> None:
        super().__init__()
        self._opened = opened
        self._at = 0
        self._loaded = self._load([_tail_span(opened)])
        self._kept = len(self._loaded)

    def _load(self, spans: Sequence[Span]) -> list[tuple[Span, pa.Buffer]]:
        return list(zip(spans, read_unverified_ranges(self._opened, spans), strict=True))

    def preload(self, spans: Sequence[Span]) -> None:
        """Fetch these plaintext ranges together; what an earlier call preloaded is dropped, the tail stays."""
        self._loaded[self._kept :] = self._load([span for span in spans if self._find(span) is None])

    def _find(self, wanted: Span) -> memoryview | None:
        for span, buffer in self._loaded:
            if span.start <= wanted.start and wanted.end <= span.end:
                return memoryview(buffer)[wanted.start - span.start : wanted.end - span.start]
        return None

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move the position and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._opened.plaintext_bytes}[whence]
        self._at = max(base + offset, 0)
        return self._at

    def read(self, size: int | None = -1) -> bytes:
        """Return up to ``size`` bytes (to the end if negative)."""
        end = self._opened.plaintext_bytes
        wanted = Span(min(self._at, end), end if size is None or size < 0 else min(self._at + size, end))
        self._at = wanted.end
        found = self._find(wanted)
        if found is None:
            found = memoryview(read_unverified_ranges(self._opened, [wanted])[0])
        return bytes(found)


def _tail_span(opened: OpenObject) -> Span:
    """Return the plaintext range that the bytes in memory give without another request."""
    start = -(-(opened.stored.size - len(opened.tail)) // BLOCK_BYTES) * BLOCK_BYTES
    if start and opened.envelope is not None and not opened.envelope.authenticated:
        start += BLOCK_BYTES  # a CBC block needs the one before it
    return Span(min(start, opened.plaintext_bytes), opened.plaintext_bytes)


@dataclass(frozen=True, slots=True)
class ParquetInput:
    """A Parquet file ready to be scanned. ``verified`` says whether its bytes were authenticated before use."""

    opened: OpenObject
    file: pq.ParquetFile
    schema: pa.Schema
    verified: bool
    _ranges: RangeFile | None

    @property
    def uri(self) -> str:
        """``s3://bucket/key``."""
        return self.opened.uri

    def preload(self, row_group: int, columns: Sequence[str]) -> None:
        """Fetch the column chunks of these top-level columns of one row group in one go."""
        if self._ranges is not None:
            self._ranges.preload(_chunks(self.file.metadata.row_group(row_group), set(columns)))


def open_parquet(opened: OpenObject, policy: Policy) -> ParquetInput:
    """Open the Parquet file inside an encrypted object.

    Raises:
        IntegrityError: it does not verify, or is damaged where nothing could verify it.
        EnvelopeError: its plaintext is authentic, but no Parquet file.
        TransferError: it could not be fetched.
    """
    authenticated = opened.envelope is not None and opened.envelope.authenticated
    whole = policy.integrity in WHOLE and authenticated
    ranges = None if whole else RangeFile(opened)
    source = pa.BufferReader(read_whole(opened)) if ranges is None else pa.PythonFile(ranges, mode="r")
    try:
        # INT96 is Spark's old timestamp; nanoseconds would overflow for years that Spark has.
        file = pq.ParquetFile(source, coerce_int96_timestamp_unit="us", pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(opened, whole, error) from error
    return ParquetInput(opened, file, _arrow_schema(file), whole, ranges)


def unreadable(opened: OpenObject, verified: bool, error: BaseException) -> S3CSEError:
    """Return the error for a plaintext that pyarrow refuses; its own words hold no data of the file."""
    if isinstance(error, S3CSEError):
        return error.at(opened.uri)
    if verified or opened.envelope is None:
        return EnvelopeError(
            "the decrypted object is no readable Parquet file",
            uri=opened.uri,
            found=type(error).__name__,
            expected="Parquet (PAR1)",
            fix="keep other files out of the table's folder, or give them a name that starts with _",
        )
    return IntegrityError(
        "the decrypted object is no readable Parquet file, and nothing authenticated it: damaged, or the wrong key",
        uri=opened.uri,
        found=type(error).__name__,
        expected="Parquet (PAR1)",
        fix="read it with integrity=strict to see whether it verifies",
    )


def _chunks(group: pq.RowGroupMetaData, columns: set[str]) -> list[Span]:
    spans = []
    for index in range(group.num_columns):
        chunk = group.column(index)
        if chunk.path_in_schema.split(".")[0] in columns:
            start = chunk.data_page_offset
            if chunk.dictionary_page_offset is not None:
                start = min(start, chunk.dictionary_page_offset)
            spans.append(Span(start, start + chunk.total_compressed_size))
    return spans


def _arrow_schema(file: pq.ParquetFile) -> pa.Schema:
    """Return the file's Arrow schema, in which INT96 columns are what Spark means by them: instants in UTC."""
    schema = file.schema_arrow
    for index in range(len(file.schema)):
        column = file.schema.column(index)
        at = schema.get_field_index(column.path)
        if column.physical_type == "INT96" and at >= 0:
            schema = schema.set(at, schema.field(at).with_type(pa.timestamp("us", tz="UTC")))
    return schema
