"""Scan speed through Spark: the encrypted table by the data source against the same files plain on local disk.

    python bench/spark_scan.py [--rounds 5] [--rows 4000000] [--json]

4 million rows × 10 columns in 16 snappy files. The encrypted table holds the very same Parquet bytes in SeaweedFS,
whose work is in the figures of the encrypted side (it shares the two cores); the plain side reads files from the page
cache. Rounds are interleaved: each round runs every case once on each side. Ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pyspark
from pyspark.sql import DataFrame, SparkSession

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.local.java import java_home
from s3cse.objects.put import put_object
from s3cse.spark import count, read
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

FILES = 16
BUCKET = "bench"
TABLE = Location(BUCKET, "scan")
ALIAS = "alias/bench"


def make_rows(rows: int, seed: int) -> pa.Table:
    """Return rows of a typical fact table: keys, times, measures, a decimal, and text of low and of high variety."""
    rng = np.random.default_rng(seed)
    words = np.array([f"value-{number:05d}" for number in range(5000)])
    pages = np.char.add("/shop/", np.char.add(words[rng.integers(0, len(words), rows)], ".html"))
    sessions = pa.array(rng.integers(0, 1 << 62, rows, dtype=np.int64)).cast(pa.string())
    cents = pa.array(rng.integers(100, 1_000_000, rows, dtype=np.int64)).cast(pa.decimal128(21, 2))
    moments = rng.integers(1_600_000_000_000_000, 1_700_000_000_000_000, rows)
    return pa.table(
        {
            "id": pa.array(np.arange(seed * rows, (seed + 1) * rows, dtype=np.int64)),
            "moment": pa.array(moments, pa.timestamp("us", "UTC")),
            "session": sessions,
            "country": pa.array(words[rng.integers(0, 50, rows)]),
            "page": pa.array(pages),
            "amount": pa.array(rng.normal(100, 30, rows)),
            "price": cents.cast(pa.decimal128(10, 2)),
            "quantity": pa.array(rng.integers(0, 1000, rows, dtype=np.int32)),
            "customer": pa.array(rng.integers(0, 1 << 40, rows, dtype=np.int64)),
            "returned": pa.array(rng.random(rows) < 0.03),
        }
    )


def prepare(folder: Path, servers: s3cse.local.Servers, rows: int) -> int:
    """Write the table twice, plain and encrypted, from the same Parquet bytes; return their size in bytes."""
    servers.create_bucket(BUCKET)
    servers.create_key(ALIAS)
    store = S3Store(servers.s3_client())
    keyring = KmsKeyring(servers.kms_client(), ALIAS)
    total = 0
    for index in range(FILES):
        path = folder / f"part-{index:05d}.parquet"
        pq.write_table(make_rows(rows // FILES, index), path, compression="snappy", row_group_size=1 << 20)
        total += path.stat().st_size
        put_object(store, TABLE.child(path.name), keyring, find_profile("emrfs-v2", "kms"), path.read_bytes())
    return total


def session() -> SparkSession:
    """Start Spark with two cores."""
    builder = SparkSession.builder.master("local[2]").appName("s3cse bench")
    settings = {
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def noop(frame: DataFrame) -> None:
    """Run a query and drop its rows."""
    frame.write.format("noop").mode("overwrite").save()


def cases(spark: SparkSession, plain: str) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return the cases as (plain side, encrypted side)."""
    options = {"kmsKeyId": ALIAS}
    uri = TABLE.uri
    ranges = {**options, "integrity": "verify-indexed"}
    return {
        "full scan": (lambda: noop(spark.read.parquet(plain)), lambda: noop(read(spark, uri, **options))),
        "count": (lambda: spark.read.parquet(plain).count(), lambda: count(spark, uri, **options)),
        "sum of one column": (
            lambda: spark.read.parquet(plain).selectExpr("sum(amount)").collect(),
            lambda: read(spark, uri, ["amount"], **options).selectExpr("sum(amount)").collect(),
        ),
        "sum of one column, verify-indexed": (
            lambda: spark.read.parquet(plain).selectExpr("sum(amount)").collect(),
            lambda: read(spark, uri, ["amount"], **ranges).selectExpr("sum(amount)").collect(),
        ),
    }


def timed(action: Callable[[], object]) -> float:
    """Return the seconds an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    java = java_home()
    if java is not None:
        os.environ["JAVA_HOME"] = str(java)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    with tempfile.TemporaryDirectory(prefix="s3cse-bench-") as folder, s3cse.local.start() as servers:
        os.environ.update(servers.environment())
        size = prepare(Path(folder), servers, arguments.rows)
        spark = session()
        times: dict[str, tuple[list[float], list[float]]] = {}
        for turn in range(arguments.rounds + 1):
            for case, sides in cases(spark, folder).items():
                seconds = [timed(side) for side in sides]
                if turn:  # the first round warms both sides up
                    for side, value in zip(times.setdefault(case, ([], [])), seconds, strict=True):
                        side.append(value)
        spark.stop()
    for case, (plain, encrypted) in times.items():
        report(case, statistics.median(plain), statistics.median(encrypted), size, arguments.json)
    return 0


def report(case: str, plain: float, encrypted: float, size: int, as_json: bool) -> None:
    """Print one case."""
    name = f"spark {pyspark.__version__}: {case}"
    against = f"spark.read.parquet of plain local files: {plain:.3f} s"
    if as_json:
        line = {"case": name, "value": round(encrypted, 3), "unit": "s", "ratio": round(encrypted / plain, 2)}
        print(json.dumps({**line, "against": against}))
    else:
        print(f"{name:<55} {encrypted:.3f} s = {encrypted / plain:.2f} x {against} ({size / 1e6:.0f} MB)")


if __name__ == "__main__":
    sys.exit(main())
