"""Parquet files in Encryption SDK messages and under customer keys: in ranges, planned, counted, verified."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest

from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C, CustomerKeyProfile, MessageProfile
from s3cse.errors import EnvelopeError, IntegrityError, PolicyError, S3CSEError
from s3cse.keyrings import AesKeyring
from s3cse.message.options import MessageOptions
from s3cse.message.suites import COMMITTING_SIGNED
from s3cse.objects.policy import Policy
from s3cse.objects.put import put_object
from s3cse.parquet.counts import Counts
from s3cse.parquet.expected import ANY, Expected
from s3cse.parquet.input import ParquetInput, open_in_ranges, open_parquet, opening_bytes
from s3cse.parquet.plan import file_schema, plan_splits
from s3cse.parquet.row_counts import RowCounts
from s3cse.parquet.scan import FileTask, Scan
from s3cse.parquet.table import list_table
from s3cse.parquet.verify import FAILED, UNAUTHENTICATED, VERIFIED, verify_file
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location
from spark.fakes import CountingStore, parquet

TABLE = Location("lake", "table")
KEYRING = AesKeyring(bytes(32), provider_id="flights", key_id="2026")
FRAMES = MessageOptions(frame_length=4096)
SIGNED = MessageOptions(frame_length=4096, suite=COMMITTING_SIGNED.id)
MESSAGES = Expected(profile=ENCRYPTION_SDK)
UNDER_KEYS = Expected(profile=SSE_C)
STRICT, NONE = Policy(), Policy(integrity="none")


def rows(count: int = 20_000) -> pa.Table:
    """Return incompressible columns, which are two row groups when written."""
    generator = random.Random(7)
    return pa.table({name: [generator.random() for _ in range(count)] for name in ("a", "b", "c")})


BODY = parquet(rows(), row_group_size=10_000)


def lake(message: MessageOptions | None) -> MemoryStore:
    """Return a table of one file: a message, or as SSE-C objects look to who has the key (None)."""
    store = MemoryStore()
    place = TABLE.child("part-0.parquet")
    if message is None:
        put_object(store, place, None, CustomerKeyProfile(), BODY)
    else:
        put_object(store, place, KEYRING, MessageProfile(keyring="aes"), BODY, message=message)
    return store


def opened(
    store: Any, policy: Policy, expected: Expected, how: Callable[..., ParquetInput | None] = open_parquet
) -> ParquetInput | None:
    """Open the table's file as a scan of few columns does."""
    place = TABLE.child("part-0.parquet")
    tail = opening_bytes(0, policy, whole=False)
    keyring = None if expected.profile == SSE_C else KEYRING
    return how(expected.open(store, keyring, place, policy, tail), policy)


@pytest.mark.parametrize(
    ("message", "expected"), [(FRAMES, MESSAGES), (FRAMES, ANY), (SIGNED, MESSAGES), (None, UNDER_KEYS)]
)
@pytest.mark.parametrize("policy", [STRICT, NONE], ids=["strict", "none"])
def test_the_rows_are_those_that_were_written(
    message: MessageOptions | None, expected: Expected, policy: Policy
) -> None:
    """Named or found, signed or not, whole or in ranges."""
    source = opened(lake(message), policy, expected)
    assert source is not None
    assert source.file.read().equals(rows())


def test_a_column_of_a_message_costs_its_frames() -> None:
    """Front and end when it is opened, then the frames of the column, every one of them verified."""
    store = CountingStore(lake(FRAMES))
    source = opened(store, STRICT, MESSAGES)
    assert source is not None
    assert source.verified
    before = len(store.gets)
    source.preload(0, source.chunks(0, source.leaves(["b"])))
    assert source.file.read_row_group(0, columns=["b"]).column("b").equals(rows().slice(0, 10_000).column("b"))
    assert len(store.gets) == before + 1
    assert source.bytes_read < len(BODY) / 2


def test_a_changed_frame_is_found_when_it_is_read() -> None:
    """A frame that was changed is an error of the column it is in, under every policy; the others are read."""
    store = lake(FRAMES)
    body = bytearray(store.get_tail(TABLE.child("part-0.parquet"), 1 << 30)[1])
    body[len(body) // 4] ^= 1
    store.put(TABLE.child("part-0.parquet"), body)
    for policy in (STRICT, NONE):
        source = opened(store, policy, MESSAGES)
        assert source is not None
        assert source.file.read_row_group(1).num_rows == 10_000
        with pytest.raises(IntegrityError, match="part-0"):
            source.file.read_row_group(0)


def test_a_signed_message_is_verified_whole_unless_told_otherwise() -> None:
    """The signature is over all of it: strict reads no ranges, none does and says that they are not verified."""
    assert opened(lake(SIGNED), STRICT, MESSAGES, open_in_ranges) is None
    source = opened(lake(SIGNED), NONE, MESSAGES, open_in_ranges)
    assert source is not None
    assert not source.verified


def test_what_is_no_message_is_refused_where_one_is_expected() -> None:
    """A plain Parquet file under profile=encryption-sdk, and a message that nobody may take for a plain file."""
    store = MemoryStore()
    store.put(TABLE.child("part-0.parquet"), BODY)
    with pytest.raises(EnvelopeError, match="a plain Parquet file"):
        opened(store, STRICT, MESSAGES)
    with pytest.raises(PolicyError, match="not encrypted"):
        opened(store, STRICT, ANY)


def test_a_context_that_messages_must_have() -> None:
    """What is expected of the context is checked, and the error names the file."""
    expected = replace(MESSAGES, message=MessageOptions(context={"team": "ships"}))
    with pytest.raises(S3CSEError, match="part-0"):
        opened(lake(FRAMES), STRICT, expected)


@pytest.mark.parametrize(("message", "expected"), [(FRAMES, MESSAGES), (None, UNDER_KEYS)])
def test_planned_scanned_counted_verified(message: MessageOptions | None, expected: Expected) -> None:
    """Every way through a table takes what is expected: schema, splits by row group, rows, counts, verification."""
    store = lake(message)
    keyring = KEYRING if message else None
    table = list_table(store, TABLE)
    assert file_schema(store, keyring, table.files, STRICT, expected=expected).names == ["a", "b", "c"]
    splits = plan_splits(store, keyring, table, STRICT, table.files[0].size // 2 + 1000, expected=expected)
    assert sorted(task.row_groups for split in splits for task in split) == [(0,), (1,)]
    schema = rows().schema.remove(2)
    scan = Scan(
        schema=schema, wide=schema, partition_schema=table.partition_schema, expression=None, policy=STRICT,
        whole=False, expected=expected, report=Location("lake", "report"),
    )  # fmt: skip
    found = pa.Table.from_batches(list(scan.read(store, keyring, [FileTask(table.files[0])])), schema)
    assert found.equals(rows().select(["a", "b"]))
    counted = list(RowCounts(STRICT, expected=expected).read(store, keyring, [FileTask(table.files[0])]))
    assert counted[0].column("rows").to_pylist() == [20_000]
    report = verify_file(store, keyring, table.files[0], STRICT, expected)
    assert (report.status, report.rows) == (VERIFIED if message else UNAUTHENTICATED, 20_000)
    assert ("suite 0x0478" if message else "SSE-C") in report.envelope


def test_counts_call_each_by_its_name() -> None:
    """What is verified here, and what is S3's affair, are counted apart."""
    counts = Counts()
    for message, expected in ((FRAMES, MESSAGES), (None, UNDER_KEYS)):
        source = opened(lake(message), STRICT, expected)
        assert source is not None
        counts.add(source)
    assert (counts.verified_files, counts.by_s3_files, counts.unverified_files) == (1, 1, 0)
    assert counts.by_s3_bytes > 0


def test_without_its_profile_nothing_passes_for_verified() -> None:
    """What SSE-C decrypts looks plain to whoever does not name it, and plain files are refused."""
    file = list_table(lake(None), TABLE).files[0]
    assert verify_file(lake(None), KEYRING, file, STRICT).status == FAILED


def test_a_message_is_verified_where_plain_files_may_pass() -> None:
    """Verification lets plain files in to report them, and takes no message for one, whether it was named or not."""
    store, lenient = lake(FRAMES), Policy(legacy="allow", plaintext="pass")
    (file,) = list_table(store, TABLE).files
    reports = [verify_file(store, KEYRING, file, lenient, each) for each in (ANY, MESSAGES)]
    assert [(each.status, each.rows) for each in reports] == [(VERIFIED, 20_000)] * 2
