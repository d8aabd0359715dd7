"""What ``s3cse keys`` prints of inventories: lines for people, or JSON lines for programs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3cse.cli.interface import outcome
from s3cse.errors import printable
from s3cse.keys import row as words
from s3cse.keys.answers import by_key, by_prefix, lost_with

_NO_LIMIT = 100_000  # columns; what goes into a pipe or a file is never wrapped
_NUMBERS = (pa.int64(), pa.uint64())
_NONE = "-"


class Counted:
    """How many objects there were of which kind, for the last line."""

    def __init__(self) -> None:
        self._formats: Counter[str] = Counter()
        self._unknown = 0
        self._not_looked = 0

    def add(self, rows: pa.Table) -> None:
        """Count rows."""
        self._formats.update("?" if each is None else each for each in rows["format"].to_pylist())
        self._unknown += rows["key_evidence"].to_pylist().count(words.UNKNOWN)
        plain = zip(rows["format"].to_pylist(), rows["looked_inside"].to_pylist(), strict=True)
        self._not_looked += sum(kind == words.PLAIN and not looked for kind, looked in plain)

    def __str__(self) -> str:
        kinds = ", ".join(f"{count:,} {_named(kind)}" for kind, count in sorted(self._formats.items()))
        text = f"{plural(sum(self._formats.values()), 'object')}: {kinds}" if kinds else "no objects"
        if self._unknown:
            text += f"; {self._unknown:,} under a key that they do not name (--probe asks KMS)"
        if self._not_looked:
            text += f"; nobody looked into {self._not_looked:,} plain (--look finds messages among them)"
        return text


def _named(kind: str) -> str:
    return "that could not be read" if kind == "?" else kind


def print_rows(rows: pa.Table, *, as_json: bool) -> None:
    """Print a line per object: format, wrap, evidence, key, address, and what is wrong with it."""
    for row in rows.to_pylist():
        if as_json:
            print_json(row)
            continue
        key = row["key_id"] or row["description_fingerprint"] or _NONE
        version = f"?versionId={row['version_id']}" if row["is_latest"] is not None and row["version_id"] else ""
        text = (
            f"{row['format'] or '?':<16} {row['wrap_algorithm'] or _NONE:<14} {row['key_evidence'] or _NONE:<8} "
            f"{printable(key)}  {printable(_uri(row) + version)}"
        )
        remarks = [row["error"], *_remarks(row)]
        typer.echo(text + "".join(f"  ! {printable(remark)}" for remark in remarks if remark))


def _uri(row: Mapping[str, Any]) -> str:
    return f"s3://{row['bucket']}/{row['key']}"


def _remarks(row: Mapping[str, Any]) -> list[str]:
    remarks = []
    if row["length_header"] == words.WRONG:
        remarks.append("its length header is wrong")
    if row["instruction_file"] == words.ORPHANED:
        remarks.append("no object needs it")
    return remarks


def print_json(row: Mapping[str, Any]) -> None:
    """Print one object per line: maps as objects, times as ISO 8601."""
    plain = dict(row)
    if plain.get("encryption_context") is not None:
        plain["encryption_context"] = dict(plain["encryption_context"])
    typer.echo(json.dumps(plain, default=_text, ensure_ascii=False))


def _text(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def print_sums(table: pa.Table, by: str, depth: int, *, as_json: bool) -> None:
    """Print a line per key, or per folder."""
    sums = by_key(table) if by == "key" else by_prefix(table, depth)
    print_table(sums, as_json=as_json)
    counted = Counted()
    counted.add(table)
    outcome.say(str(counted))


def print_table(table: pa.Table, *, as_json: bool) -> None:
    """Print any table of texts and numbers."""
    if as_json:
        for row in table.to_pylist():
            print_json(row)
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_LIMIT)
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for field in table.schema:
        right = field.type in _NUMBERS
        shown.add_column(
            field.name.replace("_", " "), justify="right" if right else "left", no_wrap=right, overflow="fold"
        )
    for row in table.to_pylist():
        shown.add_row(*(Text(_cell(value)) for value in row.values()))
    console.print(shown)


def _cell(value: object) -> str:
    if value is None:
        return _NONE
    return f"{value:,}" if isinstance(value, int) else printable(str(value))


def print_loss(table: pa.Table, keys: Sequence[str], *, as_json: bool) -> None:
    """Print what can no longer be opened when keys go, and what nobody knows."""
    loss = lost_with(table, keys)
    if as_json:
        for fate, rows in (("lost", loss.lost), ("shared", loss.shared), ("possible", loss.possible)):
            for row in rows.to_pylist():
                print_json({"fate": fate, **row})
        for row in loss.unreadable.to_pylist():
            print_json({"fate": "unreadable", **row})
    else:
        print_rows(loss.lost, as_json=False)
    said = f"{plural(loss.lost.num_rows, 'object')} can no longer be opened without {', '.join(map(printable, keys))}"
    if loss.shared.num_rows:
        said += f"; {plural(loss.shared.num_rows, 'message')} can be with another key"
    outcome.say(said)
    if loss.complete:
        return
    unsure = (
        (
            loss.possible,
            "may be under it, too: no certain word of its key; --probe asks KMS, --look finds those of messages",
        ),
        (loss.unreadable, "could not be read"),
        (loss.not_looked, "no envelope, may be a message: --look tells"),
    )
    outcome.say("NOT the whole truth:")
    for rows, why in unsure:
        if rows.num_rows:
            outcome.say(f"  {plural(rows.num_rows, 'object')} ({why})")


def plural(count: int, thing: str) -> str:
    """Return ``1 object`` or ``2 objects``."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"
