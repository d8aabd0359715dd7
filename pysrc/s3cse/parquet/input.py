"""One encrypted Parquet file, opened for reading with pyarrow under the caller's integrity policy.

A GCM file with a segment index is read in ranges, each verified: index, footer and length are authentic before any
Thrift is parsed. One without is fetched whole under `strict`, and its tag verified before pyarrow sees a byte of it.
The other policies, and CBC files, which nothing can authenticate, release ranges unverified. An Encryption SDK message
without a signature is read in ranges of whole frames, each verified, under every policy; a signed one is as a GCM file
without an index. Under SSE-C what S3 sends is what there is. Ranges: the footer from the tail that opening brought
along, then, per row group, the column chunks that are asked for, coalesced, in parallel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from s3cse.crypto.ciphers import BLOCK_BYTES
from s3cse.errors import EnvelopeError, IntegrityError, S3CSEError
from s3cse.message.ranges import Layout
from s3cse.objects.indexed import IndexedBody, IndexSearch, find_index
from s3cse.objects.open import OpenObject
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges, read_whole
from s3cse.parquet.footer import END_BYTES, footer_bytes
from s3cse.parquet.int96 import arrow_schema
from s3cse.parquet.leaves import roots
from s3cse.parquet.range_file import RangeFile
from s3cse.wording import Option, Worded

#: The policies under which nothing of a GCM file is used before it is authenticated.
AUTHENTICATING = ("strict", "stream")
#: What to open an object with: pyarrow reads the last 64 KiB of a file at once, the tag and block borders come on top.
TAIL_BYTES = (64 << 10) + 3 * BLOCK_BYTES

#: Files up to this stored size that are needed whole come with the opening request; larger ones in parallel pieces.
ONE_GET_BYTES = 16 << 20


def opening_bytes(size: int, policy: Policy, *, whole: bool = True) -> int:
    """Return how much of a file of this stored size to fetch along when opening it, both in bytes.

    Args:
        whole: all of the file will be read.
    """
    at_once = whole and policy.integrity in AUTHENTICATING and size <= ONE_GET_BYTES
    return max(size, TAIL_BYTES) if at_once else TAIL_BYTES


def _tail_span(opened: OpenObject) -> Span:
    """Return the plaintext range that the bytes in memory give without another request."""
    end = opened.plaintext_bytes
    first = opened.stored.size - len(opened.tail)
    if opened.message is not None:
        return Span(_first_whole_frame(opened.message.layout, first, end), end)
    start = -(-first // BLOCK_BYTES) * BLOCK_BYTES
    if start and opened.envelope is not None and not opened.envelope.authenticated:
        start += BLOCK_BYTES  # a CBC block needs the one before it
    return Span(min(start, end), end)


def _first_whole_frame(layout: Layout | None, first: int, end: int) -> int:
    """Return where the plaintext of the frames begins that lie behind the stored byte ``first``."""
    if layout is None or first > layout.final_start:
        return end
    return min(max(0, -(-(first - layout.header_bytes) // layout.stride)) * layout.frame_length, end)


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

    @property
    def bytes_read(self) -> int:
        """Plaintext bytes that were fetched to be decoded, up to now."""
        return self.opened.plaintext_bytes if self._ranges is None else self._ranges.fetched_bytes

    def leaves(self, columns: Sequence[str]) -> list[int]:
        """Return the numbers of the Parquet columns to fetch for these top-level columns: none of a file in memory."""
        wanted = set() if self._ranges is None else set(columns)
        return [number for number, root in enumerate(roots(self.file.schema_arrow)) if root in wanted]

    def chunks(self, row_group: int, leaves: Sequence[int]) -> list[Span]:
        """Return where these Parquet columns of one row group are in the plaintext.

        Raises:
            S3CSEError: the footer says that they are outside the file.
        """
        group = self.file.metadata.row_group(row_group)
        spans = [_span(group.column(number)) for number in leaves]
        if any(not 0 <= span.start <= span.end <= self.opened.plaintext_bytes for span in spans):
            raise unreadable(self.opened, self.verified, ValueError())
        return spans

    def preload(self, row_group: int, chunks: Sequence[Span]) -> None:
        """Fetch column chunks of one row group in one go, and hold them until ``release``."""
        if self._ranges is not None and chunks:
            self._ranges.preload(row_group, chunks)

    def release(self, row_group: int) -> None:
        """Drop what ``preload`` fetched."""
        if self._ranges is not None:
            self._ranges.release(row_group)


def open_parquet(opened: OpenObject, policy: Policy) -> ParquetInput:
    """Open the Parquet file inside an encrypted object: in ranges where the policy allows that, else whole.

    Raises:
        IntegrityError: it does not verify, or is damaged where nothing could verify it.
        EnvelopeError: its plaintext is authentic, but no Parquet file.
        TransferError: it could not be fetched.
    """
    whole_is_here = len(opened.tail) == opened.stored.size and _must_verify(opened, policy)
    found = None if whole_is_here else open_in_ranges(opened, policy)
    return open_whole(opened) if found is None else found


def open_whole(opened: OpenObject) -> ParquetInput:
    """Fetch a file whole, verify it as far as its format allows, and open it. Errors as open_parquet."""
    return _opened(opened, pa.BufferReader(read_whole(opened)), opened.authenticated, None)


def open_in_ranges(opened: OpenObject, policy: Policy) -> ParquetInput | None:
    """Open a file to read it in ranges; None where the policy demands that it is verified and only the whole can be.

    Raises:
        As open_parquet.
    """
    if opened.message is not None and opened.message.layout is None:
        return None  # an old message in one piece: every range would be the whole
    if opened.authenticated and not opened.ranges_verify and policy.integrity != "none":
        search = search_index(opened)
        if search.body is not None:
            return _open_indexed(opened, search.body)
        if search.claimed or _must_verify(opened, policy):
            return None
    ranges = RangeFile(
        opened.plaintext_bytes, lambda spans: read_unverified_ranges(opened, spans), [_tail_span(opened)]
    )
    return _opened(opened, pa.PythonFile(ranges, mode="r"), opened.ranges_verify, ranges)


def _must_verify(opened: OpenObject, policy: Policy) -> bool:
    return policy.integrity in AUTHENTICATING and opened.authenticated


def search_index(opened: OpenObject) -> IndexSearch:
    """Look for the segment index of an open GCM object where the footer, as the file's last bytes say, begins.

    Errors as find_index.
    """
    if opened.plaintext_bytes < END_BYTES or opened.envelope is None:
        return IndexSearch(None, claimed=False)
    end = Span(opened.plaintext_bytes - END_BYTES, opened.plaintext_bytes)
    after = footer_bytes(read_unverified_ranges(opened, [end])[0])
    return IndexSearch(None, claimed=False) if after is None else find_index(opened, after)


def _open_indexed(opened: OpenObject, body: IndexedBody) -> ParquetInput:
    ranges = RangeFile(opened.plaintext_bytes, body.read)
    try:
        metadata = pq.read_metadata(pa.BufferReader(body.after))
    except (pa.ArrowException, OSError) as error:
        raise unreadable(opened, True, error) from error
    return _opened(opened, pa.PythonFile(ranges, mode="r"), True, ranges, metadata)


def _opened(
    opened: OpenObject,
    source: pa.NativeFile,
    verified: bool,
    ranges: RangeFile | None,
    metadata: pq.FileMetaData | None = None,
) -> ParquetInput:
    try:
        # INT96 is Spark's old timestamp; nanoseconds would overflow for years that Spark has.
        file = pq.ParquetFile(source, metadata=metadata, coerce_int96_timestamp_unit="us", pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise unreadable(opened, verified, error) from error
    return ParquetInput(opened, file, arrow_schema(file), verified, ranges)


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
        fix=Worded("read it with {} to see whether it verifies", Option("integrity", "strict")),
    )


def _span(chunk: pq.ColumnChunkMetaData) -> Span:
    start = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None:
        start = min(start, chunk.dictionary_page_offset)
    return Span(start, start + chunk.total_compressed_size)
