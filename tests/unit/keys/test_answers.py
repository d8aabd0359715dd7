"""What an inventory answers, and what it says it does not know."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from s3cse.keys import row as words
from s3cse.keys.answers import (
    by_key,
    by_prefix,
    encrypted,
    legacy,
    lost_with,
    objects,
    plaintext,
    same_keys,
    unreadable,
)
from s3cse.keys.row import Row, to_batch

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1111-2222-3333-4444-5555"
OTHER = "arn:aws:kms:eu-west-1:111122223333:key/9999-2222-3333-4444-5555"
MRK = "arn:aws:kms:eu-west-1:111122223333:key/mrk-1"
PRINT = "sha256:" + "0" * 32


def table(*rows: Row) -> pa.Table:
    """Return an inventory of these rows."""
    return pa.Table.from_batches([to_batch(rows)])


def under(key_id: str | None, evidence: str = words.STORED, key: str = "a/object", **more: Any) -> Row:
    """Return the row of an object that KMS wrapped."""
    fields = {"format": "V2", "wrap_algorithm": "kms", "stored_bytes": 10, **more}
    return Row("lake", key, key_id=key_id, key_evidence=evidence, **fields)


def message(first: str, *others: str) -> Row:
    """Return the row of a message."""
    return Row("lake", "m", format=words.MESSAGE, key_id=first, other_key_ids=others, key_evidence=words.STORED)


def keys_of(rows: pa.Table) -> list[str]:
    """Return the names of the objects in rows."""
    return list(rows["key"].to_pylist())


def test_objects_lost_with_their_key() -> None:
    """What names the key, by ARN or by id, stored or probed, is lost with it; others are not."""
    inventory = table(
        under(KEY, key="arn"),
        under(KEY.rpartition("/")[2], key="id"),
        under(KEY, words.PROBED, key="probed", wrap_algorithm="kms+context"),
        under(OTHER, key="other"),
        Row("lake", "plain", format=words.PLAIN, looked_inside=True),
    )
    loss = lost_with(inventory, [KEY])
    assert keys_of(loss.lost) == ["arn", "id", "probed"]
    assert loss.complete


def test_unknown_keys_are_told() -> None:
    """As long as there are objects whose key nobody knows, the answer is not complete and says which they are."""
    inventory = table(
        under(KEY, key="known"),
        under(None, words.UNKNOWN, key="unknown", wrap_algorithm="kms+context"),
        Row("lake", "forbidden", error="403"),
        Row("lake", "unlooked", format=words.PLAIN, looked_inside=False),
        Row("lake", "broken", key_evidence=words.UNKNOWN, error="envelope"),
    )
    loss = lost_with(inventory, [KEY])
    assert keys_of(loss.lost) == ["known"]
    assert keys_of(loss.possible) == ["unknown", "broken"]
    assert keys_of(loss.unreadable) == ["forbidden"]
    assert keys_of(loss.not_looked) == ["unlooked"]
    assert not loss.complete


def test_raw_keys_cannot_be_kms_keys() -> None:
    """An object under a raw key without a description may be under another raw key, and under no KMS key."""
    raw = Row("lake", "raw", format="V1", wrap_algorithm="AES/ECB/PKCS5Padding", key_evidence=words.UNKNOWN)
    described = Row(
        "lake", "named", format="V2", wrap_algorithm="AES/GCM", key_evidence="stored", description_fingerprint=PRINT
    )
    inventory = table(raw, described, under(None, words.UNKNOWN, key="kms"))
    assert lost_with(inventory, [KEY]).possible["key"].to_pylist() == ["kms"]
    loss = lost_with(inventory, [PRINT])
    assert (keys_of(loss.lost), keys_of(loss.possible)) == (["named"], ["raw"])


def test_aliases_are_not_certain() -> None:
    """An alias that an object names may lead to the key that goes: possible, unless it is what was asked for."""
    inventory = table(under("alias/flights"))
    assert keys_of(lost_with(inventory, [KEY]).possible) == ["a/object"]
    assert keys_of(lost_with(inventory, ["alias/flights"]).lost) == ["a/object"]


def test_messages_under_several_keys() -> None:
    """A message is lost when all of its keys go, and shared while one stays."""
    inventory = table(message(KEY, OTHER))
    for gone in (KEY, OTHER):
        loss = lost_with(inventory, [gone])
        assert (loss.lost.num_rows, loss.shared.num_rows) == (0, 1)
    assert lost_with(inventory, [KEY, OTHER]).lost.num_rows == 1


def test_key_on_the_servers_side() -> None:
    """An object that S3 encrypts with the key is lost with it as well, plain or not."""
    below = Row("lake", "below", format=words.PLAIN, server_side_key_id=KEY, looked_inside=True)
    assert keys_of(lost_with(table(below), [KEY]).lost) == ["below"]


def test_multi_region_keys_are_one_key() -> None:
    """A multi-Region key in another Region is the same key."""
    elsewhere = MRK.replace("eu-west-1", "us-east-1")
    assert same_keys([MRK, OTHER], [elsewhere]) == {MRK}


@pytest.mark.parametrize("asked", ["arn:aws:kms:eu-west-1:111122223333:alias/x", "alias/x", "tests:first", PRINT])
def test_names_that_are_no_key_ids(asked: str) -> None:
    """Aliases, raw keys' names and fingerprints are the same as themselves only."""
    assert same_keys([KEY, MRK, asked, "tests:second"], [asked]) == {asked}


def test_by_key() -> None:
    """One row per key and evidence, with sums; a message counts under each of its keys."""
    inventory = table(under(KEY), under(KEY, key="2"), under(None, words.UNKNOWN), message(KEY, OTHER))
    rows = by_key(inventory).to_pylist()
    found = {(row["key_id"], row["key_evidence"], row["wrap_algorithm"]): row for row in rows}
    assert found[KEY, "stored", "kms"]["objects"] == 2
    assert found[KEY, "stored", "kms"]["stored_bytes"] == 20
    assert found[KEY, "stored", None]["objects"] == found[OTHER, "stored", None]["objects"] == 1
    assert found[None, "unknown", "kms"]["objects"] == 1
    assert rows[0]["objects"] == 2


def test_by_prefix() -> None:
    """One row per folder to the depth asked for; what is not below a folder counts under the bucket."""
    inventory = table(
        under(KEY, key="a/b/1", legacy=True),
        under(None, words.UNKNOWN, key="a/c/2"),
        Row("lake", "3", format=words.PLAIN),
        Row("lake", "a/b/3.instruction", format=words.INSTRUCTION_FILE),
        Row("lake", "a/b/with\nline", error="403"),
    )
    rows = {row["prefix"]: row for row in by_prefix(inventory, 1).to_pylist()}
    assert set(rows) == {"s3://lake/", "s3://lake/a/"}
    assert rows["s3://lake/a/"] == {
        "prefix": "s3://lake/a/",
        "objects": 3,
        "stored_bytes": 20,
        "encrypted": 2,
        "plain": 0,
        "legacy": 1,
        "unknown_key": 1,
        "unreadable": 1,
    }
    assert set(by_prefix(inventory, 2)["prefix"].to_pylist()) == {"s3://lake/", "s3://lake/a/b/", "s3://lake/a/c/"}
    assert by_prefix(inventory, 0)["prefix"].to_pylist() == ["s3://lake/"]


def test_kinds_of_rows() -> None:
    """Legacy, plain, encrypted and unreadable objects are told apart; instruction files are no objects."""
    inventory = table(
        under(KEY, key="old", legacy=True),
        under(KEY, key="new", legacy=False),
        Row("lake", "plain", format=words.PLAIN),
        Row("lake", "new.instruction", format=words.INSTRUCTION_FILE),
        Row("lake", "gone", format=words.DELETE_MARKER),
        Row("lake", "forbidden", error="403"),
    )
    assert keys_of(legacy(inventory)) == ["old"]
    assert keys_of(encrypted(inventory)) == ["old", "new"]
    assert keys_of(plaintext(inventory)) == ["plain"]
    assert keys_of(unreadable(inventory)) == ["forbidden"]
    assert keys_of(objects(inventory)) == ["old", "new", "plain", "forbidden"]


def test_empty_inventory() -> None:
    """Nothing is answered with nothing."""
    empty = table()
    assert (by_key(empty).num_rows, by_prefix(empty).num_rows) == (0, 0)
    assert lost_with(empty, [KEY]).complete
