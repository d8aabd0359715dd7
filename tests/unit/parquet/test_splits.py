"""Packing files into splits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from s3cse.errors import SettingsError
from s3cse.parquet.splits import Piece, SplitFile, pack

SIZES = some.lists(some.integers(0, 400), max_size=40)
GROUPS = some.none() | some.lists(some.integers(0, 150), max_size=12).map(tuple)


@some.composite
def tables(draw: some.DrawFn) -> list[SplitFile]:
    """Files, some of them with row groups."""
    files = []
    for number, size in enumerate(draw(SIZES)):
        groups = draw(GROUPS)
        files.append(SplitFile(number, sum(groups) if groups else size, groups))
    return files


@settings(deadline=None)
@given(tables(), some.integers(1, 200))
def test_everything_is_read_exactly_once(files: list[SplitFile], target: int) -> None:
    """Every file is one whole piece, or each of its row groups is in exactly one piece."""
    pieces = [piece for split in pack(files, target) for piece in split]
    for file in files:
        mine = [piece for piece in pieces if piece.file == file.file]
        if any(piece.row_groups is None for piece in mine):
            assert mine == [Piece(file.file, file.size)]
        else:
            read = sorted(group for piece in mine for group in piece.row_groups or ())
            assert read == list(range(len(file.row_groups or ())))
            assert mine
            assert all(piece.size == sum(file.row_groups[each] for each in piece.row_groups) for piece in mine)


@settings(deadline=None)
@given(tables(), some.integers(1, 200))
def test_splits_are_balanced_ordered_and_not_empty(files: list[SplitFile], target: int) -> None:
    """No split exceeds the mean by more than its largest piece, and no more splits are made than bytes ask for."""
    splits = pack(files, target)
    total = sum(file.size for file in files)
    assert len(splits) <= max(-(-total // target), 1)
    largest = max((_largest_indivisible(file, target) for file in files), default=0)
    for split in splits:
        assert split
        assert sum(piece.size for piece in split) <= total / len(splits) + largest
        assert [piece.file for piece in split] == sorted({piece.file for piece in split})
    assert pack(files, target) == splits


def _largest_indivisible(file: SplitFile, target: int) -> int:
    if file.size <= target or not file.row_groups:
        return file.size
    # A run of row groups holds at most its share of the file and one row group more.
    return -(-file.size // -(-file.size // target)) + max(file.row_groups)


def test_small_files_share_a_split() -> None:
    """Many small files are one task, in order."""
    assert pack([SplitFile(number, 10) for number in range(5)], 64) == [tuple(Piece(number, 10) for number in range(5))]


def test_a_large_file_is_spread_in_runs() -> None:
    """Neighbouring row groups stay together, and the runs go to different splits."""
    found = pack([SplitFile(0, 80, (10,) * 8)], 20)
    assert found == [(Piece(0, 20, (number, number + 1)),) for number in (0, 2, 4, 6)]


@settings(deadline=None)
@given(tables(), some.integers(1, 200))
def test_a_file_is_opened_once_per_split(files: list[SplitFile], target: int) -> None:
    """Two runs of one file in one split are one piece, row groups in order."""
    for split in pack(files, target):
        assert len({piece.file for piece in split}) == len(split)
        assert all(list(piece.row_groups or ()) == sorted(piece.row_groups or ()) for piece in split)


def test_the_largest_goes_first_and_the_rest_to_the_emptiest() -> None:
    """One large file and three small ones are two splits of the same size."""
    found = pack([SplitFile(0, 3), SplitFile(1, 9), SplitFile(2, 3), SplitFile(3, 3)], 9)
    assert [[piece.file for piece in split] for split in found] == [[1], [0, 2, 3]]


def test_two_runs_of_a_file_in_one_split_are_one_piece() -> None:
    """Where two runs of row groups meet, the piece names both and has the size of both."""
    found = pack([SplitFile(0, 61, (20, 21, 20)), SplitFile(1, 25), SplitFile(2, 25)], 30)
    assert (Piece(0, 40, (0, 2)),) in found


def test_files_without_bytes_are_spread_too() -> None:
    """Files of size 0 cost a request each, so they do not all land in one split."""
    splits = pack([SplitFile(0, 10), SplitFile(1, 10), *(SplitFile(number, 0) for number in range(2, 10))], 10)
    assert sorted(len(split) for split in splits) == [5, 5]


def test_nothing_is_no_split_and_a_target_is_positive() -> None:
    """No file gives no split; a target of zero is refused."""
    assert pack([], 10) == []
    with pytest.raises(SettingsError):
        pack([SplitFile(0, 1)], 0)
