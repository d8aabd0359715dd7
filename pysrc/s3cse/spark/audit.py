"""The inventory of keys on a cluster: the driver lists, executors look at objects and write the parts themselves.

Only listings and counts travel: an executor makes its clients and keyring where it is, looks at some thousand objects,
and puts their rows into the target as one Parquet file. The driver notes how far it is after every round, so that a job
that was killed goes on there. While a round is under way, the driver lists the next one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import pyarrow as pa
from pyspark import SparkContext

from s3cse.errors import SettingsError
from s3cse.keyrings import CachingKeyring
from s3cse.keyrings.configured import make_keyring
from s3cse.keyrings.kms import kms_client
from s3cse.keyrings.kms_probe import KmsProbe
from s3cse.keys.found import Found, FoundPage, Prefix, Source, Table, Versions
from s3cse.keys.inspection import Inspection
from s3cse.keys.inventory import inspect_objects
from s3cse.keys.parts import EncryptedFolder, Folder, State, StoredFolder, begin, part_name, to_parquet, write_state
from s3cse.keys.s3_inventory import MANIFEST, S3InventoryReport
from s3cse.options.objects import ObjectOptions, open_client
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client

#: Pages of a listing that one task looks at, and that become one part: 5000 objects, some seconds.
PAGES_PER_PART = 5
#: Tasks in a round for each that runs at once; what a killed job does again is one round at most.
TASKS_AHEAD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What is audited, how, and where the result goes. Travels to executors; holds no secret.

    Args:
        options: of S3, KMS and the keyring; the keyring encrypts the result, and opens objects where ``opens``.
        place: a prefix, a table or the manifest of a report.
        target: the folder of the result.
        encrypted: whether the result is.
    """

    options: ObjectOptions
    place: Location
    target: Location
    encrypted: bool
    table: bool = False
    all_versions: bool = False
    look_inside: bool = False
    opens: bool = False
    probe: str | None = None
    probe_keys: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """The audit in words that change with everything that changes it."""
        said = (
            self.place.uri,
            self.table,
            self.all_versions,
            self.look_inside,
            self.opens,
            self.probe,
            self.probe_keys,
        )
        return repr(said)

    def store(self) -> S3Store:
        """Return a store of this process."""
        return S3Store(s3_client(self.options.region, self.options.endpoint_url))

    def source(self, store: S3Store) -> Source:
        """Return where objects are listed.

        Raises:
            SettingsError: more than one kind of source is meant.
        """
        report = self.place.key.rpartition("/")[2] == MANIFEST
        if report + self.table + self.all_versions > 1:
            raise SettingsError("one of these only", expected="a report's manifest.json, a table, or all versions")
        if report:
            return S3InventoryReport(store, self.place)
        if self.table:
            return Table(store, self.place)
        return Versions(store, self.place) if self.all_versions else Prefix(store, self.place)

    def folder(self, store: S3Store) -> Folder:
        """Return where parts are kept."""
        if self.encrypted:
            return EncryptedFolder(open_client(self.options), self.target)
        return StoredFolder(store, self.target)

    def inspection(self, store: S3Store) -> Inspection:
        """Return how objects are looked at."""
        said, probe = self.options.keyring, None
        if self.probe is not None:
            probe = KmsProbe(kms_client(said.region_of_key, said.kms_endpoint_url), self.probe, self.probe_keys)
        keyring = CachingKeyring(make_keyring(said)) if self.opens else None
        named = said.kms_key_id if self.opens and said.kind == "kms" else None
        return Inspection(store=store, look_inside=self.look_inside, probe=probe, keyring=keyring, keyring_key=named)


def audit(spark: SparkContext, plan: Audit, progress: Callable[[State], None] = lambda _: None) -> State:
    """Make the inventory, or go on with it, and return how it ended.

    Args:
        progress: is told after each round.

    Raises:
        SettingsError: the target has an inventory of something else.
        TransferError: S3 does not list, or does not take the result.
    """
    store = plan.store()
    plan.inspection(store)  # refuses what cannot be, before anything is listed
    folder = plan.folder(store)
    state = begin(folder, plan.about)
    if state.done:
        return state
    pages = plan.source(store).pages(state.token)
    tasks = TASKS_AHEAD * max(spark.defaultParallelism, 1)
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(_round, pages, tasks)
        while True:
            chunks, token = coming.result()
            if token is not None:
                coming = ahead.submit(_round, pages, tasks)
            numbered = list(enumerate(chunks, state.parts))
            rows = sum(spark.parallelize(numbered, len(numbered)).map(partial(_write_part, plan)).collect())
            state = State(plan.about, state.parts + len(chunks), state.rows + rows, token, token is None)
            write_state(folder, state)
            progress(state)
            if state.done:
                return state


def _round(pages: Iterator[FoundPage], tasks: int) -> tuple[list[tuple[Found, ...]], str | None]:
    """List the objects of one round: at least one chunk, and the token behind the last."""
    chunks: list[tuple[Found, ...]] = []
    token: str | None = None
    while len(chunks) < tasks:
        some = list(islice(pages, PAGES_PER_PART))
        if not some:
            break
        token = some[-1].token
        chunks.append(tuple(found for page in some for found in page.objects))
        if token is None:
            break
    return chunks, token


_sessions: dict[tuple[int, str, str], tuple[Folder, Inspection]] = {}


def _write_part(plan: Audit, numbered: tuple[int, Sequence[Found]]) -> int:
    """Look at the objects of one part and write it, on an executor; returns its number of rows."""
    number, found = numbered
    name = (os.getpid(), plan.about, repr(plan))
    if name not in _sessions:
        _sessions.clear()  # the parent's, whose sockets must not be shared, or another job's
        store = plan.store()
        _sessions[name] = plan.folder(store), plan.inspection(store)
    folder, inspection = _sessions[name]
    rows = inspect_objects(found, inspection)
    folder.write(part_name(number), to_parquet(pa.Table.from_batches([rows])))
    return int(rows.num_rows)
