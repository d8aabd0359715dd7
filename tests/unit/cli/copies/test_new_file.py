"""Local files that are there whole or not at all."""

from __future__ import annotations

import os
import stat
from datetime import datetime, timezone
from pathlib import Path

import pytest

from s3cse.cli.copies import new_file as room
from s3cse.cli.copies.new_file import new_file

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.fixture(params=["without a name", "with one"])
def _names(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways: a file system that knows files without a name, and one that does not."""
    if request.param == "with one":
        monkeypatch.setattr(room, "_TEMPORARY", None)


pytestmark = pytest.mark.usefixtures("_names")


def test_new_and_replaced(tmp_path: Path) -> None:
    """The content, the time, and a target's own permissions; nothing else is left."""
    target = tmp_path / "x"
    for body in (b"one", b"two"):
        with new_file(target, MOMENT) as out:
            out.write(body)
        assert (target.read_bytes(), target.stat().st_mtime) == (body, MOMENT.timestamp())
        target.chmod(0o640)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["x"]


def test_failure_changes_nothing(tmp_path: Path) -> None:
    """The old file stays, and no other."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), new_file(target, None) as out:
        out.write(bytes(out.write(b"new") // 0))
    assert (os.listdir(tmp_path), target.read_bytes()) == (["x"], b"old")


def test_not_replaced(tmp_path: Path) -> None:
    """A target that somebody else makes meanwhile stays."""
    target = tmp_path / "x"
    with pytest.raises(FileExistsError), new_file(target, None, replace=False) as out:
        target.write_bytes(b"theirs" if out.write(b"new") else b"")
    assert (os.listdir(tmp_path), target.read_bytes()) == (["x"], b"theirs")
    target.unlink()
    with new_file(target, None, replace=False) as out:
        out.write(b"new")
    assert (os.listdir(tmp_path), target.read_bytes()) == (["x"], b"new")


def test_long_names(tmp_path: Path) -> None:
    """A name of 255 bytes is fine, in letters of several bytes too."""
    target = tmp_path / ("\u4e16" * 85)
    with new_file(target, None) as out:
        out.write(b"1")
    assert target.read_bytes() == b"1"


def test_folder_of_that_name(tmp_path: Path) -> None:
    """A folder is not replaced."""
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="irectory"), new_file(tmp_path / "x", None) as out:
        out.write(b"1")
    assert os.listdir(tmp_path) == ["x"]
