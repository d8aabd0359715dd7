"""Whatever the rows are, what is exported reads back as it was, and a foreign CSV parser agrees."""

from __future__ import annotations

import csv
import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.objects.policy import Policy
from s3cse.services.redshift import CopyLayout, UnloadLayout
from s3cse.services.redshift.exporting import export_to
from s3cse.services.redshift.lines import rendered
from s3cse.services.redshift.unload import open_unload
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

from .redshift_rows import KEY

SCHEMA = pa.schema(
    [
        ("text", pa.string()),
        ("number", pa.int64()),
        ("exact", pa.decimal128(20, 6)),
        ("at", pa.timestamp("us")),
        ("instant", pa.timestamp("us", "UTC")),
        ("day", pa.date32()),
        ("double", pa.float64()),
        ("flag", pa.bool_()),
    ]
)
#: Microseconds of the years 1 and 9999.
EARLIEST, LATEST = -62_135_596_800_000_000, 253_402_300_799_999_999
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=20).filter("@NULL@".__ne__)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | TEXT | st.sampled_from(["", "\\", '"', "\r", "\n", "|", ",", "\\N", "@NULL@x"]),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "exact": st.none() | st.decimals(-(10**13), 10**13, places=6),
        "at": st.none() | st.integers(EARLIEST, LATEST),
        "instant": st.none() | st.integers(EARLIEST, LATEST),
        "day": st.none() | st.integers(-719_162, 2_932_896),
        "double": st.none() | st.floats(allow_nan=False),
        "flag": st.none() | st.booleans(),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=20)


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows in the schema."""
    return pa.table([pa.array([row[column.name] for row in rows], column.type) for column in SCHEMA], schema=SCHEMA)


@pytest.mark.parametrize("format_", ["csv", "text", "json"])
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_there_and_back(format_: str, rows: list[dict[str, Any]]) -> None:
    """Every value and every NULL comes back, in order."""
    store, before = MemoryStore(), table(rows)
    export_to(store, Location("b", "x"), before, KEY.keyring(), layout=CopyLayout(format=format_, compression="none"))
    words: dict[str, Any] = {} if format_ == "json" else {"null_as": "@NULL@"}
    layout = UnloadLayout(format=format_, escape=format_ == "text", **words)
    policy = Policy(legacy="allow", plaintext="pass")
    found = open_unload(store, KEY.keyring(), Location("b", "x/manifest"), policy, layout, SCHEMA)
    assert found.read_all() == before


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=20))
def test_a_foreign_parser_agrees(texts: list[tuple[str, str]]) -> None:
    """Python's own CSV parser finds the texts that were written."""
    batch = pa.record_batch({"a": [a for a, _ in texts], "b": [b for _, b in texts]})
    written = rendered(batch, CopyLayout(), 0).to_pybytes().decode()
    assert list(csv.reader(io.StringIO(written, newline=""))) == [list(pair) for pair in texts]
