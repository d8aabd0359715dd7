"""Downloads: whole and verified, or the target stays as it was."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from boto3.s3.transfer import TransferConfig

import s3cse
from s3cse.errors import IntegrityError, SettingsError, TransferError

from .conftest import Make
from .test_reading import damage

TEXT = os.urandom(1 << 16) * 5
FORMS: list[dict[str, Any]] = [
    {},
    {"integrity": "stream"},
    {"integrity": "none"},
    {"profile": "emrfs", "legacy": "allow"},
]


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_files_arrive(make: Make, at: dict[str, str], tmp_path: Path, form: dict[str, Any]) -> None:
    """A new file, an old one, and an open one; the callback hears of every byte."""
    client = make(**form)
    client.put_object(**at, Body=TEXT)
    target = tmp_path / "file"
    for before in (None, b"old"):
        if before is not None:
            target.write_bytes(before)
            target.chmod(0o640)
        heard: list[int] = []
        client.download_file(at["Bucket"], at["Key"], target, Callback=heard.append)
        assert (target.read_bytes(), sum(heard)) == (TEXT, len(TEXT))
        assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    out = io.BytesIO()
    client.download_fileobj(at["Bucket"], at["Key"], out)
    assert out.getvalue() == TEXT


def test_new_files_obey_the_umask(client: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """A new file has the permissions that any new file has."""
    client.put_object(**at, Body=b"abc")
    (tmp_path / "other").write_bytes(b"")
    client.download_file(at["Bucket"], at["Key"], str(tmp_path / "file"))
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


@pytest.mark.parametrize("form", FORMS[:3], ids=str)
@pytest.mark.parametrize("place", [0, -1])
def test_damaged_objects_leave_the_target(
    make: Make, at: dict[str, str], tmp_path: Path, form: dict[str, Any], place: int, s3: Any
) -> None:
    """Whatever is wrong, the old file is there as it was and nothing is beside it."""
    client = make(**form)
    client.put_object(**at, Body=TEXT)
    damage(s3, at, place)
    target = tmp_path / "file"
    with pytest.raises(IntegrityError):
        client.download_file(at["Bucket"], at["Key"], target)
    assert list(tmp_path.iterdir()) == []
    target.write_bytes(b"old")
    with pytest.raises(IntegrityError):
        client.download_file(at["Bucket"], at["Key"], target)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"file": b"old"}


def test_strict_writes_nothing_unverified(client: s3cse.Client, at: dict[str, str], s3: Any) -> None:
    """An open file gets no byte of a damaged object."""
    client.put_object(**at, Body=TEXT)
    damage(s3, at, -1)
    out = io.BytesIO()
    with pytest.raises(IntegrityError, match="nothing was released"):
        client.download_fileobj(at["Bucket"], at["Key"], out)
    assert out.getvalue() == b""


def test_wrong_calls(client: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """A range, a misspelt parameter or no file is refused; a missing object makes no file."""
    for extra in ({"Range": "bytes=0-1"}, {"PartNumber": 1}, {"Nonsense": 1}):
        with pytest.raises(SettingsError, match=next(iter(extra))):
            client.download_file(at["Bucket"], at["Key"], tmp_path / "file", ExtraArgs=extra)
    with pytest.raises(SettingsError, match="needs a file"):
        client.download_fileobj(at["Bucket"], at["Key"], "name")
    with pytest.raises(TransferError):
        client.download_file(at["Bucket"], at["Key"], tmp_path / "file")
    assert list(tmp_path.iterdir()) == []


def test_targets_that_are_no_files(client: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """A device is written to, not replaced."""
    client.put_object(**at, Body=TEXT)
    client.download_file(at["Bucket"], at["Key"], os.devnull)
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)


def test_callback_that_fails(client: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """The caller's own error comes out, and leaves no file."""
    client.put_object(**at, Body=TEXT)

    def fail(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.download_file(at["Bucket"], at["Key"], tmp_path / "file", Callback=fail)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("threshold", "requests"), [(None, 2), (1, 2), (len(TEXT) + 16, 1)])
def test_short_objects_come_in_one_request(
    client: s3cse.Client, log: Any, at: dict[str, str], threshold: int | None, requests: int
) -> None:
    """Where Config says how much may come along with the request that opens an object."""
    client.put_object(**at, Body=TEXT)
    log.clear()
    out = io.BytesIO()
    config = None if threshold is None else TransferConfig(multipart_threshold=threshold)
    client.download_fileobj(at["Bucket"], at["Key"], out, Config=config)
    assert (out.getvalue(), len(log)) == (TEXT, requests)


def test_long_names(client: s3cse.Client, at: dict[str, str], tmp_path: Path) -> None:
    """A target's name may have 255 bytes, in letters of several bytes too."""
    client.put_object(**at, Body=b"abc")
    target = tmp_path / ("\u4e16" * 85)
    client.download_file(at["Bucket"], at["Key"], target)
    assert target.read_bytes() == b"abc"
