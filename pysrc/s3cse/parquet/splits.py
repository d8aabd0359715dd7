"""Packing files, and pieces of large files, into splits of about the same size.

Small files share a split, because each task has a fixed cost; a large file whose row groups are known is spread over
several, each getting a run of neighbouring row groups. Largest first, each to the split that has least so far.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from s3cse.errors import SettingsError

TARGET_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class SplitFile:
    """A file to be read.

    Args:
        file: the caller's number for it; splits list their pieces in this order.
        size: stored length in bytes.
        row_groups: stored length of each row group in bytes, where the file may be read in pieces.
    """

    file: int
    size: int
    row_groups: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Piece:
    """A whole file (``row_groups`` None) or some of its row groups, by number and in order; ``size`` in bytes."""

    file: int
    size: int
    row_groups: tuple[int, ...] | None = None


def _runs(file: SplitFile, sizes: Sequence[int], target: int) -> Iterable[Piece]:
    """Cut a file into about ceil(size / target) runs of row groups: each goes where the middle of its bytes lies."""
    total = max(sum(sizes), 1)
    count = -(-total // target)
    runs: dict[int, list[int]] = {}
    before = 0
    for number, size in enumerate(sizes):
        runs.setdefault((2 * before + size) * count // (2 * total), []).append(number)
        before += size
    return [Piece(file.file, sum(sizes[each] for each in run), tuple(run)) for run in runs.values()]


def _pieces(file: SplitFile, target: int) -> Iterable[Piece]:
    if file.size <= target or not file.row_groups or len(file.row_groups) == 1:
        return [Piece(file.file, file.size)]
    return _runs(file, file.row_groups, target)


def _merged(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """Order a split's pieces by file; pieces of one file become one, so that it is opened once."""
    by_file: dict[int, Piece] = {}
    for piece in sorted(pieces, key=lambda piece: (piece.file, piece.row_groups or ())):
        known = by_file.get(piece.file)
        if known is not None:
            groups = (*(known.row_groups or ()), *(piece.row_groups or ()))
            piece = Piece(piece.file, known.size + piece.size, groups)
        by_file[piece.file] = piece
    return tuple(by_file.values())


def pack(files: Iterable[SplitFile], target: int = TARGET_BYTES) -> list[tuple[Piece, ...]]:
    """Distribute files over about ceil(total / target) splits; the same input gives the same splits.

    Args:
        files: each with a number of its own.
        target: bytes per split; a file or row group that cannot be cut may exceed it.

    Returns:
        the splits, none empty; every file, or every row group of it, in exactly one of them.

    Raises:
        SettingsError: the target is not positive.
    """
    if target <= 0:
        raise SettingsError("split size is not positive", found=str(target), expected="a number of bytes above 0")
    pieces = [piece for file in files for piece in _pieces(file, target)]
    pieces.sort(key=lambda piece: (-piece.size, piece.file, piece.row_groups or ()))
    count = max(-(-sum(piece.size for piece in pieces) // target), 1)
    splits: list[list[Piece]] = [[] for _ in range(min(count, len(pieces)))]
    loads = [(0, 0, number) for number in range(len(splits))]
    for piece in pieces:
        # Pieces without bytes still cost a request: the number of pieces breaks ties.
        load, held, number = loads[0]
        splits[number].append(piece)
        heapq.heapreplace(loads, (load + piece.size, held + 1, number))
    return [_merged(split) for split in splits]
