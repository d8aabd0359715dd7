"""The CSV of a query's result, after decryption, as an Arrow table.

Athena quotes every value; a quote in it is doubled, line ends stay as they are. NULL is nothing at all between two
commas, the empty string is ``""``. The first record holds the columns' names.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.csv as pc

from s3cse.errors import EnvelopeError
from s3cse.services.athena.column_types import ResultColumn

#: A row must lie within two blocks; Athena's longest rows have 32 MiB.
_BLOCK_BYTES = 32 << 20
_PARSE = pc.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)


def parse_result(body: pa.Buffer, columns: Sequence[ResultColumn] | None, uri: str) -> pa.Table:
    """Return the rows.

    Args:
        body: the CSV's plaintext.
        columns: names and types; None: names as the CSV has them, every value a text.
        uri: of the result, for messages.

    Raises:
        EnvelopeError: it is no CSV of these columns.
    """
    if not body.size:
        return pa.schema([(column.name, column.arrow_type) for column in columns or ()]).empty_table()
    try:
        names = _header(body)
        found = columns or [ResultColumn(name, "varchar") for name in names]
        if [column.name for column in found] != names:
            raise _unfit(uri, f"columns {', '.join(names)}", ", ".join(column.name for column in found))
        return _rows(body, found)
    except (pa.ArrowException, ValueError, csv.Error) as error:
        if isinstance(error, EnvelopeError):
            raise
        # Arrow's own words may repeat a cell.
        raise _unfit(uri, "a value that does not fit its column's type", "the CSV of this query") from None


def _unfit(uri: str, found: str, expected: str) -> EnvelopeError:
    return EnvelopeError(
        "the result is no CSV of these columns",
        uri=uri,
        found=found,
        expected=expected,
        fix="check that the types are those of this query; without types every value is read as a text",
    )


def _header(body: pa.Buffer) -> list[str]:
    with io.TextIOWrapper(pa.BufferReader(body), encoding="utf-8", newline="") as text:
        return next(csv.reader(text))


def _rows(body: pa.Buffer, columns: Sequence[ResultColumn]) -> pa.Table:
    # Names in SQL may repeat, those of Arrow's types by name may not.
    numbers = [str(number) for number in range(len(columns))]
    table = pc.read_csv(
        pa.BufferReader(body),
        read_options=pc.ReadOptions(column_names=numbers, skip_rows_after_names=1, block_size=_BLOCK_BYTES),
        parse_options=_PARSE,
        convert_options=pc.ConvertOptions(
            column_types={number: column.csv_type for number, column in zip(numbers, columns, strict=True)},
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    values = [column.convert(table.column(number)) for number, column in enumerate(columns)]
    return pa.Table.from_arrays(values, schema=pa.schema([(column.name, column.arrow_type) for column in columns]))
