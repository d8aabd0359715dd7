"""Files that are read: what is verified before it comes out, and what that costs."""

from __future__ import annotations

import os
import pickle
import threading
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from client.conftest import Log
from objects.fakes import KEY

import s3cse
from faults.s3_faults import Call, Fault
from faults.s3_proxy import S3Proxy
from s3cse.errors import IntegrityError, PolicyError, TransferError
from s3cse.filesystem import S3cseFileSystem, source_pool, sources, verified_body
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.local import Servers
from s3cse.message import COMMITTING_SIGNED
from s3cse.message.options import MessageOptions

from .conftest import Make

BODY = os.urandom(300_000)


def damage(s3: Any, path: str, at: int) -> None:
    """Flip a bit of what is stored."""
    bucket, _, key = path.partition("/")
    answer = s3.get_object(Bucket=bucket, Key=key)
    body = bytearray(answer["Body"].read())
    body[at] ^= 1
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(body), Metadata=answer["Metadata"])


def table(rows: int = 160_000) -> pa.Table:
    """Ten columns of noise, 1.3 MB each."""
    return pa.table({f"c{number}": pa.array(memoryview(os.urandom(8 * rows)).cast("q")) for number in range(10)})


def write(fs: S3cseFileSystem, path: str, rows: pa.Table) -> None:
    """Write Parquet as any writer does."""
    with fs.open(path, "wb") as file:
        pq.write_table(rows, file, compression="none", use_dictionary=False, row_group_size=80_000)


def test_a_file_is_read_and_sought_like_any_other(fs: S3cseFileSystem, root: str) -> None:
    """Positions, lengths and lines are those of the plaintext."""
    fs.pipe_file(f"{root}/a", BODY)
    with fs.open(f"{root}/a") as file:
        assert (file.size, file.read(10), file.tell()) == (len(BODY), BODY[:10], 10)
        file.seek(-20, 2)
        assert file.read() == BODY[-20:]
        file.seek(100_000)
        assert file.read(5) == BODY[100_000:100_005]
        assert file.verified
    fs.pipe_file(f"{root}/text", "ä\nb\n".encode())
    with fs.open(f"{root}/text", "r", encoding="utf-8") as lines:
        assert list(lines) == ["ä\n", "b\n"]


def test_an_object_is_fetched_once_however_often_it_is_read_and_opened(
    fs: S3cseFileSystem, root: str, log: Log, kms: Any
) -> None:
    """One GET opens it, one brings the rest; a second file costs a HEAD, and no call of the key service."""
    fs.pipe_file(f"{root}/a", BODY)
    log.clear()
    kms.operations.clear()
    for _ in range(3):
        with fs.open(f"{root}/a") as file:
            for at in (200_000, 0, 299_990):
                file.seek(at)
                assert file.read(10) == BODY[at : at + 10]
    assert sorted(log.operations) == ["GetObject", "GetObject", "HeadObject", "HeadObject"]
    assert kms.operations == ["Decrypt"]
    fs.invalidate_cache()
    log.clear()
    assert fs.cat_file(f"{root}/a", 5, 10) == BODY[5:10]
    assert log.operations.count("GetObject") == 2


def test_nothing_of_a_damaged_object_comes_out(fs: S3cseFileSystem, root: str, logged_s3: Any) -> None:
    """Not even bytes that are as they were; the error names the object, whichever way it is read."""
    fs.pipe_file(f"{root}/a", BODY)
    damage(logged_s3, f"{root}/a", 250_000)
    with fs.open(f"{root}/a") as file, pytest.raises(IntegrityError, match=f"s3://{root}/a: "):
        file.read(1)
    for call in (
        lambda: fs.cat_file(f"{root}/a"),
        lambda: fs.cat_file(f"{root}/a", 0, 1),
        lambda: fs.head(f"{root}/a"),
    ):
        with pytest.raises(IntegrityError, match=f"s3://{root}/a: "):
            call()


def test_an_object_longer_than_memory_waits_as_ciphertext_on_disk(
    fs: S3cseFileSystem, root: str, monkeypatch: pytest.MonkeyPatch, log: Log, logged_s3: Any
) -> None:
    """It is verified once, and every range of it comes from there."""
    monkeypatch.setattr(sources, "WHOLE_BYTES", 1000)
    monkeypatch.setattr(verified_body, "PIECE_BYTES", 4096)
    fs.pipe_file(f"{root}/a", BODY)
    with fs.open(f"{root}/a") as file:
        for start, end in ((0, 1), (4095, 4097), (10_000, 60_000), (299_999, 300_000), (0, 300_000), (4096, 8192)):
            file.seek(start)
            assert file.read(end - start) == BODY[start:end]
        gets = log.operations.count("GetObject")
        file.seek(0)
        file.read()
        assert log.operations.count("GetObject") == gets
    damage(logged_s3, f"{root}/a", 0)
    with fs.open(f"{root}/a") as file, pytest.raises(IntegrityError, match="does not verify"):
        file.read(1)


def test_a_disk_that_changes_what_waits_there_is_noticed(
    fs: S3cseFileSystem, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes that were verified and then changed do not come out."""
    monkeypatch.setattr(sources, "WHOLE_BYTES", 1000)
    fs.pipe_file(f"{root}/a", BODY)
    with fs.open(f"{root}/a") as file:
        assert file.read(1) == BODY[:1]
        spooled = file._source._shared.source._body
        byte = bytearray(1)
        spooled._spool.read_at(5, memoryview(byte))
        spooled._spool.write_at(5, memoryview(bytes([byte[0] ^ 1])))
        file.seek(100)
        with pytest.raises(IntegrityError, match=f"s3://{root}/a: the ciphertext on local disk changed"):
            file.read(1)


@pytest.mark.parametrize("integrity", ["verify-indexed", "none"])
def test_ranges_come_alone_where_the_rules_say_so(make: Make, root: str, log: Log, integrity: str) -> None:
    """A range of an object without an index is fetched and nothing else, unverified."""
    fs = make(integrity=integrity)
    fs.pipe_file(f"{root}/a", os.urandom(20 << 20))
    log.clear()
    with fs.open(f"{root}/a", block_size=1024) as file:
        file.read(1000)
        assert not file.verified
    assert [row["Range"] for row in log.of("GetObject")] == ["bytes=-65584", "bytes=0-2031"]


def test_an_object_that_is_replaced_is_no_mixture(make: Make, root: str) -> None:
    """What is open stays what it was, or is an error."""
    fs = make(integrity="none")
    fs.pipe_file(f"{root}/a", bytes(20 << 20))
    with fs.open(f"{root}/a", block_size=1024) as file:
        assert file.read(10) == bytes(10)
        fs.pipe_file(f"{root}/a", os.urandom(20 << 20))
        file.seek(10 << 20)
        with pytest.raises(TransferError, match=r"PreconditionFailed"):
            file.read(10)


def test_a_parquet_file_with_an_index_is_read_by_column_and_verified(
    make: Make, root: str, log: Log, logged_s3: Any
) -> None:
    """Of 13 MB a column of 1.3 MB costs less than 4; damage elsewhere is not seen, damage in the range is."""
    rows = table()
    fs = make(parquetIndex=True)
    write(fs, f"{root}/t.parquet", rows)
    log.clear()
    with fs.open(f"{root}/t.parquet") as file:
        assert file.verified
        assert pq.read_table(file, columns=["c3"]).equals(rows.select(["c3"]))
    fetched = [row["Range"].removeprefix("bytes=") for row in log.of("GetObject")]
    pieces = [piece.split("-") for piece in fetched if not piece.startswith("-")]
    assert sum(int(last) - int(first) + 1 for first, last in pieces) < 4_000_000
    damage(logged_s3, f"{root}/t.parquet", 100)
    assert fs.cat_file(f"{root}/t.parquet", 10_000_000, 10_000_010)
    with pytest.raises(IntegrityError, match=f"s3://{root}/t.parquet"):
        fs.cat_file(f"{root}/t.parquet", 0, 4)


def test_without_an_index_a_parquet_file_is_verified_whole(fs: S3cseFileSystem, root: str, logged_s3: Any) -> None:
    """Damage in a column that nobody asks for is an error all the same."""
    rows = table()
    write(fs, f"{root}/t.parquet", rows)
    with fs.open(f"{root}/t.parquet") as file:
        assert pq.read_table(file, columns=["c3"]).equals(rows.select(["c3"]))
    damage(logged_s3, f"{root}/t.parquet", 100)
    with fs.open(f"{root}/t.parquet") as file, pytest.raises(IntegrityError):
        pq.read_table(file, columns=["c9"])


def test_a_plain_object_is_refused_unless_it_may_pass(
    fs: S3cseFileSystem, make: Make, root: str, logged_s3: Any
) -> None:
    """Opening says so; that it exists and how long it is is no secret."""
    bucket, _, key = root.partition("/")
    logged_s3.put_object(Bucket=bucket, Key=f"{key}/plain", Body=b"plain")
    with pytest.raises(PolicyError, match=f"s3://{root}/plain"):
        fs.open(f"{root}/plain")
    assert fs.exists(f"{root}/plain")
    assert (fs.info(f"{root}/plain")["type"], fs.size(f"{root}/plain")) == ("file", 5)
    passing = make(plaintext="pass")
    assert passing.cat_file(f"{root}/plain") == passing.open(f"{root}/plain").read() == b"plain"


def test_many_ranges_of_one_object_open_it_once(fs: S3cseFileSystem, root: str, log: Log) -> None:
    """cat_ranges keeps the order, puts errors in their places, and knows positions from the end."""
    fs.pipe({f"{root}/a": BODY, f"{root}/b": b"0123456789"})
    log.clear()
    paths = [f"{root}/a", f"{root}/b", f"{root}/a", f"{root}/none", f"{root}/b"]
    found = fs.cat_ranges(paths, [0, 2, -5, 0, None], [3, 4, None, 1, -8])
    assert found[:3] == [BODY[:3], b"23", BODY[-5:]]
    assert isinstance(found[3], FileNotFoundError)
    assert found[4] == b"01"
    assert log.operations.count("GetObject") == 2 + 1 + 1
    with pytest.raises(FileNotFoundError):
        fs.cat_ranges(paths, 0, 1, on_error="raise")


def test_files_are_read_several_at_once(servers: Servers, kms: Any, root: str, s3_proxy: S3Proxy) -> None:
    """Eight files are under way together: none ends before the last of them has begun."""

    fs = S3cseFileSystem(client=servers.s3_client(s3_proxy.url), keyring=KmsKeyring(kms, KEY))
    fs.pipe({f"{root}/{number}": b"%d" % number for number in range(8)})
    together = threading.Barrier(8, timeout=20)
    s3_proxy.fail(Fault(Call(before=lambda _: together.wait() and None), method="GET", key="*/?"))
    assert fs.cat([f"{root}/{number}" for number in range(8)]) == {
        f"{root}/{number}": b"%d" % number for number in range(8)
    }


def test_an_open_file_travels_and_is_opened_anew(options: dict[str, str], root: str) -> None:
    """Pickled, it goes on where it was."""
    fs = S3cseFileSystem(**options)
    fs.pipe_file(f"{root}/a", b"0123456789")
    file = fs.open(f"{root}/a")
    file.read(4)
    assert pickle.loads(pickle.dumps(file)).read() == b"456789"


def test_what_was_read_is_kept_for_a_while_only(fs: S3cseFileSystem, root: str) -> None:
    """Closed files leave their object for a minute, and never more than eight objects."""
    now = [0.0]
    pool = source_pool.SourcePool(clock=lambda: now[0])
    fs._sources = pool
    fs.pipe({f"{root}/{number}": b"x" for number in range(12)})
    for number in range(12):
        fs.cat_file(f"{root}/{number}", 0, 1)
    assert len(pool._known) == source_pool.KEPT_OBJECTS
    now[0] = source_pool.KEPT_SECONDS + 1
    fs.cat_file(f"{root}/0", 0, 1)
    assert len(pool._known) == 1


@pytest.mark.parametrize("memory", [sources.WHOLE_BYTES, 1000], ids=["in memory", "too long for that"])
def test_a_signed_message_is_verified_to_its_end_before_a_byte_comes_out(
    root: str, logged_s3: Any, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    """Its signature vouches for all of it or nothing."""
    monkeypatch.setattr(sources, "WHOLE_BYTES", memory)
    keyring = AesKeyring(bytes(32), provider_id="p", key_id="k")
    bucket, _, key = root.partition("/")
    signing = s3cse.Client(
        logged_s3, keyring, profile="encryption-sdk", message=MessageOptions(suite=COMMITTING_SIGNED.id)
    )
    signing.put_object(Bucket=bucket, Key=key, Body=BODY)
    fs = S3cseFileSystem(client=logged_s3, keyring=keyring, profile="encryption-sdk")
    with fs.open(root) as file:
        file.seek(1000)
        assert (file.read(10), file.verified) == (BODY[1000:1010], True)
    damage(logged_s3, root, -3)
    with fs.open(root) as file, pytest.raises(IntegrityError):
        file.read(1)


def test_a_file_that_nobody_closes_goes_with_its_last_user(fs: S3cseFileSystem, root: str) -> None:
    """It waits for no garbage collector: what it holds may be large."""
    fs.pipe_file(f"{root}/a", BODY)
    file = fs.open(f"{root}/a")
    file.read(1)
    (shared,) = fs._sources._known.values()
    assert shared.users == 1
    del file
    assert shared.users == 0
