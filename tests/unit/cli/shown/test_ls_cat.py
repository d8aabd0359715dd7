"""``s3cse ls`` and ``cat``."""

from __future__ import annotations

import json
from typing import Any

from cli.lake import Lake, damage


def columns(result: Any) -> list[list[str]]:
    """Return the columns of each line but date and time."""
    assert (result.exit_code, result.stderr) == (0, "")
    return [line.split()[2:] if line[:1].isdigit() else line.split() for line in result.stdout.splitlines()]


def test_ls(filled: Lake) -> None:
    """As the AWS CLI: folders as such, sizes as stored, what begins with the address."""
    assert columns(filled.run("ls", filled.at)) == [["PRE", "sub/"], ["21", "a"], ["32", "cbc"]]
    assert columns(filled.run("ls", filled.at + "c")) == [["32", "cbc"]]
    whole = columns(filled.run("ls", filled.at, "-r"))
    assert [row[1] for row in whole] == [filled.prefix + name for name in ("a", "cbc", "sub/b", "sub/b.instruction")]
    assert filled.bucket in filled.run("ls").stdout


def test_ls_of_plaintext_sizes(filled: Lake) -> None:
    """The lengths that a reader gets; instruction files are no objects."""
    rows = [
        json.loads(line)
        for line in filled.run("ls", filled.at, "-r", "--plaintext-sizes", "--json").stdout.splitlines()
    ]
    assert [(row["uri"].removeprefix(filled.at), row["size"], row["stored_size"]) for row in rows] == [
        ("a", 5, 21), ("cbc", 20, 32), ("sub/b", 2000, 2016)
    ]  # fmt: skip
    human = filled.run("ls", filled.at + "sub/b", "-h", "--plaintext-sizes", "--summarize").stdout
    assert "2.0 KiB b\n" in human
    assert "Total Objects: 1\n   Total Size: 2.0 KiB" in human


def test_cat(filled: Lake) -> None:
    """Whole objects one after the other, or a range of the plaintext."""
    assert filled.run("cat", filled.at + "a", filled.at + "sub/b").stdout_bytes == b"12345" + b"b" * 2000
    for span, text in (("1-2", b"23"), ("3-", b"45"), ("-2", b"45")):
        assert filled.run("cat", filled.at + "a", "--range", span).stdout_bytes == text
    assert filled.run("cat", filled.at + "a", "--range", "x").exit_code == 2


def test_cat_of_what_does_not_verify(filled: Lake) -> None:
    """Not a byte comes out, of a range neither."""
    damage(filled, "sub/b")
    for flags in ((), ("--range", "0-3")):
        result = filled.run("cat", filled.at + "sub/b", *flags)
        assert (result.exit_code, result.stdout_bytes, result.stderr.count("\n")) == (1, b"", 1)


def test_names_write_nothing_into_the_terminal(filled: Lake) -> None:
    """Control characters in a key are shown, not obeyed."""
    filled.put("x\x1b[31m", b"1")
    for command in (("ls", filled.at), ("rm", filled.at, "-r", "--dry-run"), ("cp", filled.at, "o", "-r", "--dry-run")):
        shown = filled.run(*command).stdout
        assert "\\x1b[31m" in shown
        assert "\x1b" not in shown
