"""Files that are written: visible when they are closed, and not at all after an error."""

from __future__ import annotations

import gc
import gzip
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import fsspec
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from client.conftest import Log
from fsspec.callbacks import Callback

from s3cse.errors import SettingsError
from s3cse.filesystem import S3cseFileSystem
from s3cse.local import Servers

from .conftest import Make

#: More than one PUT takes.
LONG = os.urandom(9 << 20)


def uploads(s3: Any, path: str) -> list[str]:
    """Return the keys of unfinished multipart uploads."""
    bucket, _, key = path.partition("/")
    return [row["Key"] for row in s3.list_multipart_uploads(Bucket=bucket, Prefix=key).get("Uploads", ())]


def write_and_fail(opened: Any, body: Any) -> None:
    """Write, and raise ZeroDivisionError in the block."""
    with opened as file:
        file.write(body)
        raise ZeroDivisionError


def test_a_short_file_is_one_request(fs: S3cseFileSystem, root: str, log: Log) -> None:
    """It is sent when the file is closed, and encrypted."""
    with fs.open(f"{root}/a", "wb", Metadata={"owner": "me"}, ContentType="text/plain") as file:
        file.write(b"Hello, ")
        file.write(memoryview(b"flights!"))
        assert (file.tell(), log.operations) == (15, [])
    assert log.operations == ["PutObject"]
    assert b"flights" not in log.of("PutObject")[0]["Body"]
    assert fs.cat_file(f"{root}/a") == b"Hello, flights!"
    entry = fs.info(f"{root}/a")
    assert (entry["size"], entry["StoredSize"], entry["Metadata"]) == (15, 31, {"owner": "me"})
    assert entry["ContentType"] == "text/plain"


def test_a_long_file_goes_in_parts(fs: S3cseFileSystem, root: str, log: Log) -> None:
    """Nothing of it is visible before it is closed."""
    with fs.open(f"{root}/a", "wb") as file:
        file.write(LONG)
        assert not fs.exists(f"{root}/a")
    assert "CompleteMultipartUpload" in log.operations
    assert fs.cat_file(f"{root}/a") == LONG


@pytest.mark.parametrize("profile", ["emrfs-v2", "s3ec-v4"])
@pytest.mark.parametrize("body", [b"short", LONG], ids=["short", "long"])
def test_an_error_in_the_block_leaves_nothing(make: Make, root: str, logged_s3: Any, profile: str, body: bytes) -> None:
    """No object, no upload; what was there before stays."""
    fs = make(profile=profile)
    fs.pipe_file(f"{root}/before", b"old")
    for name in ("a", "before"):
        with pytest.raises(ZeroDivisionError):
            write_and_fail(fs.open(f"{root}/{name}", "wb"), body)
    assert fs.find(root) == [f"{root}/before"]
    assert fs.cat_file(f"{root}/before") == b"old"
    assert uploads(logged_s3, root) == []


def _text(fs: S3cseFileSystem, url: str, options: dict[str, str]) -> Any:
    return fs.open(url, "w")


def _compressed(fs: S3cseFileSystem, url: str, options: dict[str, str]) -> Any:
    return fs.open(url, "wt", compression="gzip")


def _opened_by_fsspec(fs: S3cseFileSystem, url: str, options: dict[str, str]) -> Any:
    return fsspec.open(url, "w", **options)


def _all_by_fsspec(fs: S3cseFileSystem, url: str, options: dict[str, str]) -> Any:
    return fsspec.open(url, "wt", compression="gzip", **options)


@pytest.mark.parametrize("opened", [_text, _compressed, _opened_by_fsspec, _all_by_fsspec])
def test_whatever_wraps_a_file_an_error_leaves_nothing(options: dict[str, str], root: str, opened: Any) -> None:
    """Text and compression, of fs.open and of fsspec.open; without an error they are written."""
    fs = S3cseFileSystem(**options)
    url = f"s3cse://{root}/a"
    with pytest.raises(ZeroDivisionError):
        write_and_fail(opened(fs, url, options), "half")
    gc.collect()
    assert not fs.exists(url)
    with opened(fs, url, options) as file:
        file.write("all of it")
    body = fs.cat_file(url)
    assert (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body) == b"all of it"


def test_an_error_in_pandas_leaves_nothing(options: dict[str, str], root: str) -> None:
    """pandas closes its files in the same words after an error."""

    class Refuses:
        def __str__(self) -> str:
            raise ZeroDivisionError

    frame = pd.DataFrame({"a": [1, Refuses()]})
    with pytest.raises(ZeroDivisionError):
        frame.to_csv(f"s3cse://{root}/a.csv", storage_options=options)
    assert not S3cseFileSystem(**options).exists(f"{root}/a.csv")


def test_a_file_that_nobody_closes_is_not_written(fs: S3cseFileSystem, root: str, logged_s3: Any) -> None:
    """Neither as bytes nor as text."""
    file = fs.open(f"{root}/a", "wb")
    file.write(LONG)
    text = fs.open(f"{root}/b", "w")
    text.write("text")
    del file, text
    gc.collect()
    assert fs.find(root) == []
    assert uploads(logged_s3, root) == []


def test_a_file_closed_while_an_older_error_is_handled_is_written(fs: S3cseFileSystem, root: str) -> None:
    """An error report may be written where the error is handled; so may what ended with its input."""
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        with fs.open(f"{root}/report", "w") as file:
            file.write("it failed")
    other = fs.open(f"{root}/lines", "wb")
    rows = iter([b"1", b"2"])
    while True:
        try:
            other.write(next(rows))
        except StopIteration:
            other.close()
            break
    assert fs.cat(root, recursive=True) == {f"{root}/report": b"it failed", f"{root}/lines": b"12"}


def test_appending_is_refused(fs: S3cseFileSystem, root: str) -> None:
    """Before any request, with what to do instead."""
    for mode in ("ab", "a", "r+b"):
        with pytest.raises(SettingsError, match="cannot be appended to or changed in place"):
            fs.open(f"{root}/a", mode)


def test_what_must_be_new_is_refused_where_it_is_there(fs: S3cseFileSystem, root: str, log: Log) -> None:
    """At once where it is there at first; by S3's condition where somebody was faster."""
    with fs.open(f"{root}/a", "xb") as file:
        file.write(b"first")
    with pytest.raises(FileExistsError):
        fs.open(f"{root}/a", "xb")
    for body in (b"late", LONG):
        path = f"{root}/{len(body)}"
        late = fs.open(path, "xb")
        late.write(body)
        fs.pipe_file(path, b"faster")
        with pytest.raises(FileExistsError, match=path):
            late.close()
        assert fs.cat_file(path) == b"faster"
    assert all(row.get("IfNoneMatch") == "*" for row in log.of("CompleteMultipartUpload"))


def test_a_transaction_makes_all_visible_or_nothing(fs: S3cseFileSystem, root: str, logged_s3: Any) -> None:
    """Files that were closed in it wait for its end."""
    with fs.transaction:
        for name, body in (("a", b"short"), ("b", LONG)):
            with fs.open(f"{root}/{name}", "wb") as file:
                file.write(body)
        assert fs.find(root) == []
    assert fs.cat(root, recursive=True) == {f"{root}/a": b"short", f"{root}/b": LONG}
    fs.start_transaction()
    with fs.open(f"{root}/c", "wb") as file:
        file.write(b"short")
    fs.transaction.complete(commit=False)
    assert not fs.exists(f"{root}/c")
    assert uploads(logged_s3, root) == []


def test_a_writer_that_is_killed_leaves_nothing_visible(servers: Servers, options: dict[str, str], root: str) -> None:
    """SIGKILL in the middle of a long file."""
    program = (
        "import os, sys; from s3cse.filesystem import S3cseFileSystem\n"
        "file = S3cseFileSystem(kmsKeyId=sys.argv[1], profile='s3ec-v4').open(sys.argv[2], 'wb')\n"
        "for _ in range(5): file.write(os.urandom(4 << 20))\n"
        "print('written', flush=True); sys.stdin.read()\n"
    )
    path = f"{root}/a"
    with subprocess.Popen(
        [sys.executable, "-c", program, options["kmsKeyId"], path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"written\n"
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert not S3cseFileSystem(**options).exists(path)


def test_a_parquet_file_gets_its_index_only_where_that_is_wanted(make: Make, root: str) -> None:
    """Any writer's file, with the same rows; other files and short ones are written as they are."""
    rows = pa.table({"a": pa.array(memoryview(os.urandom(10 << 20)).cast("q"))})
    sizes = {}
    for wanted in (False, True):
        fs = make(parquetIndex=wanted)
        with fs.open(f"{root}/{wanted}", "wb") as file:
            pq.write_table(rows, file, compression="none", use_dictionary=False)
            sizes[wanted] = file.tell()
        with fs.open(f"{root}/{wanted}") as file:
            assert pq.read_table(file).equals(rows)
    assert fs.size(f"{root}/False") == sizes[False] == sizes[True] < fs.size(f"{root}/True")
    for name, body in (("csv", LONG), ("magic", b"PAR1" + LONG), ("short", b"PAR1 PAR1")):
        with fs.open(f"{root}/{name}", "wb") as file:
            file.write(body)
        assert fs.cat_file(f"{root}/{name}") == body


def test_envelopes_may_go_to_instruction_files(make: Make, root: str, logged_s3: Any) -> None:
    """They are not shown, and come and go with their objects."""
    fs = make(storage="instruction-file")
    fs.pipe({f"{root}/a": b"1", f"{root}/b/c": b"2"})
    assert fs.find(root) == [f"{root}/a", f"{root}/b/c"]
    assert [row["size"] for row in fs.ls(root) if row["type"] == "file"] == [1]
    fs.cp_file(f"{root}/a", f"{root}/copy")
    fs.mv(f"{root}/b", f"{root}/moved", recursive=True)
    assert fs.cat(root, recursive=True) == {f"{root}/a": b"1", f"{root}/copy": b"1", f"{root}/moved/c": b"2"}
    fs.rm(f"{root}/a")
    bucket, _, key = root.partition("/")
    keys = [row["Key"] for row in logged_s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]]
    assert [name.removeprefix(f"{key}/") for name in keys] == [
        "copy",
        "copy.instruction",
        "moved/c",
        "moved/c.instruction",
    ]
    fs.rm(root, recursive=True)
    assert "Contents" not in logged_s3.list_objects_v2(Bucket=bucket, Prefix=key)


def test_a_file_being_written_does_not_travel(fs: S3cseFileSystem, root: str) -> None:
    """It holds a key."""
    file = fs.open(f"{root}/a", "wb")
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(file)
    file.discard()


def test_local_files_go_up_and_come_down(fs: S3cseFileSystem, root: str, tmp_path: Path) -> None:
    """Folders too, several files at once, with progress by the plaintext's bytes."""
    (tmp_path / "up" / "deep").mkdir(parents=True)
    (tmp_path / "up" / "a").write_bytes(b"1" * 1000)
    (tmp_path / "up" / "deep" / "b").write_bytes(LONG)
    callback = Callback()
    fs.put(str(tmp_path / "up"), root, recursive=True, callback=callback)
    assert callback.value == callback.size
    fs.get(root, str(tmp_path / "down"), recursive=True)
    assert (tmp_path / "down" / "a").read_bytes() == b"1" * 1000
    assert (tmp_path / "down" / "deep" / "b").read_bytes() == LONG
    one = Callback()
    fs.get_file(fs.find(root)[-1], str(tmp_path / "one"), callback=one)
    assert one.value == one.size == (tmp_path / "one").stat().st_size
