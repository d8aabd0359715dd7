"""Record batches in exactly the schema that was promised."""

from __future__ import annotations

import datetime as dt
import traceback
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from s3cse.errors import SettingsError
from s3cse.parquet.conform import conform

URI = "s3://bucket/table/x.parquet"
UTC = pa.timestamp("us", "UTC")


def conformed(array: Any, target: Any, *, nullable: bool = True) -> Any:
    """Return one array in the target type."""
    schema = pa.schema([pa.field("c", target, nullable=nullable)])
    batch = conform(pa.record_batch({"c": array}), schema, uri=URI)
    batch.validate(full=True)
    assert batch.schema.equals(schema)
    assert batch.column(0).type.equals(target)
    return batch.column(0)


def test_columns_are_selected_by_name_in_the_schemas_order() -> None:
    """Order and case of the file's columns do not matter, extra ones are left out, missing ones are null."""
    batch = pa.record_batch({"B": [1, 2], "extra": [0, 0], "a": ["x", None]})
    target = pa.schema([("a", pa.string()), ("gone", UTC), ("b", pa.int64())], metadata={"k": "v"})
    found = conform(batch, target, uri=URI)
    assert found.schema.equals(target, check_metadata=True)
    assert found.to_pydict() == {"a": ["x", None], "gone": [None, None], "b": [1, 2]}


def test_equal_types_are_not_copied() -> None:
    """Arrays of the right type are the same buffers, nested ones too."""
    batch = pa.record_batch({"a": [1, None], "l": [[1], [2, 3]], "s": [{"x": "y"}, None]})
    found = conform(batch, batch.schema, uri=URI)
    for old, new in zip(batch.columns, found.columns, strict=True):
        assert [each and each.address for each in old.buffers()] == [each and each.address for each in new.buffers()]


def test_rows_without_columns_keep_their_number() -> None:
    """A batch for counting only has rows and no columns."""
    assert conform(pa.record_batch({"a": [1, 2, 3]}), pa.schema([]), uri=URI).num_rows == 3


@pytest.mark.parametrize(
    ("array", "target", "expected"),
    [
        (pa.array([200, None], pa.uint8()), pa.int16(), [200, None]),
        (pa.array([2**32 - 1], pa.uint32()), pa.int64(), [2**32 - 1]),
        (pa.array([2**64 - 1], pa.uint64()), pa.decimal128(20, 0), [Decimal(2**64 - 1)]),
        (pa.array([5], pa.int64()), pa.int8(), [5]),
        (pa.array([5], pa.int32()), pa.decimal128(12, 2), [Decimal("5.00")]),
        (pa.array([5], pa.int64()), pa.float64(), [5.0]),
        (pa.array([1.5], pa.float32()), pa.float64(), [1.5]),
        (pa.array([1.5], pa.float32()).cast(pa.float16()), pa.float32(), [1.5]),
        (pa.array([Decimal("1.50")]), pa.decimal128(10, 1), [Decimal("1.5")]),
        (pa.array([Decimal("1.5")], pa.decimal256(20, 2)), pa.decimal128(20, 2), [Decimal("1.50")]),
        (pa.array(["a", None], pa.large_string()), pa.string(), ["a", None]),
        (pa.array(["a", None], pa.string_view()), pa.string(), ["a", None]),
        (pa.array(["a", "b", "a", None]).dictionary_encode(), pa.string(), ["a", "b", "a", None]),
        (pa.array([b"ab"], pa.binary(2)), pa.binary(), [b"ab"]),
        (pa.array([b"ab"], pa.large_binary()), pa.string(), ["ab"]),
        (pa.array(["ab"]), pa.binary(), [b"ab"]),
        (pa.array([dt.date(2013, 1, 2)], pa.date64()), pa.date32(), [dt.date(2013, 1, 2)]),
        (pa.array([dt.date(2013, 1, 2)]), pa.timestamp("us"), [dt.datetime(2013, 1, 2)]),
        (pa.array([1000], pa.timestamp("ns",
        "Asia/Tokyo")), UTC, [dt.datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=dt.timezone.utc)]),
        (pa.array([1], pa.timestamp("ms")), UTC, [dt.datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=dt.timezone.utc)]),
        (pa.array([None, None]), pa.list_(pa.int8()), [None, None]),
        (pa.array([[1, None], None, []], pa.large_list(pa.uint8())), pa.list_(pa.int16()), [[1, None], None, []]),
        (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), pa.list_(pa.int32()), [[1, 2], None]),
        (pa.array([[("a", 1)], None], pa.map_(pa.large_string(), pa.int8())), pa.map_(pa.string(), pa.int64()),
        [[("a", 1)], None]),
    ],
    ids=lambda value: str(getattr(value, "type", value)) if isinstance(value, (pa.Array, pa.DataType)) else "",
)  # fmt: skip
def test_values_are_cast_where_they_are_kept(array: Any, target: Any, expected: list[object]) -> None:
    """Wider and narrower types of one kind are cast, layouts that Spark does not take are changed."""
    assert conformed(array, target).to_pylist() == expected


@pytest.mark.parametrize(
    ("array", "target"),
    [
        (pa.array([300]), pa.int8()),
        (pa.array([2**53 + 1]), pa.float64()),
        (pa.array([2**63], pa.uint64()), pa.int64()),
        (pa.array([Decimal("1.55")]), pa.decimal128(10, 1)),
        (pa.array([Decimal("100.0")]), pa.decimal128(2, 0)),
        (pa.array([1], pa.timestamp("ns")), pa.timestamp("us")),
        (pa.array([b"\xff"]), pa.string()),
        (pa.array(["5"]), pa.int32()),
        (pa.array([5]), pa.string()),
        (pa.array([1.5]), pa.int32()),
        (pa.array([0.1]), pa.float32()),
        (pa.array([1]), pa.bool_()),
        (pa.array([1]), UTC),
        (pa.array([dt.datetime(2013, 1, 2)]), pa.date32()),
        (pa.array([[1]]), pa.int64()),
        (pa.array([1]), pa.list_(pa.int64())),
        (pa.array([{"a": 1}]), pa.map_(pa.string(), pa.int64())),
        (pa.array([1], pa.duration("s")), pa.int64()),
        (pa.array([{"a": {"b": ["x"]}}]), pa.struct([("a", pa.struct([("b", pa.list_(pa.int8()))]))])),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else str(value),
)
def test_what_would_change_a_value_is_refused(array: Any, target: Any) -> None:
    """The error names object, column, found and expected type."""
    with pytest.raises(SettingsError) as caught:
        conformed(array, target)
    assert caught.value.uri == URI
    assert "'c" in caught.value.problem
    assert caught.value.found
    assert caught.value.expected


def test_struct_fields_are_found_by_name() -> None:
    """Fields are reordered, cast, added and left out as columns are; a null struct stays null."""
    array = pa.array([{"B": 1, "a": "x", "z": 0}, None, {"B": None, "a": None, "z": 0}])
    target = pa.struct([("a", pa.string()), ("b", pa.int64()), ("new", pa.int8())])
    assert conformed(array, target).to_pylist() == [
        {"a": "x", "b": 1, "new": None},
        None,
        {"a": None, "b": None, "new": None},
    ]


def test_nested_columns_are_named_by_their_path() -> None:
    """An error deep inside says where."""
    array = pa.array([[{"a": 300}]])
    with pytest.raises(SettingsError, match=r"'c\.element\.a'"):
        conformed(array, pa.list_(pa.struct([("a", pa.int8())])))


def test_columns_that_may_not_be_null_are_checked() -> None:
    """Nulls, or no column at all, are an error for a field marked not null; a null parent's field does not count."""
    assert conformed(pa.array([1]), pa.int64(), nullable=False).to_pylist() == [1]
    with pytest.raises(SettingsError, match="may not be null"):
        conformed(pa.array([1, None]), pa.int64(), nullable=False)
    with pytest.raises(SettingsError, match="missing"):
        conform(pa.record_batch({"a": [1]}), pa.schema([pa.field("c", pa.int8(), nullable=False)]), uri=URI)
    inner = pa.struct([pa.field("a", pa.int8(), nullable=False)])
    assert conformed(pa.array([{"a": 1}, None]), inner).to_pylist() == [{"a": 1}, None]
    with pytest.raises(SettingsError, match=r"'c\.a'"):
        conformed(pa.array([{"a": None}]), inner)


def test_ambiguous_names_are_refused() -> None:
    """Two columns that differ in case only cannot be told apart."""
    batch = pa.RecordBatch.from_arrays([pa.array([1]), pa.array([2])], names=["a", "A"])
    with pytest.raises(SettingsError, match="ambiguous"):
        conform(batch, pa.schema([("a", pa.int64())]), uri=URI)


WORDS = some.sampled_from(["", "a", "é"])
ROWS = some.lists(
    some.none()
    | some.fixed_dictionaries(
        {
            "l": some.none() | some.lists(some.none() | some.integers(0, 255), max_size=3),
            "m": some.none() | some.lists(some.tuples(WORDS, some.none() | some.integers(0, 9)), max_size=2),
            "s": some.none() | some.fixed_dictionaries({"x": some.none() | WORDS}),
        }
    ),
    max_size=8,
)


@settings(deadline=None)
@given(ROWS, some.integers(0, 8), some.integers(0, 8))
def test_slices_of_nested_columns_keep_their_values(rows: list[object], start: int, length: int) -> None:
    """Lists, maps and structs inside each other are converted whatever part of the array is looked at."""
    stored = pa.struct(
        [
            ("s", pa.struct([("x", pa.large_string())])),
            ("l", pa.large_list(pa.uint8())),
            ("m", pa.map_(pa.large_string(), pa.uint8())),
        ]
    )
    target = pa.struct(
        [
            ("l", pa.list_(pa.field("element", pa.int16()))),
            ("m", pa.map_(pa.string(), pa.int16())),
            ("s", pa.struct([("x", pa.string())])),
        ]
    )
    array = pa.array(rows, stored).slice(start, length)
    assert conformed(array, target).to_pylist() == rows[start : start + length]


@pytest.mark.parametrize(
    ("column", "target", "shown"),
    [
        (pa.array([5_000_000_123]), pa.int32(), "5000000123"),
        (pa.array([1_234_567_890_123_456_789], pa.timestamp("ns")), pa.timestamp("us"), "1234567890123456789"),
    ],
)
def test_error_does_not_show_the_value(column: pa.Array, target: pa.DataType, shown: str) -> None:
    """A value that does not fit is plaintext: neither the message nor its chain of causes holds it."""
    with pytest.raises(SettingsError) as caught:
        conform(pa.RecordBatch.from_arrays([column], ["x"]), pa.schema([pa.field("x", target)]), uri="s3://b/k")
    assert shown not in "".join(traceback.format_exception(caught.value))
