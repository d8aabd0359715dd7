"""``s3cse cp``: what it copies where, and what it never does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

import s3cse
from cli.lake import Lake, damage, files_in
from s3cse.cli.copies import steady_file
from s3cse.cli.work import entries
from s3cse.cli.work.entries import Entry
from s3cse.keyrings import AesKeyring, KmsKeyring
from s3cse.storage.port import Location

MIB = 1 << 20
FILES = {
    "a b.txt": b"spaces",
    "sub/\u00fc\u4e16.bin": os.urandom(70_000),
    "-dash": b"looks like a flag",
    "empty": b"",
    "deep/er/x": b"x",
    "big": os.urandom(9 * MIB + 5),
}


@pytest.fixture
def folder(lake: Lake) -> Path:
    """A local folder with FILES, called ``src``."""
    for name, body in FILES.items():
        path = Path("src", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return Path("src")


def test_folder_there_and_back(lake: Lake, folder: Path) -> None:
    """Every file comes back as it was, with the object's time, and what S3 has is no plaintext."""
    up = lake.run("cp", folder, lake.at + "p", "--recursive")
    assert (up.exit_code, up.stderr) == (0, "")
    assert sorted(up.stdout.splitlines()) == sorted(
        f"upload: src/{name} to {lake.at}p/{name}" for name in FILES
    )  # fmt: skip
    assert lake.names() == sorted(f"p/{name}" for name in FILES)
    raw = lake.s3.get_object(Bucket=lake.bucket, Key=lake.prefix + "p/-dash")["Body"].read()
    assert FILES["-dash"] not in raw
    assert lake.run("cp", lake.at + "p/", "back", "--recursive", "--quiet").stdout == ""
    assert files_in(Path("back")) == FILES
    assert int(Path("back/big").stat().st_mtime) == int(lake.head("p/big")["LastModified"].timestamp())


@pytest.mark.parametrize(
    ("target", "name"),
    [("", "a b.txt"), ("p/", "p/a b.txt"), ("p", "p")],
)
def test_name_of_an_upload(lake: Lake, folder: Path, target: str, name: str) -> None:
    """A folder's address takes the file's own name; another is the object's."""
    assert lake.run("cp", folder / "a b.txt", lake.at + target).exit_code == 0
    assert lake.names() == [name]


@pytest.mark.parametrize(("target", "name"), [("there", "there/x"), ("new/", "new/x"), ("y", "y"), ("new/y", "new/y")])
def test_name_of_a_download(lake: Lake, target: str, name: str) -> None:
    """As for the AWS CLI."""
    Path("there").mkdir()
    assert lake.run("cp", lake.put("x", b"1"), target).exit_code == 0
    assert files_in(Path()) == {name: b"1"}


def test_pipes(lake: Lake) -> None:
    """``-`` is standard input and output, of any length."""
    body = os.urandom(9 * MIB)
    assert lake.run("cp", "-", lake.at + "piped", stdin=body).exit_code == 0
    shown = lake.run("cp", lake.at + "piped", "-")
    assert (shown.exit_code, shown.stdout_bytes) == (0, body)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        (("--exclude", "*", "--include", "*.txt"), ["a b.txt"]),
        (("--include", "*.txt", "--exclude", "*"), []),
        (("--exclude=*x", "--exclude", "sub/*"), ["-dash", "a b.txt", "big", "empty"]),
        (("--exclude", "*", "--include", "deep/*"), ["deep/er/x"]),
    ],
)
def test_filters_in_order(lake: Lake, folder: Path, filters: tuple[str, ...], names: list[str]) -> None:
    """The last that matches counts, and ``*`` goes below folders."""
    assert lake.run("cp", folder, lake.at, "-r", *filters).exit_code == 0
    assert lake.names() == names


def test_no_clobber(lake: Lake, folder: Path) -> None:
    """What is there stays, at both ends, and that is no failure."""
    lake.put("empty", b"old")
    result = lake.run("cp", folder, lake.at, "-r", "--no-clobber")
    assert (result.exit_code, lake.get("empty"), lake.get("-dash")) == (0, b"old", FILES["-dash"])
    assert f"skip (it is there): upload: src/empty to {lake.at}empty" in result.stdout
    Path("back").mkdir()
    Path("back/empty").write_bytes(b"mine")
    assert lake.run("cp", lake.at, "back", "-r", "--no-clobber").exit_code == 0
    assert files_in(Path("back")) == {**FILES, "empty": b"mine"}


def test_dry_run(lake: Lake, folder: Path) -> None:
    """It says what would be done, and does nothing."""
    result = lake.run("cp", folder, lake.at, "-r", "--dry-run")
    assert (len(result.stdout.splitlines()), lake.names()) == (len(FILES), [])
    assert all(line.startswith("(dry run) upload: ") for line in result.stdout.splitlines())


def test_what_s3_is_told(lake: Lake, folder: Path) -> None:
    """The content type is guessed by the name, or said; metadata is the user's."""
    lake.run("cp", folder / "a b.txt", lake.at + "1.txt", "--metadata", "owner=me")
    lake.run("cp", folder / "a b.txt", lake.at + "2.txt", "--content-type", "x/y")
    lake.run("cp", folder / "a b.txt", lake.at + "3.txt", "--no-guess-mime-type")
    assert (lake.head("1.txt")["ContentType"], lake.head("1.txt")["Metadata"]["owner"]) == ("text/plain", "me")
    assert lake.head("2.txt")["ContentType"] == "x/y"
    assert lake.head("3.txt")["ContentType"] != "text/plain"


def test_json(lake: Lake, folder: Path) -> None:
    """An object per line, failures among them, and nothing else on standard output."""
    result = lake.run("cp", folder, lake.at, "-r", "--json")
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(row["action"], row["target"], row["bytes"]) for row in rows} == {
        ("upload", lake.at + name, len(body)) for name, body in FILES.items()
    }


def listed(monkeypatch: pytest.MonkeyPatch, lake: Lake, *names: str) -> None:
    """Have a listing name one object by these keys, as a server without a file system below could."""
    lake.put("one", b"one")

    def stored_objects(store: Any, folder: Location) -> Iterator[Entry]:
        for name in names:
            yield Entry(Location(lake.bucket, lake.prefix + "one"), name, 19, datetime.now(timezone.utc))

    monkeypatch.setattr(entries, "stored_objects", stored_objects)


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out", "a//b", "./x", "..", "a/..", "x\0y"])
def test_keys_that_lead_elsewhere(lake: Lake, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """No key of somebody else's writes outside of the target; the others are copied, and the exit code tells."""
    listed(monkeypatch, lake, name, "fine")
    Path("in/side").mkdir(parents=True)
    result = lake.run("cp", lake.at, "in/side", "-r")
    assert (result.exit_code, files_in(Path())) == (1, {"in/side/fine": b"one"})
    assert "cannot become the name of a local file" in result.stderr


def test_key_that_ends_with_a_slash(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mark of an empty folder is left out, and no failure; what holds something cannot be a file, and is named."""
    listed(monkeypatch, lake, "folder/", "fine")
    assert (lake.run("cp", lake.at, "in", "-r").exit_code, files_in(Path())) == (0, {"in/fine": b"one"})
    monkeypatch.setattr(entries, "_EMPTY_BYTES", 0)
    result = lake.run("cp", lake.at, "in", "-r")
    assert (result.exit_code, "'folder/'" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    "flags",
    [
        ("--format", "encryption-sdk", "--key-namespace", "n", "--key-name", "k"),
        ("--format", "sse-c", "--customer-keys", "one"),
        ("--format", "emrfs", "--legacy", "allow"),
        ("--format", "s3ec-v4", "--commitment", "require"),
        ("--storage", "instruction-file"),
    ],
)
def test_other_formats(lake: Lake, folder: Path, flags: tuple[str, ...]) -> None:
    """There, within S3, and back; the second time nothing differs."""
    assert lake.run("cp", folder, lake.at + "p", "-r", *flags).exit_code == 0
    assert lake.run("sync", folder, lake.at + "p", *flags).stdout == ""
    assert lake.run("cp", lake.at + "p", lake.at + "q", "-r", *flags).exit_code == 0
    back = lake.run("cp", lake.at + "q", "back", "-r", *flags)
    assert (back.exit_code, back.stderr, files_in(Path("back"))) == (0, "", FILES)
    reading = flags if "--storage" not in flags else ()  # which a reader finds out by itself
    assert lake.run("verify", lake.at + "q", *reading).exit_code == 0


def test_file_where_a_folder_would_be(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of ``a`` and ``a/b`` one cannot be written: it is named, and the other one is whole."""
    listed(monkeypatch, lake, "a", "a/b")
    result = lake.run("cp", lake.at, "in", "-r", "--parallel", "1")
    assert (result.exit_code, files_in(Path("in"))) == (1, {"a": b"one"})
    assert result.stderr.startswith(f"cp: {lake.at}one: in/a: ")
    assert "cp: 1 failed, 1 done" in result.stderr
    listed(monkeypatch, lake, "dir")
    Path("in/dir").mkdir()
    assert f"cp: {lake.at}one: in/dir: Is a directory" in lake.run("cp", lake.at, "in", "-r").stderr


@pytest.mark.parametrize("name", ["big", "a b.txt"])
def test_file_that_changes_meanwhile(lake: Lake, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Half of one state and half of another is not published, large or small."""
    really = steady_file.SteadyFile.read

    def read(self: Any, size: int | None = -1) -> bytes:
        with open(Path("src", name), "ab") as file:
            file.write(b"!")
        return bytes(really(self, size))

    monkeypatch.setattr(steady_file.SteadyFile, "read", read)
    result = lake.run("cp", Path("src", name), lake.at + "changed")
    assert (result.exit_code, lake.names(), lake.unfinished()) == (1, [], [])
    assert result.stderr.startswith("cp: ")


@pytest.mark.parametrize("size", [10_000, 20 * MIB])
def test_damaged_object(lake: Lake, size: int) -> None:
    """What does not verify leaves the old file, no other, and no new object; nothing was released."""
    lake.put("x", os.urandom(size))
    damage(lake, "x")
    Path("kept").write_bytes(b"old")
    result = lake.run("cp", lake.at + "x", "kept")
    assert (result.exit_code, files_in(Path())) == (1, {"kept": b"old"})
    assert "does not verify; nothing was released" in result.stderr
    assert lake.run("cp", lake.at + "x", lake.at + "y", "--recrypt").exit_code == 1
    assert (lake.names(), lake.unfinished()) == (["x"], [])


def test_copy_on_the_server(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ciphertext and envelope stay what they are, and no key is needed; instruction files come along."""
    lake.put("x", b"text", Metadata={"owner": "me"})
    filed = s3cse.Client(lake.s3, AesKeyring(lake.key), storage="instruction-file")
    filed.put_object(Bucket=lake.bucket, Key=lake.prefix + "filed", Body=b"text")
    monkeypatch.delenv("S3CSE_KEYRING")
    monkeypatch.delenv("S3CSE_KEYFILE")
    result = lake.run("cp", lake.at, lake.at.replace("cli-", "cli2-"), "-r")
    assert (result.exit_code, result.stderr) == (0, "")
    other = Lake(lake.s3, lake.bucket, lake.prefix.replace("cli-", "cli2-"), lake.key)
    assert other.head("x")["Metadata"] == lake.head("x")["Metadata"]
    assert other.names() == ["filed", "filed.instruction", "x"]
    assert (other.get("x"), other.get("filed")) == (b"text", b"text")


def test_recrypt(lake: Lake) -> None:
    """A new data key; metadata, content type and tags stay."""
    lake.put("x", b"text", Metadata={"owner": "me"}, ContentType="x/y", Tagging="a=b")
    assert lake.run("cp", lake.at + "x", lake.at + "y", "--recrypt").exit_code == 0
    before, after = lake.head("x"), lake.head("y")
    assert before["Metadata"]["x-amz-key-v2"] != after["Metadata"]["x-amz-key-v2"]
    assert (after["Metadata"]["owner"], after["ContentType"], lake.get("y")) == ("me", "x/y", b"text")
    tags = lake.s3.get_object_tagging(Bucket=lake.bucket, Key=lake.prefix + "y")["TagSet"]
    assert tags == [{"Key": "a", "Value": "b"}]


def test_another_format_is_written_where_it_is_another(lake: Lake) -> None:
    """With --format what has it already is copied as it is, the rest is encrypted anew."""
    lake.put("v2", b"text")
    lake.run("cp", lake.at + "v2", lake.at + "v3", "--format", "s3ec-v4")
    assert "x-amz-3" in lake.head("v3")["Metadata"]
    lake.run("cp", lake.at + "v3", lake.at + "again", "--format", "s3ec-v4")
    assert lake.head("again")["Metadata"]["x-amz-3"] == lake.head("v3")["Metadata"]["x-amz-3"]
    assert lake.get("again") == b"text"


def test_another_key(lake: Lake, kms: Any, kms_key: str) -> None:
    """--to names the target's key where it is another, and the object opens with that one."""
    lake.put("x", b"text")
    result = lake.run("cp", lake.at + "x", lake.at + "y", "--to", "keyring=kms", "--to", f"kms-key-id={kms_key}")
    assert (result.exit_code, result.stderr) == (0, "")
    opened = s3cse.Client(lake.s3, KmsKeyring(kms, kms_key)).get_object(Bucket=lake.bucket, Key=lake.prefix + "y")
    assert opened["Body"].read() == b"text"


def test_plain_source(lake: Lake) -> None:
    """What is not encrypted is refused, or, where it may be, encrypted on its way."""
    lake.s3.put_object(Bucket=lake.bucket, Key=lake.prefix + "plain", Body=b"text")
    assert lake.run("cp", lake.at + "plain", lake.at + "y").exit_code == 1
    assert lake.run("cp", lake.at + "plain", lake.at + "y", "--plaintext", "pass").exit_code == 0
    assert lake.get("y") == b"text"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("a", "b"), "neither of the two is in S3"),
        (("-", "{at}x", "-r"), "a pipe takes one object"),
        (("src", "{at}x"), "this is a folder"),
        (("{at}", "x"), "this is a folder"),
        (("{at}p", "{at}p/q", "-r"), "the target is inside of the source"),
        (("{at}p", "{at}p"), "the same"),
        (("src/-dash", "{at}x", "--metadata", "x"), "NAME=VALUE"),
        (("nowhere", "{at}x", "-r"), "this is no folder"),
        (("src", "{at}x", "-r", "--key-file", "nowhere"), "nowhere"),
    ],
)
def test_wrong_use(lake: Lake, folder: Path, words: tuple[str, ...], says: str) -> None:
    """Exit code 2, one line, and nothing is written."""
    result = lake.run("cp", *(word.format(at=lake.at) for word in words))
    assert (result.exit_code, result.stderr.count("\n"), lake.names()) == (2, 1, [])
    assert says in result.stderr


def test_what_is_not_there(lake: Lake) -> None:
    """A failure, in one line with the remedy."""
    missing = lake.run("cp", lake.at + "nothing", "x")
    assert (missing.exit_code, "there is no such object" in missing.stderr) == (1, True)
    lake.put("folder/x", b"1")
    assert "give --recursive" in lake.run("cp", lake.at + "folder", "x").stderr.lower()
    assert lake.run("cp", "nofile", lake.at).exit_code == 1


def test_file_that_cannot_be_read(lake: Lake, folder: Path) -> None:
    """It is named, the others are copied, and the exit code tells."""
    Path("src/loop").symlink_to("loop")
    os.mkfifo("src/pipe")
    result = lake.run("cp", folder, lake.at, "-r")
    assert (result.exit_code, lake.names()) == (1, sorted(FILES))
    assert "src/pipe: neither a file nor a folder" in result.stderr


def test_moving(lake: Lake, folder: Path) -> None:
    """The source goes when the target is there, and not before; instruction files go along."""
    assert lake.run("mv", folder, lake.at + "p", "-r").exit_code == 0
    assert (files_in(folder), len(lake.names())) == ({}, len(FILES))
    assert lake.run("mv", lake.at + "p/big", lake.at + "q", "--storage", "instruction-file").exit_code == 0
    assert lake.run("mv", lake.at + "q", lake.at + "r").exit_code == 0
    assert [name for name in lake.names() if not name.startswith("p/")] == ["r", "r.instruction"]
    damage(lake, "r")
    assert lake.run("mv", lake.at + "r", "r").exit_code == 1
    assert "r" in lake.names()
    assert lake.run("mv", lake.at + "p", "back", "-r", "--quiet").stdout == ""
    assert files_in(Path("back")) == {name: body for name, body in FILES.items() if name != "big"}
