"""``s3cse rm``."""

from __future__ import annotations

import pytest

from cli.lake import Lake


def test_rm(filled: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object and its instruction file, without a key; a folder only when said so."""
    monkeypatch.delenv("S3CSE_KEYRING")
    monkeypatch.delenv("S3CSE_KEYFILE")
    assert filled.run("rm", filled.at + "sub").exit_code == 0  # nothing of that name, as for S3
    assert filled.run("rm", filled.at).exit_code == 2
    assert filled.run("rm", filled.at + "sub/b", "--dry-run").stdout == f"(dry run) delete: {filled.at}sub/b\n"
    assert len(filled.names()) == 4
    assert filled.run("rm", filled.at + "sub/b").stdout == f"delete: {filled.at}sub/b\n"
    assert filled.names() == ["a", "cbc"]


def test_rm_recursive(filled: Lake) -> None:
    """Everything that filters mean; an instruction file is meant where its object is."""
    filled.put("sub2", b"beside")
    shown = filled.run("rm", filled.at, "-r", "--exclude", "*", "--include", "sub/b")
    assert (shown.exit_code, filled.names()) == (0, ["a", "cbc", "sub2"])
    assert filled.run("rm", filled.at + "sub", "-r").exit_code == 0
    assert "sub2" in filled.names()
    assert filled.run("rm", filled.at, "-r", "--quiet").stdout == ""
    assert filled.names() == []
