"""``s3cse verify``: what it says of sound, damaged, unauthenticated and unopened objects, and its exit codes."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

import s3cse
from cli.lake import Lake, damage
from s3cse.keyrings import AesKeyring


def statuses(result: Any) -> dict[str, str]:
    """Return what was said of each object, by the last part of its name."""
    return {row["uri"].rpartition("/")[2]: row["status"] for row in map(json.loads, result.stdout.splitlines())}


@pytest.fixture
def table(lake: Lake) -> Lake:
    """Two objects that verify, one with an instruction file, a table's mark, and an unauthenticated one elsewhere."""
    lake.put("t/a", os.urandom(100_000))
    filed = s3cse.Client(lake.s3, AesKeyring(lake.key), storage="instruction-file")
    filed.put_object(Bucket=lake.bucket, Key=lake.prefix + "t/b", Body=b"b")
    lake.s3.put_object(Bucket=lake.bucket, Key=lake.prefix + "t/_SUCCESS", Body=b"{}")
    old = s3cse.Client(lake.s3, AesKeyring(lake.key), profile="emrfs")
    old.put_object(Bucket=lake.bucket, Key=lake.prefix + "old/cbc", Body=b"x" * 20)
    return lake


def test_all_is_well(table: Lake) -> None:
    """Exit code 0; what tables do not read, and instruction files, are no objects of their own."""
    result = table.run("verify", table.at + "t/", "--json")
    assert (result.exit_code, statuses(result)) == (0, {"a": "verified", "b": "verified", "_SUCCESS": "hidden"})
    assert "verify: 2 verified; " in result.stderr
    assert table.run("verify", table.at + "t").stdout == ""


def test_damage(table: Lake) -> None:
    """Exit code 3, the object is named, and the others are verified all the same."""
    damage(table, "t/a")
    result = table.run("verify", table.at + "t")
    assert (result.exit_code, result.stdout.count("\n")) == (3, 1)
    assert result.stdout.startswith(f"damaged: {table.at}t/a: the object does not verify; nothing was released")
    assert "1 verified, 1 damaged" in result.stderr


def test_a_name_that_is_shown_otherwise_is_shown_once(table: Lake) -> None:
    """An error names the object as a terminal may show it, and the line does not name it again."""
    table.put("t/a\x1b", b"text")
    damage(table, "t/a\x1b")
    result = table.run("verify", table.at + "t")
    assert result.stdout.startswith(f"damaged: {table.at}t/a\\x1b: the object does not verify")


def test_nothing_vouches_for_it(table: Lake) -> None:
    """CBC and plain objects are exit code 1, unless the rules say that they belong there."""
    table.s3.put_object(Bucket=table.bucket, Key=table.prefix + "old/plain", Body=b"text")
    result = table.run("verify", table.at + "old", "--json")
    assert (result.exit_code, set(statuses(result).values())) == (1, {"not authenticated"})
    assert table.run("verify", table.at + "old", "--legacy", "allow").exit_code == 1
    assert table.run("verify", table.at + "old", "--legacy", "allow", "--plaintext", "pass").exit_code == 0


def test_key_of_somebody_else(table: Lake) -> None:
    """What no key opens says nothing of damage: exit code 1."""
    other = s3cse.Client(table.s3, AesKeyring(os.urandom(32)))
    other.put_object(Bucket=table.bucket, Key=table.prefix + "t/other", Body=b"x")
    result = table.run("verify", table.at + "t/other", table.at + "t/a", "--json")
    assert (result.exit_code, statuses(result)) == (1, {"other": "cannot be opened", "a": "verified"})


def test_nothing_there(table: Lake) -> None:
    """A folder without objects is a typing error, not a table that verifies."""
    assert table.run("verify", table.at + "tt").exit_code == 2
