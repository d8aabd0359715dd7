"""ls, info, find, glob, du and what they cost; copying, moving and deleting."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from client.conftest import Log

from s3cse.errors import PolicyError
from s3cse.filesystem import S3cseFileSystem
from s3cse.keyrings import AesKeyring
from s3cse.storage import s3

from .conftest import Make


@pytest.fixture
def tree(fs: S3cseFileSystem, root: str, log: Log) -> str:
    """Two files, one of them in a folder of a folder."""
    fs.pipe({f"{root}/a": b"1234", f"{root}/b/c/d": b"12345678"})
    log.clear()
    return root


def test_a_listing_is_one_request_and_its_sizes_are_exact(fs: S3cseFileSystem, tree: str, log: Log) -> None:
    """Sizes are those of the plaintext, without a look at any object."""
    entries = fs.ls(tree)
    assert [(row["name"], row["type"], row["size"], row["StoredSize"]) for row in entries] == [
        (f"{tree}/a", "file", 4, 20),
        (f"{tree}/b", "directory", 0, 0),
    ]
    assert log.operations == ["ListObjectsV2"]
    assert fs.find(tree) == [f"{tree}/a", f"{tree}/b/c/d"]
    assert fs.du(tree) == 12
    assert log.operations == ["ListObjectsV2"] * 3


def test_what_a_path_is_can_be_asked(fs: S3cseFileSystem, tree: str) -> None:
    """Objects, folders, buckets, and nothing."""
    bucket = tree.partition("/")[0]
    assert (fs.isfile(f"{tree}/a"), fs.isdir(f"{tree}/a"), fs.exists(f"{tree}/a")) == (True, False, True)
    assert (fs.isfile(f"{tree}/b"), fs.isdir(f"{tree}/b"), fs.exists(f"{tree}/b")) == (False, True, True)
    assert (fs.isfile(f"{tree}/x"), fs.isdir(f"{tree}/x"), fs.exists(f"{tree}/x")) == (False, False, False)
    assert (fs.isdir(bucket), fs.exists(bucket), fs.exists("no-such-bucket")) == (True, True, False)
    assert fs.info(f"{tree}/b/")["type"] == "directory"
    assert bucket in fs.ls("", detail=False)
    for path in (f"{tree}/x", "no-such-bucket", "no-such-bucket/x"):
        with pytest.raises(FileNotFoundError):
            fs.info(path)
        with pytest.raises(FileNotFoundError):
            fs.ls(path)
    assert fs.ls(f"s3cse://{tree}/a", detail=False) == fs.ls(f"s3://{tree}/a", detail=False) == [f"{tree}/a"]


def test_patterns_find_what_they_say(fs: S3cseFileSystem, tree: str) -> None:
    """One folder, any folder, at a depth."""
    assert fs.glob(f"{tree}/*") == [f"{tree}/a", f"{tree}/b"]
    assert fs.glob(f"{tree}/**/d") == [f"{tree}/b/c/d"]
    assert fs.find(tree, maxdepth=1, withdirs=True) == [tree, f"{tree}/a", f"{tree}/b"]
    assert [name for name, _, _ in fs.walk(tree)] == [tree, f"{tree}/b", f"{tree}/b/c"]
    assert fs.find(f"{tree}/a") == [f"{tree}/a"]
    assert fs.find(f"{tree}/x") == []


def test_an_object_is_known_by_its_etag_and_date(fs: S3cseFileSystem, tree: str) -> None:
    """They change when it is written again, though its content is the same."""
    path = f"{tree}/a"
    before = (fs.checksum(path), fs.ukey(path))
    assert (fs.checksum(path), fs.ukey(path)) == before
    assert abs((datetime.now(timezone.utc) - fs.modified(path)).total_seconds()) < 600
    fs.pipe_file(path, b"1234")
    assert fs.checksum(path) != before[0]
    assert fs.ukey(path) != before[1]


def test_sizes_that_a_listing_cannot_tell_are_none_or_asked_for(make: Make, root: str, log: Log) -> None:
    """Where old objects are allowed only their last block tells; info and open are exact in any case."""
    old = make(profile="emrfs", legacy="allow")
    old.pipe_file(f"{root}/cbc", b"12345")
    assert old.ls(root)[0]["size"] is None
    assert (old.info(f"{root}/cbc")["size"], old.open(f"{root}/cbc").size, old.du(root)) == (5, 5, 5)
    assert make(profile="emrfs", legacy="allow", exactSizes=True).ls(root)[0]["size"] == 5
    strict = make()
    with pytest.raises(PolicyError):
        strict.open(f"{root}/cbc")
    assert strict.info(f"{root}/cbc")["size"] is None


def test_copies_are_made_by_s3_and_keep_the_envelope(fs: S3cseFileSystem, tree: str, log: Log, kms: Any) -> None:
    """No key is used; what was copied opens."""
    kms.operations.clear()
    fs.copy(f"{tree}/a", f"{tree}/copy")
    assert "CopyObject" in log.operations
    assert "GetObject" not in log.operations
    assert kms.operations == []
    assert fs.cat_file(f"{tree}/copy") == b"1234"
    fs.mv(f"{tree}/b", f"{tree}/moved", recursive=True)
    assert fs.find(tree) == [f"{tree}/a", f"{tree}/copy", f"{tree}/moved/c/d"]
    with pytest.raises(FileNotFoundError):
        fs.copy(f"{tree}/none", f"{tree}/copy")


def test_a_folder_goes_in_batches(fs: S3cseFileSystem, root: str, log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """One listing, one look at its own name, and a request for as many keys as S3 takes."""
    fs.pipe({f"{root}/{number}": b"" for number in range(25)})
    monkeypatch.setattr(s3, "_DELETE_BATCH", 10)
    log.clear()
    fs.rm(root, recursive=True)
    assert sorted(log.operations) == ["DeleteObjects"] * 3 + ["HeadObject", "ListObjectsV2"]
    assert fs.find(root) == []
    with pytest.raises(FileNotFoundError):
        fs.rm(root, recursive=True)


def test_buckets_are_made_and_deleted(fs: S3cseFileSystem, root: str) -> None:
    """mkdir and rm of a path without a key; below a bucket there is nothing to make."""
    bucket = f"made-{root[-12:]}"
    fs.mkdir(bucket)
    with pytest.raises(FileExistsError):
        fs.mkdir(bucket)
    fs.makedirs(bucket, exist_ok=True)
    fs.mkdir(f"{bucket}/folder")
    assert fs.ls(bucket) == []
    fs.touch(f"{bucket}/folder/a")
    assert fs.size(f"{bucket}/folder/a") == 0
    fs.rm(bucket, recursive=True)
    assert not fs.exists(bucket)


def test_messages_are_files_too(root: str, logged_s3: Any) -> None:
    """Profile encryption-sdk: sizes by info, ranges by frames."""
    keyring = AesKeyring(bytes(32), provider_id="p", key_id="k")
    message = S3cseFileSystem(client=logged_s3, keyring=keyring, profile="encryption-sdk")
    body = bytes(range(256)) * 4096
    message.pipe_file(f"{root}/m", body)
    assert message.ls(root)[0]["size"] is None
    assert message.info(f"{root}/m")["size"] == message.du(root) == len(body)
    with message.open(f"{root}/m") as file:
        file.seek(700_000)
        assert (file.read(10), file.verified) == (body[700_000:700_010], True)
    with message.open(f"{root}/long", "wb") as file:
        file.write(body * 10)
    assert message.cat_file(f"{root}/long", -10) == body[-10:]


def test_what_s3_encrypts_under_a_customer_key_is_a_file_too(root: str, logged_s3: Any, tmp_path: Path) -> None:
    """Profile sse-c: sizes and ranges are S3's own."""
    (tmp_path / "key").write_bytes(bytes(range(32)))
    fs = S3cseFileSystem(client=logged_s3, keyring="aes", keyFile=str(tmp_path / "key"), profile="sse-c")
    with fs.open(f"{root}/a", "wb") as file:
        file.write(b"0123456789")
    assert fs.ls(root)[0]["size"] == fs.info(f"{root}/a")["size"] == 10
    assert fs.cat_file(f"{root}/a", 3, 6) == b"345"
    fs.cp_file(f"{root}/a", f"{root}/b")
    assert fs.open(f"{root}/b").read() == b"0123456789"
