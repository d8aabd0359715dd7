"""``s3cse uploads``: what it lists, what it aborts, what it refuses."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cli.conftest import JOB, Shell
from s3cse.cli.upkeep import uploads
from s3cse.errors import TransferError
from s3cse.storage.port import Location

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
OURS = f"flights/month=1/part-00001-{JOB}-a3-004.snappy.parquet"
SECONDS = timedelta(seconds=5)  # what a slow machine takes between two lines


@pytest.fixture
def lake(shell: Shell) -> Shell:
    """A lake with three unfinished uploads under flights, and one beside it."""
    shell.upload("flights/new.bin", HOUR + SECONDS)
    shell.upload(OURS, 3 * DAY + 4 * HOUR + SECONDS, b"x" * 1000, b"yy")
    shell.upload("flights/old.bin", 2 * DAY, b"z")
    shell.upload("flights2/other.bin", 5 * DAY)
    return shell


def rows(result: Any) -> list[dict[str, Any]]:
    """Return the JSON objects of a command's output."""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_ls_shows_the_oldest_first(lake: Shell) -> None:
    """A line per upload with age, job, key and id; a folder is not the beginning of another's name."""
    result = lake.run("uploads", "ls", "s3://lake/flights")
    assert result.exit_code == 0
    header, *lines = result.stdout.splitlines()
    assert header.split() == ["started", "(UTC)", "age", "job", "key", "upload", "id"]
    assert [line.split()[-2] for line in lines] == [OURS, "flights/old.bin", "flights/new.bin"]
    assert lines[0].split()[1:4] == ["3d", "4h", JOB]
    assert lines[2].split()[1:3] == ["1h", "-"]


def test_ls_counts_parts_when_asked(lake: Shell) -> None:
    """Parts and bytes cost requests, so they are counted only on demand."""
    result = lake.run("uploads", "ls", "s3://lake/flights/", "--parts")
    assert result.stdout.splitlines()[1].split()[3:5] == ["2", "1,002"]
    lake.store.log.clear()
    lake.run("uploads", "ls", "s3://lake/flights/")
    assert [method for method, _ in lake.store.log] == ["UPLOADS"]


def test_ls_as_json(lake: Shell) -> None:
    """An object per line, with everything there is to know and nothing made up."""
    result = lake.run("uploads", "ls", "s3://lake/flights/", "--parts", "--json")
    first, second, third = rows(result)
    age, started = first.pop("age_seconds"), first.pop("initiated")
    assert 3 * 86400 + 4 * 3600 <= age < 3 * 86400 + 4 * 3600 + 60
    assert started.endswith("Z")
    assert first == {"uri": f"s3://lake/{OURS}", "upload_id": "upload-2", "job": JOB, "parts": 2, "bytes": 1002}
    assert (second["job"], second["parts"], second["bytes"]) == (None, 1, 1)
    assert (third["parts"], third["bytes"]) == (0, 0)
    plain = rows(lake.run("uploads", "ls", "s3://lake/flights/", "--json"))
    assert [(row["parts"], row["bytes"]) for row in plain] == [(None, None)] * 3


@pytest.mark.parametrize(
    ("flags", "keys"),
    [
        ((), [OURS, "flights/old.bin", "flights/new.bin"]),
        (("--older-than", "1d"), [OURS, "flights/old.bin"]),
        (("--older-than", "49h"), [OURS]),
        (("--older-than", "1w"), []),
        (("--job", JOB), [OURS]),
        (("--job", "f" * 32), []),
    ],
)
def test_ls_chooses(lake: Shell, flags: tuple[str, ...], keys: list[str]) -> None:
    """By age and by job."""
    result = lake.run("uploads", "ls", "s3://lake/flights/", "--json", *flags)
    assert (result.exit_code, [row["uri"] for row in rows(result)]) == (0, [f"s3://lake/{key}" for key in keys])


def test_ls_of_one_object_and_of_a_bucket(lake: Shell) -> None:
    """An object's own address shows its uploads only; a bucket's shows all."""
    assert len(rows(lake.run("uploads", "ls", "s3://lake/flights/old.bin", "--json"))) == 1
    assert len(rows(lake.run("uploads", "ls", "s3://lake", "--json"))) == 4


def test_clock_of_s3_that_is_ahead(shell: Shell) -> None:
    """An upload from the future is listed, as one that has just begun."""
    shell.upload("flights/x", -HOUR)
    (row,) = rows(shell.run("uploads", "ls", "s3://lake/flights/", "--json"))
    assert row["age_seconds"] == 0
    assert not rows(shell.run("uploads", "ls", "s3://lake/flights/", "--json", "--older-than", "1s"))


def test_ls_of_nothing(shell: Shell) -> None:
    """Nothing is no failure, and leaves the output empty."""
    result = shell.run("uploads", "ls", "s3://lake/flights/")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no unfinished uploads\n")


def test_upload_that_ends_meanwhile(lake: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upload that is completed between the listing and the count of its parts is said to be gone."""
    monkeypatch.setattr(uploads, "extent_of", lambda store, upload: None)
    assert "gone" in lake.run("uploads", "ls", "s3://lake/flights/", "--parts").stdout


def test_key_that_would_write_into_the_terminal(shell: Shell) -> None:
    """Control characters and rich's markup in a key are shown, not obeyed."""
    shell.upload("flights/\x1b[31m[bold]x", HOUR)
    assert "flights/\\x1b[31m[bold]x" in shell.run("uploads", "ls", "s3://lake/flights/").stdout


def test_abort_takes_what_is_old(lake: Shell) -> None:
    """With --yes nobody is asked; what is younger, or beside the folder, stays."""
    result = lake.run("uploads", "abort", "s3://lake/flights/", "--older-than", "1d", "--yes")
    assert (result.exit_code, result.stderr) == (0, "aborted 2 uploads\n")
    assert lake.left() == ["flights/new.bin", "flights2/other.bin"]


def test_abort_takes_one_job(lake: Shell) -> None:
    """With --job all others stay."""
    result = lake.run("uploads", "abort", "s3://lake/", "--older-than", "0s", "--job", JOB, "--yes", "--json")
    assert [row["job"] for row in rows(result)] == [JOB]
    assert lake.left() == ["flights/new.bin", "flights/old.bin", "flights2/other.bin"]


def test_dry_run_aborts_nothing(lake: Shell) -> None:
    """It shows what would go, even with --yes."""
    result = lake.run("uploads", "abort", "s3://lake/flights/", "--older-than", "1d", "--dry-run", "--yes", "--json")
    assert (result.exit_code, len(rows(result)), len(lake.left())) == (0, 2, 4)


@pytest.mark.parametrize(("answer", "code", "left"), [("y\n", 0, 2), ("n\n", 1, 4), ("\n", 1, 4)])
def test_abort_asks(lake: Shell, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, left: int) -> None:
    """On a terminal it asks, and only yes is yes."""
    monkeypatch.setattr(uploads, "on_terminal", lambda: True)
    result = lake.run("uploads", "abort", "s3://lake/flights/", "--older-than", "1d", stdin=answer)
    assert (result.exit_code, len(lake.left())) == (code, left)
    assert "Abort 2 uploads?" in result.stderr


def test_abort_without_a_terminal_needs_yes(lake: Shell) -> None:
    """Where there is nobody to ask nothing is aborted, and the message says what to do."""
    result = lake.run("uploads", "abort", "s3://lake/flights/", "--older-than", "1d")
    assert (result.exit_code, len(lake.left())) == (2, 4)
    assert result.stderr == (
        "uploads abort: there is no terminal to ask on. Give --yes, or --dry-run to see what would go\n"
    )


def test_abort_goes_on_behind_a_refusal(lake: Shell) -> None:
    """One upload that S3 does not let go is named, the others are aborted, and the exit code tells."""
    really = lake.store.abort_upload

    def abort_upload(location: Location, upload_id: str) -> None:
        if location.key == OURS:
            raise TransferError("S3 did not abort the upload of the object", uri=location.uri, status=403)
        really(location, upload_id)

    lake.store.abort_upload = abort_upload
    result = lake.run("uploads", "abort", "s3://lake/flights/", "--older-than", "1d", "--yes")
    assert result.exit_code == 1
    assert f"uploads abort: s3://lake/{OURS}: S3 did not abort" in result.stderr
    assert result.stderr.endswith("aborted 1 upload, 1 refused\n")
    assert lake.left() == [OURS, "flights/new.bin", "flights2/other.bin"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("ls", "lake/flights"), "not an S3 address"),
        (("ls", "s3://lake/", "--older-than", "soon"), "not a duration"),
        (("ls", "s3://lake/", "--job", "7"), "not a job's id"),
        (("abort", "s3://lake/"), "--older-than"),
        (("abort", "s3://lake/", "--older-than", "1"), "not a duration"),
        (("ls",), "ADDRESS"),
        (("rm", "s3://lake/"), "No such command"),
    ],
)
def test_wrong_use(shell: Shell, arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2, a message that says what is wrong, and S3 was not asked."""
    result = shell.run("uploads", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert shell.store.log == []


def test_refusal_of_s3_is_a_failure(shell: Shell) -> None:
    """Exit code 1 and one line, without a traceback."""

    def list_uploads(place: Location) -> Any:
        raise TransferError("S3 did not list what is under the object", uri=place.uri, fix="check the bucket's name")

    shell.store.list_uploads = list_uploads
    result = shell.run("uploads", "ls", "s3://lake/flights/")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "uploads ls: s3://lake/flights/: S3 did not list what is under the object. Check the bucket's name\n"
    )


def test_flags_and_environment_say_where_s3_is(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """The flags of the jobs, or the environment that the data source looks into."""
    shell.run("uploads", "ls", "s3://lake/", "--region", "eu-west-1", "--endpoint-url", "http://localhost:1")
    monkeypatch.setenv("S3CSE_REGION", "eu-west-2")
    monkeypatch.setenv("S3CSE_ENDPOINTURL", "http://localhost:2")
    shell.run("uploads", "ls", "s3://lake/")
    assert shell.opened == [("eu-west-1", "http://localhost:1"), ("eu-west-2", "http://localhost:2")]
