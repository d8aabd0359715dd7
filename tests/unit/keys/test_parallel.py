"""Work on many objects at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from s3cse.keys.parallel import in_parallel


def test_all_is_done_several_at_once() -> None:
    """Every item's result comes once, and the work runs side by side."""
    together = threading.Barrier(4, timeout=5)

    def work(number: int) -> int:
        together.wait()
        return number * 2

    assert sorted(in_parallel(work, range(8), 4)) == [number * 2 for number in range(8)]


def test_items_are_taken_as_they_are_needed() -> None:
    """An endless listing is read a little ahead and no more."""
    taken = []

    def numbers() -> Iterator[int]:
        number = 0
        while True:
            taken.append(number)
            yield number
            number += 1

    found = in_parallel(lambda number: number, numbers(), 2)
    for _ in range(10):
        next(found)
    found.close()
    assert len(taken) <= 10 + 2 * 2 + 1


def test_an_error_reaches_the_caller() -> None:
    """What the work raises is raised, after what is under way has ended."""

    def work(number: int) -> int:
        if number == 3:
            raise ValueError("three")
        return number

    with pytest.raises(ValueError, match="three"):
        list(in_parallel(work, range(100), 2))
