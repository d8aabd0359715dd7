"""The tree of a filter as written."""

from __future__ import annotations

from s3cse.parquet.filter.expression import MIRRORED, And, Column, Literal, Not, columns


def test_columns_of_a_deep_tree_needs_no_recursion() -> None:
    """A tree deeper than Python's stack is walked."""
    node: Not | Column = Column("deep")
    for _ in range(5000):
        node = Not(node)
    assert columns(And((node, Literal(True), Column("b")))) == {"deep", "b"}


def test_mirroring_twice_changes_nothing() -> None:
    """Each operator has a mirror image whose mirror image it is."""
    assert all(MIRRORED[MIRRORED[operator]] == operator for operator in MIRRORED)
