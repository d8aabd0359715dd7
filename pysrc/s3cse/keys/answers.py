"""What an inventory answers: what is under which key, what goes with a key, what is legacy, what is plaintext.

All of them take an inventory as a table, and none is falsely complete: what nobody knows is part of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from s3cse.keyrings.base import WRAPS_OF_KIND
from s3cse.keyrings.kms_arn import may_be_same_key, parse_key_arn
from s3cse.keys.row import DELETE_MARKER, INSTRUCTION_FILE, MESSAGE, PLAIN, SSE_C, UNKNOWN

_FINGERPRINT = "sha256:"
_SUMS = [([], "count_all"), ("stored_bytes", "sum"), ("plaintext_bytes", "sum")]
_SUM_NAMES = ["objects", "stored_bytes", "plaintext_bytes"]


def objects(table: pa.Table) -> pa.Table:
    """Return the rows of objects: without instruction files and delete markers."""
    return table.filter(pc.invert(_is(table, "format", INSTRUCTION_FILE, DELETE_MARKER)))


def encrypted(table: pa.Table) -> pa.Table:
    """Return the rows of objects that a client encrypted."""
    return table.filter(_is(table, "format", "V1", "V2", "V3", MESSAGE))


def plaintext(table: pa.Table) -> pa.Table:
    """Return the rows of objects without an envelope. Those with ``looked_inside`` false may be messages yet."""
    return table.filter(_is(table, "format", PLAIN))


def legacy(table: pa.Table) -> pa.Table:
    """Return the rows of objects with old algorithms: CBC bodies, wraps that bind no algorithm, old messages."""
    return table.filter(pc.fill_null(table["legacy"], False))


def unreadable(table: pa.Table) -> pa.Table:
    """Return the rows of objects of which nobody knows what they are."""
    return table.filter(pc.is_null(table["format"]))


def by_key(table: pa.Table) -> pa.Table:
    """Return a row per key: how it is known, and how much is under it. Largest first.

    Columns: key_id, description_fingerprint, key_evidence, wrap_algorithm, objects, stored_bytes, plaintext_bytes. A
    message under several keys counts under each.
    """
    rows = encrypted(table)
    names = ["key_id", "description_fingerprint", "key_evidence", "wrap_algorithm"]
    wanted = [*names, "stored_bytes", "plaintext_bytes"]
    others = rows.filter(pc.fill_null(pc.greater(pc.list_value_length(rows["other_key_ids"]), 0), False))
    parents = pc.list_parent_indices(others["other_key_ids"].combine_chunks())
    again = others.select(wanted).take(parents)
    again = again.set_column(0, "key_id", pc.list_flatten(others["other_key_ids"].combine_chunks()))
    counted = _summed(pa.concat_tables([rows.select(wanted), again]), names)
    return counted.sort_by([("objects", "descending"), ("key_id", "ascending")])


def by_prefix(table: pa.Table, depth: int = 1) -> pa.Table:
    """Return a row per folder: how many objects are encrypted, plain, legacy, under an unknown key, unreadable.

    Args:
        depth: how many names of folders; what lies higher counts under the folder that it is in.

    Columns: prefix (with the bucket), objects, stored_bytes, encrypted, plain, legacy, unknown_key, unreadable.
    """
    rows = objects(table)
    folder = pc.replace_substring_regex(rows["key"], pattern=rf"^((?:[^/]*/){{0,{depth}}})(?s:.*)$", replacement=r"\1")
    counted = {
        "encrypted": _is(rows, "format", "V1", "V2", "V3", MESSAGE),
        "plain": _is(rows, "format", PLAIN),
        "legacy": pc.fill_null(rows["legacy"], False),
        "unknown_key": _is(rows, "key_evidence", UNKNOWN),
        "unreadable": pc.is_null(rows["format"]),
    }
    columns = {
        "prefix": pc.binary_join_element_wise("s3://", rows["bucket"], "/", folder, ""),
        "stored_bytes": rows["stored_bytes"],
        **{name: pc.cast(mask, pa.int64()) for name, mask in counted.items()},
    }
    sums = [([], "count_all"), *((name, "sum") for name in columns if name != "prefix")]
    grouped = pa.table(columns).group_by("prefix").aggregate(sums)
    grouped = grouped.rename_columns([_plain_name(name) for name in grouped.column_names])
    return grouped.select(["prefix", "objects", "stored_bytes", *counted]).sort_by("prefix")


def _plain_name(name: str) -> str:
    return "objects" if name == "count_all" else name.removesuffix("_sum")


@dataclass(frozen=True, slots=True)
class Loss:
    """What becomes unreadable when keys go, and what may.

    Attributes:
        lost: rows that nothing else opens; under a key on the server's side (SSE-KMS), too.
        shared: messages that another key opens as well.
        possible: rows whose key nobody knows and that may be under these keys: as long as there are any, ``lost`` is
            not the whole truth. An alias that an object names is among them: only KMS knows where it led.
        unreadable: rows that could not be looked at.
        not_looked: objects without an envelope that nobody looked into: a message would be among them.
    """

    lost: pa.Table
    shared: pa.Table
    possible: pa.Table
    unreadable: pa.Table
    not_looked: pa.Table

    @property
    def complete(self) -> bool:
        """Whether ``lost`` is all there is."""
        return not (self.possible.num_rows or self.unreadable.num_rows or self.not_looked.num_rows)


def lost_with(table: pa.Table, keys: Sequence[str]) -> Loss:
    """Return what can no longer be opened when these keys go.

    Args:
        keys: ids or ARNs of KMS keys; aliases, where objects name them so; ``provider:name`` of raw keys of messages;
            fingerprints of raw keys' descriptions (``sha256:…``).
    """
    rows = objects(table)
    mine = same_keys(_distinct(rows, "key_id") | _distinct_in_lists(rows), keys)
    first = pc.is_in(rows["key_id"], pa.array(sorted(mine), pa.string()))
    others = _kept_others(rows, mine)
    named = pc.or_(first, others.any_mine)
    described = pc.is_in(rows["description_fingerprint"], pa.array(list(keys), pa.string()))
    below = pc.is_in(
        rows["server_side_key_id"],
        pa.array(sorted(same_keys(_distinct(rows, "server_side_key_id"), keys)), pa.string()),
    )
    shared = pc.and_(named, pc.or_(others.any_other, pc.invert(first)))
    lost = pc.or_(pc.or_(pc.and_(named, pc.invert(shared)), described), below)
    may_be = pc.and_(_may_be(rows, keys), pc.invert(pc.or_(lost, named)))
    return Loss(
        rows.filter(lost),
        rows.filter(pc.and_(shared, pc.invert(lost))),
        rows.filter(may_be),
        unreadable(rows).filter(pc.is_null(unreadable(rows)["key_evidence"])),
        rows.filter(pc.and_(_is(rows, "format", PLAIN), pc.invert(pc.fill_null(rows["looked_inside"], False)))),
    )


def same_keys(known: Iterable[str], keys: Sequence[str]) -> set[str]:
    """Return those of the names that name one of the keys for certain; an alias is the same as itself only."""
    return {name for name in known if any(_same(name, key) for key in keys)}


def is_alias(name: str) -> bool:
    """Whether a name is that of an alias, which may lead elsewhere tomorrow."""
    arn = parse_key_arn(name)
    return name.startswith("alias/") or (arn is not None and arn.resource.startswith("alias/"))


def _same(name: str, key: str) -> bool:
    if name == key:
        return True
    if is_alias(name) or is_alias(key) or _is_raw(name) or _is_raw(key):
        return False
    return may_be_same_key(key, name) or may_be_same_key(name, key)


def _is_raw(key: str) -> bool:
    """Whether it is no name of a KMS key: a fingerprint, or provider and name of a raw key."""
    return key.startswith(_FINGERPRINT) or (":" in key and not key.startswith("arn:"))


def _may_be(rows: pa.Table, keys: Sequence[str]) -> pa.ChunkedArray:
    """Tell which rows say too little to be known not to be under these keys."""
    kms = any(not _is_raw(key) for key in keys)
    raw = any(_is_raw(key) for key in keys)
    by_kms = _is(rows, "wrap_algorithm", *WRAPS_OF_KIND["kms"])
    # Where there is no wrap, the envelope could not be read: it may be of either kind. Customer keys are raw.
    no_envelope = pc.and_(pc.is_null(rows["wrap_algorithm"]), pc.invert(_is(rows, "format", SSE_C)))
    kind = pc.or_(pc.or_(pc.and_(by_kms, kms), pc.and_(pc.invert(by_kms), raw)), no_envelope)
    aliases = [name for name in _distinct(rows, "key_id") if is_alias(name)]
    by_alias = pc.and_(pc.is_in(rows["key_id"], pa.array(aliases, pa.string())), kms)
    return pc.or_(pc.and_(_is(rows, "key_evidence", UNKNOWN), kind), by_alias)


@dataclass(frozen=True, slots=True)
class _Others:
    any_mine: pa.Array
    any_other: pa.Array


def _kept_others(rows: pa.Table, mine: set[str]) -> _Others:
    lists = rows["other_key_ids"].to_pylist()
    any_mine = [any(name in mine for name in each or ()) for each in lists]
    any_other = [any(name not in mine for name in each or ()) for each in lists]
    return _Others(pa.array(any_mine, pa.bool_()), pa.array(any_other, pa.bool_()))


def _distinct(rows: pa.Table, column: str) -> set[str]:
    return {name for name in pc.unique(rows[column]).to_pylist() if name is not None}


def _distinct_in_lists(rows: pa.Table) -> set[str]:
    return {name for name in pc.unique(pc.list_flatten(rows["other_key_ids"])).to_pylist() if name is not None}


def _is(table: pa.Table, column: str, *values: str) -> pa.ChunkedArray:
    return pc.is_in(table[column], pa.array(values, pa.string()))


def _summed(table: pa.Table, names: list[str]) -> pa.Table:
    grouped = table.group_by(names).aggregate(_SUMS)
    renamed = [_plain_name(name) for name in grouped.column_names]
    return grouped.rename_columns(renamed).select([*names, *_SUM_NAMES])
