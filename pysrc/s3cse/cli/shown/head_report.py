"""What ``s3cse head`` prints: a table for people, CSV, or an object per row."""

from __future__ import annotations

import base64
import csv
import json
import sys
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3cse.errors import printable

_NO_LIMIT = 100_000  # columns; what goes into a pipe or a file is never wrapped
_RIGHT = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)


def print_json(rows: pa.Table) -> None:
    """Print an object per row; times are ISO 8601, decimals text, bytes base64."""
    for row in rows.to_pylist():
        typer.echo(json.dumps(row, default=_text, ensure_ascii=False))


def print_csv(rows: pa.Table) -> None:
    """Print a header and a line per row; what is missing is empty, what is nested is JSON."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.column_names)
    for row in rows.to_pylist():
        writer.writerow(["" if value is None else _cell(value) for value in row.values()])


def print_table(rows: pa.Table) -> None:
    """Print a table; nothing is obeyed that a terminal would obey."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_LIMIT)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for field in rows.schema:
        right = any(test(field.type) for test in _RIGHT)
        table.add_column(Text(printable(field.name)), justify="right" if right else "left", overflow="fold")
    for row in rows.to_pylist():
        table.add_row(
            *(Text("null", "dim") if value is None else Text(printable(_cell(value))) for value in row.values())
        )
    console.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, default=_text, ensure_ascii=False)
    return value if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal | timedelta | int | float):
        return str(value)
    return str(value)
