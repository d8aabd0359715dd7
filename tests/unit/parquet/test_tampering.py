"""Changed files: under `strict` a read that touches a change fails and names the file, and never gives a wrong row."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from s3cse.crypto.index import TRAILER_BYTES
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import IntegrityError, S3CSEError
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.put import put_object
from s3cse.objects.reader import read_whole
from s3cse.parquet import input as input_module
from s3cse.parquet.input import open_parquet
from s3cse.parquet.scan import FileTask, Scan
from s3cse.parquet.table import list_table
from s3cse.storage.port import Location
from spark.fakes import GCM, CountingStore, Lake

V3 = find_profile("s3ec-v4", "kms")
STRICT = Policy()
ROWS = pa.table(
    {
        "id": pa.array(range(40_000), pa.int64()),
        "x": pa.array([random.Random(3).random() for _ in range(40_000)]),
        "word": pa.array([f"word-{number % 977}" for number in range(40_000)]),
    }
)
GROUP = 10_000
NAME = "f.parquet"


def indexed_lake(profile: Profile = GCM) -> Lake:
    """Return a lake with one indexed file of four row groups, its columns not compressed."""
    lake = Lake()
    lake.put_indexed(NAME, ROWS, profile, row_group_size=GROUP, compression="none", use_dictionary=["word"])
    return lake


def read(
    lake: Lake, columns: list[str], policy: Policy = STRICT, *, store: CountingStore | None = None, whole: bool = False
) -> pa.Table:
    """Read columns of the lake's table as a task does."""
    schema = ROWS.select(columns).schema
    scan = Scan(schema, schema, pa.schema([]), None, policy, whole)
    tasks = [FileTask(file) for file in list_table(lake.store, lake.table).files]
    return pa.Table.from_batches(scan.read(store or lake.store, lake.keyring, tasks), schema)


def plaintext(lake: Lake) -> bytes:
    """Return the file as other readers see it."""
    return read_whole(open_object(lake.store, lake.keyring, lake.table.child(NAME), STRICT)).to_pybytes()


def chunk(lake: Lake, column: int, group: int) -> tuple[int, int]:
    """Return where a column chunk begins and how long it is."""
    found = pq.read_metadata(pa.BufferReader(plaintext(lake))).row_group(group).column(column)
    start = found.dictionary_page_offset or found.data_page_offset
    return start, found.total_compressed_size


def places(lake: Lake) -> dict[str, int]:
    """Return one stored byte of each kind of place."""
    body = plaintext(lake)
    footer = struct.unpack("<I", body[-8:-4])[0] + 8
    trailer = len(body) - footer - TRAILER_BYTES
    covered, count = struct.unpack("<QQ", body[trailer + 16 : trailer + 32])
    last, length = chunk(lake, 2, 3)
    assert covered - (last + length) > 100, "there is no page index"
    return {
        "magic": 0,
        "page": chunk(lake, 1, 2)[0] + 5000,
        "dictionary page": chunk(lake, 2, 1)[0] + 50,
        "page index": last + length + 40,
        "padding or the end of the page index": covered - 1,
        "masked values": covered + 8 * count,
        "trailer": trailer + 10,
        "trailer's count": trailer + 24,
        "HMAC": trailer + 40,
        "footer": len(body) - footer // 2,
        "footer length": len(body) - 8,
        "Parquet's magic": len(body) - 2,
        "tag": len(body) + 7,
    }


KINDS = list(places(indexed_lake()))


def test_indexed_files_are_parquet_to_others() -> None:
    """pyarrow reads the plaintext, index and all, as the file it is."""
    assert pq.read_table(pa.BufferReader(plaintext(indexed_lake()))).equals(ROWS)


@pytest.mark.parametrize("profile", [GCM, V3], ids=["V2", "V3"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "ranges"])
def test_reads_are_right(profile: Profile, whole: bool) -> None:
    """All columns and some, fetched whole or in ranges."""
    lake = indexed_lake(profile)
    for columns in (["id", "x", "word"], ["x"], ["word", "id"]):
        assert read(lake, columns, whole=whole).equals(ROWS.select(columns))


def test_one_column_costs_its_segments_and_the_end() -> None:
    """Under strict a narrow read of an indexed file fetches no more than what it needs, in few requests."""
    lake = indexed_lake()
    needed = sum(chunk(lake, 1, group)[1] for group in range(4))
    store, unwraps = CountingStore(lake.store), lake.keyring.unwraps
    read(lake, ["x"], store=store)
    assert needed < store.bytes_of(lake.table.child(NAME)) < needed + input_module.TAIL_BYTES + 8 * 4096 + 1000
    assert len(store.gets) == 1 + 4
    assert lake.keyring.unwraps == unwraps + 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("policy", ["strict", "verify-indexed"])
@pytest.mark.parametrize("bit", [0, 7])
def test_no_wrong_row_of_a_changed_file(kind: str, policy: str, bit: int) -> None:
    """Whatever is changed: reading everything fails and names the file; reading some gives right rows or fails."""
    lake = indexed_lake()
    flip(lake, places(lake)[kind], bit)
    rules = Policy(integrity=policy)
    hidden = policy == "verify-indexed" and kind in HIDING
    for columns in (["id"], ["x"], ["word"], ["id", "x", "word"]):
        try:
            assert read(lake, columns, rules).equals(ROWS.select(columns))
        except S3CSEError as error:
            assert f"s3://bucket/lake/table/{NAME}" in str(error)  # noqa: PT017 - right rows or an error
        else:
            unread = (kind == "page" and "x" not in columns) or (kind == "dictionary page" and "word" not in columns)
            assert hidden or unread or kind in ELSEWHERE
    if policy == "strict":
        with pytest.raises(IntegrityError, match=NAME):
            read(lake, ["id", "x", "word"], rules, whole=True)


#: Places whose change no range of a column chunk contains: reading chunks neither notices nor needs them.
ELSEWHERE = ("magic", "page index", "padding or the end of the page index")
#: Places that decide whether there is an index at all.
HIDING = ("trailer", "trailer's count", "footer length", "Parquet's magic")


def flip(lake: Lake, at: int, bit: int = 0) -> None:
    """Flip one bit of the stored file."""
    stored, body = lake.store.get_tail(lake.table.child(NAME), 1 << 30)
    changed = bytearray(body)
    changed[at] ^= 1 << bit
    lake.store.put(lake.table.child(NAME), bytes(changed), stored.metadata)


def hide_index(lake: Lake, *, changes: int) -> None:
    """The attack that separates `strict` from `verify-indexed`: XOR known plaintext so that no magic is found.

    CTR is malleable, so this needs no key. Then change what the footer leads to.
    """
    body = plaintext(lake)
    footer = struct.unpack("<I", body[-8:-4])[0] + 8
    flip(lake, len(body) - footer - TRAILER_BYTES)
    flip(lake, changes, 3)


def test_a_hidden_index_is_what_separates_the_policies() -> None:
    """`verify-indexed` takes the file for a foreign one and releases a wrong number; `strict` verifies the whole."""
    lake = indexed_lake()
    hide_index(lake, changes=chunk(lake, 1, 0)[0] + 4000)
    released = read(lake, ["x"], Policy(integrity="verify-indexed"))
    assert not released.equals(ROWS.select(["x"]))
    with pytest.raises(IntegrityError, match="does not verify"):
        read(lake, ["x"], STRICT)


@pytest.mark.parametrize(
    "change",
    [lambda body: body[:-1], lambda body: body[: len(body) // 2], lambda body: body + b"\0", lambda body: body[16:]],
    ids=["a byte less", "half", "a byte more", "a block less in front"],
)
@pytest.mark.parametrize("policy", ["strict", "verify-indexed"])
def test_cut_or_extended_files_are_refused(change: Callable[[bytes], bytes], policy: str) -> None:
    """The length is part of what is verified."""
    lake = indexed_lake()
    stored, body = lake.store.get_tail(lake.table.child(NAME), 1 << 30)
    lake.store.put(lake.table.child(NAME), change(body), stored.metadata)
    with pytest.raises(S3CSEError, match=NAME):
        read(lake, ["id", "x", "word"], Policy(integrity=policy))


def copied(lake: Lake, body: bytes) -> Location:
    """Store a plaintext under a new key, as a tool that knows nothing of the index does."""
    location = lake.table.child(NAME)
    put_object(lake.store, location, lake.keyring, GCM, body)
    return location


@pytest.mark.parametrize("policy", ["strict", "verify-indexed"])
def test_a_byte_copy_under_a_new_key_is_verified_whole(policy: str) -> None:
    """It carries the old key's index, which is no index here; its rows are right, and counted as verified."""
    lake = indexed_lake()
    location = copied(lake, plaintext(lake))
    assert read(lake, ["x"], Policy(integrity=policy)).equals(ROWS.select(["x"]))
    source = open_parquet(open_object(lake.store, lake.keyring, location, STRICT), Policy(integrity=policy))
    assert source.verified
    flip(lake, 5000)
    with pytest.raises(IntegrityError, match=NAME):
        read(lake, ["x"], Policy(integrity=policy))


def test_a_rewrite_with_a_stale_trailer_is_verified_whole() -> None:
    """A tool that kept the gap but changed the file leaves an index that says something else: it is not believed."""
    lake, other = indexed_lake(), Lake()
    other.put_indexed(NAME, ROWS.slice(0, 25_000), row_group_size=GROUP, compression="none")
    stale = plaintext(lake)
    copied(lake, plaintext(other))
    assert read(lake, ["id"]).equals(ROWS.select(["id"]).slice(0, 25_000))
    copied(lake, stale)
    assert read(lake, ["id"]).equals(ROWS.select(["id"]))


def test_without_verification_nothing_is_noticed() -> None:
    """`none` releases a changed number: the other tests do test something."""
    lake = indexed_lake()
    flip(lake, chunk(lake, 1, 0)[0] + 4000, 3)
    assert not read(lake, ["x"], Policy(integrity="none")).equals(ROWS.select(["x"]))
