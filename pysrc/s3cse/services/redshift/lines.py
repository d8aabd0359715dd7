"""Record batches as the lines of a file for COPY: CSV, delimited text or JSON, whole columns at a time.

Text is always quoted in CSV, and nothing else ever is, so that an empty string and NULL stay two things. Not Arrow's
own CSV writer: it has no word for NULL but nothing at all, which COPY takes for an empty string.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from s3cse.errors import SettingsError
from s3cse.services.redshift.json_text import escaped
from s3cse.services.redshift.layout import CopyLayout
from s3cse.services.redshift.sql import identifier
from s3cse.services.redshift.texts import TEXT, first_true, is_text, refused, texts
from s3cse.services.redshift.types import plain_type, redshift_type

#: Longest input row of COPY from any source (https://docs.aws.amazon.com/redshift/latest/dg/r_COPY.html).
MAX_ROW_BYTES = 4 << 20
#: Rows that become text together: about this many bytes in Arrow's memory.
PIECE_BYTES = 4 << 20
_PIECE_ROWS = 65_536


def check_columns(schema: pa.Schema, layout: CopyLayout) -> None:
    """Refuse columns that Redshift, or COPY from this format, does not take; before anything is written.

    Raises:
        SettingsError: names the column.
    """
    if not schema.names:
        raise SettingsError("there are no columns to export")
    seen: set[str] = set()
    for column in schema:
        identifier(column.name)  # the statement would be refused when everything is written
        kind = redshift_type(column)
        if column.name.lower() in seen:
            raise SettingsError(
                f"column {column.name!r} is there twice for Redshift, which does not tell letter case", fix="rename one"
            )
        seen.add(column.name.lower())
        if kind == "VARBYTE" and layout.format != "csv":
            raise SettingsError(
                f"column {column.name!r} is binary, which COPY loads from CSV only",
                found=f"format {layout.format!r}",
                expected="format 'csv'",
            )


def pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cut a batch into pieces whose text fits into memory several times."""
    # Not nbytes where there are nested columns: it reads offsets, which Spark 4.1 leaves out of empty ones (a crash).
    nested = any(pat.is_nested(column.type) for column in batch.schema)
    size = batch.get_total_buffer_size() if nested else batch.nbytes
    rows = max(1, min(_PIECE_ROWS, PIECE_BYTES * batch.num_rows // max(size, 1)))
    for start in range(0, batch.num_rows, rows):
        yield batch.slice(start, rows)


def rendered(batch: pa.RecordBatch, layout: CopyLayout, first_row: int) -> pa.Buffer:
    """Return a batch's lines, each with its newline.

    Args:
        first_row: number of the first row, for messages.

    Raises:
        SettingsError: a value that Redshift cannot hold, one that looks like NULL, or a row of more than
            MAX_ROW_BYTES; names column and row, and shows no value.
    """
    made = [texts(column, values, first_row) for column, values in zip(batch.schema, batch.columns, strict=True)]
    rows = (
        _json_rows(batch.schema, made)
        if layout.format == "json"
        else _delimited_rows(batch.schema, made, layout, first_row)
    )
    lines = pc.binary_join_element_wise(rows, _text("\n"), _text(""))
    _check_rows(batch.schema, lines, made, first_row)
    return _joined(lines)


def _delimited_rows(schema: pa.Schema, made: list[pa.Array], layout: CopyLayout, first_row: int) -> pa.Array:
    cells = []
    for column, values in zip(schema, made, strict=True):
        _refuse_null(column.name, values, layout, first_row)  # a number can be somebody's NULL as well
        if is_text(column.type):
            values = _quoted(values) if layout.format == "csv" else _escaped(values, layout.separator)
        cells.append(values.fill_null(layout.null_as))
    return pc.binary_join_element_wise(*cells, _text(layout.separator))


def _refuse_null(name: str, values: pa.Array, layout: CopyLayout, first_row: int) -> None:
    row = first_true(pc.equal(values, _text(layout.null_as)))
    if row is not None:
        raise refused(name, first_row + row, "is the text that stands for NULL", fix="choose another text with null_as")


def _quoted(values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(_text('"'), pc.replace_substring(values, '"', '""'), _text('"'), _text(""))


def _escaped(values: pa.Array, separator: str) -> pa.Array:
    """Put a backslash before what would end a field or a line, as UNLOAD's ESCAPE does."""
    for letter in ("\\", "\n", "\r", separator):  # the backslash first: those that follow must stay single
        values = pc.replace_substring(values, letter, "\\" + letter)
    return values


def _json_rows(schema: pa.Schema, made: list[pa.Array]) -> pa.Array:
    members = []
    for column, values in zip(schema, made, strict=True):
        quoted = values if _is_bare(column.type) else _in_quotes(values)
        name = _text(f"{_in_quotes(pa.array([column.name], TEXT))[0].as_py()}:")
        members.append(pc.binary_join_element_wise(name, quoted.fill_null("null"), _text("")))
    inside = pc.binary_join_element_wise(*members, _text(","))
    return pc.binary_join_element_wise(_text("{"), inside, _text("}"), _text(""))


def _is_bare(found: pa.DataType) -> bool:
    """Whether a value's text is JSON as it stands. Floats are not: JSON has no NaN."""
    found = plain_type(found)
    return bool(pat.is_boolean(found) or pat.is_integer(found) or pat.is_nested(found))


def _in_quotes(values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(_text('"'), escaped(values), _text('"'), _text(""))


def _check_rows(schema: pa.Schema, lines: pa.Array, made: list[pa.Array], first_row: int) -> None:
    sizes = pc.binary_length(lines)
    row = first_true(pc.greater(sizes, MAX_ROW_BYTES))
    if row is None:
        return
    widths = [pc.binary_length(values)[row].as_py() or 0 for values in made]
    widest = max(range(len(widths)), key=widths.__getitem__)
    raise SettingsError(
        f"row {first_row + row} is longer than COPY takes",
        found=f"{sizes[row].as_py()} bytes, {widths[widest]} of them in column {schema.names[widest]!r}",
        expected=f"at most {MAX_ROW_BYTES} bytes",
        fix="cut the column, or split it over several rows",
    )


def _joined(lines: pa.Array) -> pa.Buffer:
    """Return the texts one after the other: they lie in one buffer like that already."""
    offsets = pa.Array.from_buffers(pa.int64(), len(lines) + 1, [None, lines.buffers()[1]], offset=lines.offset)
    start, end = offsets[0].as_py(), offsets[-1].as_py()
    return (lines.buffers()[2] or pa.py_buffer(b"")).slice(start, end - start)


def _text(value: str) -> pa.Scalar:
    return pa.scalar(value, TEXT)
