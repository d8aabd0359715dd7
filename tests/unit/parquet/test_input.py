"""Encrypted Parquet files as pyarrow gets to see them."""

from __future__ import annotations

import datetime as dt
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3cse.envelope.profiles import Profile
from s3cse.errors import EnvelopeError, IntegrityError, S3CSEError
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges
from s3cse.parquet.input import TAIL_BYTES, ParquetInput, open_parquet
from s3cse.parquet.range_file import RangeFile
from s3cse.storage.port import Location
from spark.fakes import CBC, GCM, CountingStore, Lake, parquet

STRICT = Policy(legacy="allow", plaintext="pass")
RANGES = Policy(integrity="none", legacy="allow", plaintext="pass")
MARKER = "marker-value-that-no-message-may-show"


def wide_rows(rows: int = 20_000) -> pa.Table:
    """Return a table whose columns are incompressible, in two row groups when written."""
    import random

    random.seed(7)
    return pa.table({name: [random.random() for _ in range(rows)] for name in ("a", "b", "c")})


@pytest.fixture(scope="module")
def lake() -> Lake:
    """Two row groups, as GCM, CBC and plain; one is damaged in the middle."""
    lake = Lake()
    body = parquet(wide_rows(), row_group_size=10_000)
    for name, profile in (("gcm", GCM), ("cbc", CBC), ("plain", None), ("damaged", GCM)):
        lake.put(name, body, profile)
    lake.change(lake.table.child("damaged"), at=5000)
    return lake


def opened(lake: Lake, name: str, policy: Policy, store: CountingStore | None = None) -> ParquetInput:
    """Open a file of the lake."""
    location = lake.table.child(name)
    return open_parquet(open_object(store or lake.store, lake.keyring, location, policy, tail_bytes=TAIL_BYTES), policy)


@pytest.mark.parametrize("name", ["gcm", "cbc", "plain"])
def test_opening_in_ranges_takes_one_request(lake: Lake, name: str) -> None:
    """The footer is read from what opening brought along."""
    store = CountingStore(lake.store)
    opened(lake, name, RANGES, store)
    assert len(store.gets) == 1


def preload(source: ParquetInput, row_group: int, columns: list[str]) -> None:
    """Fetch columns of a row group as a scan does."""
    source.preload(row_group, source.chunks(row_group, source.leaves(columns)))


@pytest.mark.parametrize("name", ["gcm", "cbc", "plain"])
@pytest.mark.parametrize("policy", [STRICT, RANGES], ids=["strict", "ranges"])
def test_reads_the_same_rows_in_every_way(lake: Lake, name: str, policy: Policy) -> None:
    """Whole or in ranges, encrypted under any profile or plain: the rows are those that were written."""
    source = opened(lake, name, policy)
    assert source.file.read().equals(wide_rows())
    assert source.uri == f"s3://bucket/lake/table/{name}"


def test_only_gcm_read_whole_counts_as_verified(lake: Lake) -> None:
    """A file is called verified only if its tag was checked before use."""
    verified = {
        (name, policy): opened(lake, name, policy).verified for name in ("gcm", "cbc") for policy in (STRICT, RANGES)
    }
    assert [at for at, value in verified.items() if value] == [("gcm", STRICT)]


def test_strict_releases_nothing_of_a_damaged_file(lake: Lake) -> None:
    """Under strict, one flipped bit anywhere means no file at all, and the error names the object."""
    with pytest.raises(IntegrityError, match="s3://bucket/lake/table/damaged"):
        opened(lake, "damaged", STRICT)


def test_preload_fetches_only_the_columns_asked_for(lake: Lake) -> None:
    """One column of one row group costs about a sixth of the file, in one request behind the one that opens it."""
    store = CountingStore(lake.store)
    location = lake.table.child("gcm")
    source = opened(lake, "gcm", RANGES, store)
    preload(source, 0, ["b"])
    before = len(store.gets)
    assert source.file.read_row_group(0, columns=["b"]).equals(wide_rows().select(["b"])[:10_000])
    assert len(store.gets) == before == 2
    size = len(lake.store.get_tail(location, 1 << 30)[1])
    fetched = store.bytes_of(location) - (64 << 10)  # the tail that opening brings
    assert fetched < size / 5


def test_what_is_released_is_let_go(lake: Lake) -> None:
    """What is preloaded is held until its row group is done with: a file larger than memory can be read."""
    source = opened(lake, "gcm", RANGES)
    for group in range(2):
        preload(source, group, ["a", "b"])
        assert list(source._ranges._loaded) == [group]  # type: ignore[union-attr]
        source.release(group)
    assert not source._ranges._loaded  # type: ignore[union-attr]


def test_preload_of_a_verified_file_fetches_nothing(lake: Lake) -> None:
    """A file that is in memory as a whole needs no more requests."""
    store = CountingStore(lake.store)
    source = opened(lake, "gcm", STRICT, store)
    before = len(store.gets)
    preload(source, 1, ["a"])
    source.file.read()
    assert len(store.gets) == before


def test_range_file_is_a_file(lake: Lake) -> None:
    """Reading, seeking and the end are as in any binary file, at every place and for every length."""
    body = parquet(wide_rows(), row_group_size=10_000)
    location = lake.table.child("gcm")
    source = open_object(lake.store, lake.keyring, location, RANGES)
    file = RangeFile(len(body), lambda spans: read_unverified_ranges(source, spans))
    assert file.readable()
    assert file.seekable()
    for start in (0, 1, 15, 16, 4097, len(body) - 70_000, len(body) - 1, len(body), len(body) + 5):
        for size in (0, 1, 17, 100_000, -1, None):
            assert file.seek(start) == start
            expected = body[start:] if size is None or size < 0 else body[start : start + size]
            assert file.read(size) == expected
            assert file.tell() == min(start, len(body)) + len(expected)
    assert file.seek(-4, io.SEEK_END) == len(body) - 4
    assert file.seek(2, io.SEEK_CUR) == len(body) - 2
    assert file.read() == b"R1"
    file.preload(0, [Span(4, 20)])
    file.seek(4)
    assert file.read(16) == body[4:20]


@pytest.mark.parametrize(
    ("profile", "policy", "kind"),
    [
        (GCM, STRICT, EnvelopeError),
        (None, STRICT, EnvelopeError),
        (GCM, RANGES, IntegrityError),
        (CBC, STRICT, IntegrityError),
    ],
    ids=["verified", "plain", "unverified GCM", "CBC"],
)
@pytest.mark.parametrize("body", [MARKER.encode(), b"PAR1" + MARKER.encode() * 9 + b"PAR1", b"x", b""])
def test_what_is_no_parquet_file(profile: Profile | None, policy: Policy, kind: type[S3CSEError], body: bytes) -> None:
    """An object that holds something else is named in the error, its content is not; unverified, it may be damage."""
    lake = Lake()
    lake.put("f", body, profile)
    with pytest.raises(kind, match=r"s3://bucket/lake/table/f: .*no readable Parquet file") as caught:
        opened(lake, "f", policy)
    assert MARKER not in str(caught.value)


def test_int96_is_an_instant() -> None:
    """Old Spark's INT96 timestamps become instants in UTC with microseconds, far from now as well."""
    lake = Lake()
    instants = [dt.datetime(1, 1, 1), dt.datetime(1890, 5, 5, 1, 2, 3, 4), dt.datetime(2600, 1, 1), None]
    rows = pa.table({"x": [1, 2, 3, 4], "at": pa.array(instants, pa.timestamp("us"))})
    lake.put("f", rows, use_deprecated_int96_timestamps=True)
    source = opened(lake, "f", STRICT)
    assert source.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert source.file.read().column("at").cast(pa.int64()) == rows.column("at").cast(pa.int64())


def test_location_is_in_the_error_of_a_file_that_cannot_be_fetched() -> None:
    """A file that is not there is an error with its address."""
    lake = Lake()
    with pytest.raises(S3CSEError, match="s3://bucket/lake/table/none"):
        opened(lake, "none", STRICT)
    assert isinstance(lake.table, Location)


def test_writing_and_reading_nested_chunks() -> None:
    """The leaves of a nested column belong to it: preload of the column serves all of them."""
    lake = Lake()
    nested = pa.table({"s": [{"a": i, "b": [str(i)] * 3} for i in range(5000)], "t": list(range(5000))})
    location = lake.put("f", nested)
    store = CountingStore(lake.store)
    source = open_parquet(open_object(store, lake.keyring, location, RANGES, tail_bytes=4096), RANGES)
    preload(source, 0, ["s"])
    before = len(store.gets)
    assert source.file.read_row_group(0, columns=["s"]).equals(nested.select(["s"]))
    assert len(store.gets) == before
    assert pq.ParquetFile(io.BytesIO(parquet(nested))).metadata.num_columns == 3


def test_a_column_with_a_dot_is_preloaded_and_counted() -> None:
    """Its chunks are found by the column, not by a path; what is fetched is what is counted."""
    lake = Lake()
    rows = pa.table({"a.b": wide_rows().column("a"), "a": wide_rows().column("b")})
    lake.put_indexed("dots", rows, row_group_size=20_000, compression="none")
    store = CountingStore(lake.store)
    source = opened(lake, "dots", STRICT, store)
    preload(source, 0, ["a.b"])
    gets = len(store.gets)
    found = next(source.file.iter_batches(20_000, row_groups=[0], columns=["a.b"]))
    assert found.column("a.b").to_pylist() == rows.column("a.b").to_pylist()
    assert len(store.gets) == gets
    assert source.bytes_read >= 8 * 20_000


@pytest.mark.parametrize(("name", "profile"), [("gcm", GCM), ("cbc", CBC), ("plain", None)])
def test_a_footer_that_points_elsewhere_is_an_error_of_the_file(name: str, profile: Profile | None) -> None:
    """A damaged footer that nothing authenticated leads beyond the file: the error names it."""
    lake = Lake()
    body = parquet(wide_rows())
    footer = int.from_bytes(body[-8:-4], "little") + 8
    lake.put(name, b"PAR1" + body[-footer:], profile)
    source = opened(lake, name, RANGES)
    with pytest.raises(S3CSEError, match=f"table/{name}"):
        preload(source, 0, ["a"])
