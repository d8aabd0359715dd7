"""Work on the objects of a lake, on executors: the driver lists, tasks take addresses, rows come back to the driver.

A round is as many addresses as keep every slot busy for a while; the driver holds the rows of one round. Nothing is
remembered between rounds: all this work finds out by itself what is done, so a job that was killed is started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from s3cse.keyrings.configured import make_keyring
from s3cse.keys.parallel import in_parallel
from s3cse.keys.rate_limit import RateLimit
from s3cse.keys.report_parts import ReportParts
from s3cse.keys.rotation import Rotation, RotationOptions
from s3cse.migration.indexing import Indexing
from s3cse.migration.migrating import Migration
from s3cse.migration.options import MigrationOptions
from s3cse.options.objects import ObjectOptions, open_client
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client

if TYPE_CHECKING:
    from pyspark import SparkContext

#: Addresses of one task in one round.
TASK_OBJECTS = 500
_CONNECTIONS = 32


class ObjectRow(Protocol):
    """What became of one object."""

    outcome: str
    error: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the columns by name."""


class Work(Protocol):
    """What a task does; picklable, holds no secret."""

    @property
    def at_once(self) -> int:
        """Objects that a task works on at once."""

    def open(self) -> Callable[[Location], ObjectRow | None]:
        """Return what works on one object, with clients of this process."""


@dataclass(frozen=True, slots=True)
class RotationWork:
    """Rotates objects.

    Args:
        old: options of the key that objects are under, and of S3.
        new: options of the key that they are to be under.
        kms_rate: KMS requests per second of one task at most; None: no limit.
    """

    old: ObjectOptions
    new: ObjectOptions
    options: RotationOptions
    kms_rate: float | None = None
    at_once: int = 8

    def open(self) -> Callable[[Location], ObjectRow | None]:
        """See Work."""
        s3 = s3_client(self.old.region, self.old.endpoint_url, max_connections=_CONNECTIONS)
        keyrings = make_keyring(self.old.keyring), make_keyring(self.new.keyring)
        return Rotation(S3Store(s3), s3, *keyrings, self.options, limit=RateLimit(self.kms_rate)).one


@dataclass(frozen=True, slots=True)
class MigrationWork:
    """Migrates objects; ``source`` and ``target`` are the options of the two sides."""

    source: ObjectOptions
    target: ObjectOptions
    options: MigrationOptions
    at_once: int = 2

    def open(self) -> Callable[[Location], ObjectRow | None]:
        """See Work."""
        return Migration(open_client(self.source), open_client(self.target), self.options).one


@dataclass(frozen=True, slots=True)
class IndexingWork:
    """Gives a table's files the segment index; ``table`` are the options of reading and of the key."""

    table: ObjectOptions
    options: MigrationOptions
    at_once: int = 2

    def open(self) -> Callable[[Location], ObjectRow | None]:
        """See Work."""
        return Indexing(open_client(self.table), self.options).one


@dataclass(frozen=True, slots=True)
class _Task:
    work: Work

    def rows(self, locations: Iterable[Location]) -> Iterator[ObjectRow]:
        given = list(locations)
        if given:
            done = in_parallel(self.work.open(), given, self.work.at_once)
            yield from (row for row in done if row is not None)


def over_objects(
    context: SparkContext,
    locations: Iterable[Location],
    work: Work,
    report: ReportParts | None,
    told: Callable[[ObjectRow], None],
) -> Counter[str]:
    """Do the work on all objects and count the outcomes.

    Args:
        report: gets every row.
        told: gets every row, too.

    Raises:
        S3CSEError: S3 did not list the objects, or the report cannot be written.
        PySparkException: a task failed; what goes wrong with single objects is in their rows.
    """
    counts: Counter[str] = Counter()
    task, slots = _Task(work), max(context.defaultParallelism, 1)
    remaining = iter(locations)
    while round_ := list(islice(remaining, slots * TASK_OBJECTS)):
        # Several tasks for each slot: objects differ in size, and no slot should wait for the last one.
        slices = min(len(round_), 4 * slots)
        for row in _rows(context, round_, slices, task):
            counts[row.outcome] += 1
            if report is not None:
                report.add(row.as_dict())
            told(row)
    return counts


def _rows(context: SparkContext, locations: Sequence[Location], slices: int, task: _Task) -> list[ObjectRow]:
    return context.parallelize(locations, slices).mapPartitions(task.rows).collect()
