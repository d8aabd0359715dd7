"""Inventory of encrypted objects, without probing, against the local S3 server: objects a second from one process.

    python bench/inventory.py [--objects 4000] [--rounds 5] [--json]

Beside it the same number of plain HEAD requests by boto3, from as many threads: the bound of any inventory by HEAD.
Rounds are interleaved; ratios are taken round by round, the figures are medians. The server runs on the same cores.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import s3cse
import s3cse.local
from figures import Result, run
from s3cse.keyrings import CachingKeyring, KmsKeyring
from s3cse.keys.found import Prefix
from s3cse.keys.inspection import Inspection
from s3cse.keys.inventory import PARALLEL, inventory
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

BUCKET = "bench"
FOLDERS = {"metadata": "envelope in metadata", "instruction-file": "envelope in an instruction file"}


def write_objects(servers: s3cse.local.Servers, s3: Any, count: int) -> None:
    """Write small objects with either storage; an object with an instruction file is two in the listing."""
    keyring = CachingKeyring(KmsKeyring(servers.kms_client(), servers.create_key()))
    for storage in FOLDERS:
        client = s3cse.Client(s3, keyring, storage=storage)

        def put(number: int, client: s3cse.Client = client, storage: str = storage) -> None:
            client.put_object(Bucket=BUCKET, Key=f"{storage}/{number:06}", Body=b"a hundred bytes" * 7)

        with ThreadPoolExecutor(PARALLEL) as pool:
            list(pool.map(put, range(count if storage == "metadata" else count // 4)))


def look_at(store: S3Store, folder: str) -> int:
    """Make the inventory of a folder; return its number of rows."""
    source, inspection = Prefix(store, Location(BUCKET, f"{folder}/")), Inspection(store=store)
    return sum(batch.rows.num_rows for batch in inventory(source, inspection))


def heads(s3: Any, count: int) -> int:
    """Send the HEAD requests alone."""
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda number: s3.head_object(Bucket=BUCKET, Key=f"metadata/{number:06}"), range(count)))
    return count


def speed(work: Callable[[], int]) -> float:
    """Return objects a second."""
    started = time.perf_counter()
    return work() / (time.perf_counter() - started)


def measure(count: int, rounds: int) -> list[Result]:
    """Run all cases, interleaved."""
    with s3cse.local.start() as servers:
        servers.create_bucket(BUCKET)
        s3 = servers.s3_client()
        store = S3Store(s3)
        write_objects(servers, s3, count)
        base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        cases: dict[str, Callable[[], int]] = {"boto3 head_object": partial(heads, s3, count)}
        cases |= {f"inventory, {said}": partial(look_at, store, folder) for folder, said in FOLDERS.items()}
        speeds: dict[str, list[float]] = {name: [] for name in cases}
        for _ in range(1 + rounds):
            for name, work in cases.items():
                speeds[name].append(speed(work))
        for mine in speeds.values():
            del mine[0]  # connections and imports
        extra = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base) / 1024
    plain = speeds["boto3 head_object"]
    results = []
    for name, mine in speeds.items():
        ratio = statistics.median(ours / its for ours, its in zip(mine, plain, strict=True))
        against = None if mine is plain else "boto3 head_object"
        results.append(
            Result(name, round(statistics.median(mine), 1), "objects/s", against and round(ratio, 3), against)
        )
    return [*results, Result("memory of all rounds", round(extra, 1), "MiB extra")]


if __name__ == "__main__":
    run(measure, __doc__, objects=4000)
