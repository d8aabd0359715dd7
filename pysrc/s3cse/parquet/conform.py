"""Record batches in exactly the schema that was promised, whatever the file they come from holds.

Columns and struct fields are found by name (letter case ignored where that is unambiguous), ones that a file lacks are
null, and only casts that keep the value are made: between integers, decimals, to wider floats, dates to timestamps,
between units, between string and binary. Arrays that are already of the type are passed on without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pat

from s3cse.errors import SettingsError


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in which object an array is, for messages."""

    uri: str
    path: str

    def below(self, name: str) -> _Place:
        return _Place(self.uri, f"{self.path}.{name}")

    def error(self, problem: str, found: object, expected: object, fix: str | None = None) -> SettingsError:
        return SettingsError(
            f"column {self.path!r} {problem}", uri=self.uri, found=str(found), expected=str(expected), fix=fix
        )


_FIX = "read the column with the type that the file has, and cast it after loading"


def _is_date(arrow_type: pa.DataType) -> bool:
    return bool(pat.is_date(arrow_type))


def _is_real(arrow_type: pa.DataType) -> bool:
    return bool(pat.is_float32(arrow_type) or pat.is_float64(arrow_type))


def _is_bytes(arrow_type: pa.DataType) -> bool:
    return bool(
        pat.is_string(arrow_type)
        or pat.is_large_string(arrow_type)
        or pat.is_string_view(arrow_type)
        or pat.is_binary(arrow_type)
        or pat.is_large_binary(arrow_type)
        or pat.is_fixed_size_binary(arrow_type)
        or pat.is_binary_view(arrow_type)
    )


def _is_exact(arrow_type: pa.DataType) -> bool:
    return bool(pat.is_integer(arrow_type) or pat.is_decimal(arrow_type))


#: Which source types may become which target types; the cast itself refuses values that do not fit.
_CASTS: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...] = (
    (pat.is_null, lambda _: True),
    (pat.is_integer, pat.is_integer),
    (_is_exact, pat.is_decimal),
    (pat.is_integer, _is_real),
    (pat.is_float16, _is_real),
    (pat.is_float32, pat.is_float64),
    (_is_date, _is_date),
    (_is_date, pat.is_timestamp),
    (pat.is_timestamp, pat.is_timestamp),
    (_is_bytes, _is_bytes),
)


def _cast(array: Any, target: pa.DataType, place: _Place) -> Any:
    if not any(fits(array.type) and makes(target) for fits, makes in _CASTS):
        raise place.error("has another type than the table", array.type, target, _FIX)
    try:
        if pat.is_float16(array.type):
            array = array.cast(pa.float32())
        return array.cast(target)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        # pyarrow's own message names the value, which is plaintext: neither it nor its traceback goes on.
        problem = "holds a value that does not fit the table's type"
        raise place.error(problem, array.type, target, _FIX) from None


def _find(names: Sequence[str], wanted: str, place: _Place) -> int | None:
    """Return the position of a name: the only one that is equal but for letter case."""
    same = [number for number, name in enumerate(names) if name.lower() == wanted.lower()]
    if len(same) > 1:
        raise place.error("is ambiguous", ", ".join(repr(names[number]) for number in same), "one name", None)
    return same[0] if same else None


def _missing(rows: int, field: pa.Field, place: _Place) -> Any:
    if not field.nullable and rows:
        raise place.error("is missing from the file and may not be null", "no such column", field.type)
    return pa.nulls(rows, field.type)


def _plain(array: Any) -> Any:
    """Undo extension types, dictionaries and the layouts of lists that Spark does not take."""
    if isinstance(array.type, pa.BaseExtensionType):
        return _plain(array.storage)
    if pat.is_dictionary(array.type):
        return _plain(array.dictionary_decode())
    if pat.is_large_list(array.type) or pat.is_fixed_size_list(array.type):
        return array.cast(pa.list_(array.type.value_field))
    return array


def _struct(array: Any, target: pa.DataType, place: _Place) -> Any:
    names = [field.name for field in array.type]
    present = array.is_valid() if array.null_count else None
    children = []
    for field in target:
        inner = place.below(field.name)
        number = _find(names, field.name, inner)
        if number is None:
            children.append(_missing(len(array), field, inner))
        else:
            children.append(_array(array.field(number), field, inner, present))
    return pa.StructArray.from_arrays(
        children, fields=list(target), mask=None if present is None else pc.invert(present)
    )


def _rebuilt(array: Any, target: pa.DataType, values: Any) -> Any:
    """Return the same lists over other values; offsets and validity are shared."""
    return pa.Array.from_buffers(
        target, len(array), array.buffers()[:2], array.null_count, array.offset, children=[values]
    )


def _list(array: Any, target: pa.DataType, place: _Place) -> Any:
    return _rebuilt(array, target, _array(array.values, target.value_field, place.below("element")))


def _map(array: Any, target: pa.DataType, place: _Place) -> Any:
    entries = pa.StructArray.from_arrays(
        [
            _array(array.keys, target.key_field, place.below("key")),
            _array(array.items, target.item_field, place.below("value")),
        ],
        fields=[target.key_field, target.item_field],
    )
    return _rebuilt(array, target, entries)


_NESTED: tuple[tuple[Callable[[Any], Any], Callable[[Any, Any, _Place], Any]], ...] = (
    (pat.is_struct, _struct),
    (pat.is_list, _list),
    (pat.is_map, _map),
)


def _check_nulls(array: Any, field: pa.Field, place: _Place, present: Any) -> None:
    """Refuse nulls where there may be none; a field of a struct that is itself null does not count."""
    if field.nullable or not array.null_count:
        return
    missing = array.is_null() if present is None else pc.and_(array.is_null(), present)
    count = pc.sum(missing).as_py()
    if count:
        raise place.error("may not be null", f"{count} nulls", "none", "declare the column as nullable")


def _array(array: Any, field: pa.Field, place: _Place, present: Any = None) -> Any:
    target = field.type
    _check_nulls(array, field, place, present)
    if array.type.equals(target):
        return array
    array = _plain(array)
    for of_kind, rebuild in _NESTED:
        if of_kind(array.type) and of_kind(target):
            return rebuild(array, target, place)
    return array if array.type.equals(target) else _cast(array, target, place)


def conform(batch: pa.RecordBatch, target: pa.Schema, *, uri: str) -> pa.RecordBatch:
    """Return the batch in exactly the target schema: names, order, types, nullability.

    Args:
        batch: as a file holds it; columns that the target does not name are left out.
        target: from s3cse.spark.types, or any schema of plain Arrow types.
        uri: the object that the batch comes from, for messages.

    Raises:
        SettingsError: a column is ambiguous, has a type or a value that does not fit, or is null where it may not be.
    """
    if not len(target):
        return batch.select([]).replace_schema_metadata(target.metadata)
    columns = []
    for field in target:
        place = _Place(uri, field.name)
        number = _find(batch.schema.names, field.name, place)
        if number is None:
            columns.append(_missing(batch.num_rows, field, place))
        else:
            columns.append(_array(batch.column(number), field, place))
    return pa.RecordBatch.from_arrays(columns, schema=target)
