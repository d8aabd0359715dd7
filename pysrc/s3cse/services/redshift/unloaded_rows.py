"""The rows of one file that UNLOAD wrote, as record batches of the schema that was promised."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from s3cse.errors import IntegrityError
from s3cse.services.redshift.fields import parsed
from s3cse.services.redshift.json_text import dumped_exactly
from s3cse.services.redshift.layout import UnloadLayout
from s3cse.services.redshift.unloaded_text import content_errors

#: Bytes of text that become one batch; no row of Redshift is longer, with the SUPER values of today (16 MB).
BLOCK_BYTES = 16 << 20
_JSON_BATCH_BYTES = 4 << 20
#: No line of JSON is longer: a block's text with every character escaped, some six times.
_MOST_LINE_BYTES = 128 << 20


def header_names(text: pa.NativeFile, layout: UnloadLayout, uri: str) -> list[str] | None:
    """Return the names in a file's first line, None where there is none.

    Raises:
        IntegrityError: it cannot be read.
    """
    with content_errors(uri):
        reader = _csv_reader(text, layout, None)
        return None if reader is None else list(reader.schema.names)


def unloaded_rows(
    text: pa.NativeFile, layout: UnloadLayout, schema: pa.Schema, uri: str
) -> Generator[pa.RecordBatch, None, None]:
    """Yield a file's rows.

    Args:
        text: decrypted and decompressed.
        schema: columns in the file's order (JSON: by name).
        uri: of the file, for messages.

    Raises:
        IntegrityError: what is in there is not what layout and schema say.
    """
    found = _json_columns(text, schema) if layout.format == "json" else _csv_columns(text, layout, schema, uri)
    row = 0
    while True:
        with content_errors(uri, columns=len(schema)):
            columns = next(found, None)
            if columns is None:
                return
            arrays = [parsed(column, values, row) for column, values in zip(schema, columns, strict=True)]
        batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
        row += batch.num_rows
        yield batch


def _csv_columns(text: pa.NativeFile, layout: UnloadLayout, schema: pa.Schema, uri: str) -> Iterator[list[pa.Array]]:
    reader = _csv_reader(text, layout, schema.names)
    if reader is None:
        return
    if layout.header and reader.schema.names != schema.names:
        raise IntegrityError(
            "the file's header names other columns",
            uri=uri,
            found=", ".join(reader.schema.names),
            expected=", ".join(schema.names),
            fix="check columns and layout; the files of one UNLOAD have one header",
        )
    for batch in reader:
        if batch.num_rows:
            yield batch.columns


def _csv_reader(text: pa.NativeFile, layout: UnloadLayout, names: Sequence[str] | None) -> Any:
    """Return Arrow's streaming reader, every column as text; None where the file is empty."""
    csv = layout.format == "csv"
    try:
        return pa_csv.open_csv(
            text,
            read_options=pa_csv.ReadOptions(
                use_threads=False,  # bounded memory, and errors of ours come through as they are
                block_size=BLOCK_BYTES,
                column_names=None if layout.header else names,
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=layout.separator,
                quote_char='"' if csv or layout.add_quotes else False,
                double_quote=csv,
                escape_char="\\" if layout.escape else False,
                newlines_in_values=True,
                ignore_empty_lines=False,  # a row of one empty field is such a line
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names or (), pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=layout.add_quotes,  # which quotes NULL like any other field
                null_values=[layout.null_as or ""],
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return None
        raise


def _json_columns(text: pa.NativeFile, schema: pa.Schema) -> Iterator[list[pa.Array]]:
    """Yield the columns of JSON lines: by Python's parser, which keeps every digit of a number."""
    rows: list[dict[str, str | None]] = []
    size = 0
    for line in _lines(text, schema):
        rows.append(_row(line, schema))
        size += len(line)
        if size >= _JSON_BATCH_BYTES:
            yield _columns(rows, schema)
            rows, size = [], 0
    if rows:
        yield _columns(rows, schema)


def _row(line: bytes, schema: pa.Schema) -> dict[str, str | None]:
    try:
        row = json.loads(line, parse_float=Decimal)
    except (ValueError, RecursionError):
        row = None
    if not isinstance(row, dict) or set(row) != set(schema.names):
        raise _no_row(f"a line of {len(line)} bytes", schema)  # the parser's own message would show some of the line
    try:
        return {name: _field(value) for name, value in row.items()}
    except RecursionError:
        raise _no_row("JSON in JSON without end", schema) from None


def _no_row(found: str, schema: pa.Schema) -> IntegrityError:
    return IntegrityError(
        "a line is no JSON object of these columns",
        found=found,
        expected=", ".join(schema.names),
        fix="check columns and layout; if they are right, the file was changed: restore it from a copy you trust",
    )


def _columns(rows: Sequence[dict[str, str | None]], schema: pa.Schema) -> list[pa.Array]:
    try:
        return [pa.array([row[column.name] for row in rows], pa.string()) for column in schema]
    except UnicodeEncodeError:  # its message would show the text
        raise _no_row("half a surrogate pair, escaped", schema) from None


def _field(value: Any) -> str | None:
    """Return a JSON value as CSV would have it; of nested ones the JSON text."""
    if value is None or isinstance(value, str):
        return value
    return dumped_exactly(value)


def _lines(text: pa.NativeFile, schema: pa.Schema) -> Iterator[bytes]:
    """Yield lines; a JSON object of UNLOAD has no newline in it."""
    rest = b""
    while piece := text.read(1 << 20):
        *whole, rest = (rest + piece).split(b"\n")
        yield from filter(bytes.strip, whole)
        if len(rest) > _MOST_LINE_BYTES:  # what nothing authenticates must not fill the memory
            raise _no_row(f"a line of more than {_MOST_LINE_BYTES} bytes", schema)
    if rest.strip():
        yield rest
