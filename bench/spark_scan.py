"""Scan speed through Spark: the encrypted table by the data source against the same files plain on local disk.

    python bench/spark_scan.py [--rounds 5] [--rows 4000000] [--json]

4 million rows × 10 columns in 16 snappy files. The encrypted table holds the same Parquet, with a segment index, in
SeaweedFS, whose work is in the figures of the encrypted side (it shares the two cores); the plain side reads files from
the page cache. Rounds are interleaved: each round runs every case once on each side. Ratios are of medians.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.spark import count, read
from s3cse.storage.s3 import S3Store
from spark_table import ALIAS, BUCKET, TABLE, noop, prepare, session, timed


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


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="s3cse-bench-") as folder, s3cse.local.start() as servers:
        os.environ.update(servers.environment())
        servers.create_bucket(BUCKET)
        servers.create_key(ALIAS)
        keyring = KmsKeyring(servers.kms_client(), ALIAS)
        store = S3Store(servers.s3_client())
        size = prepare(Path(folder), store, keyring, find_profile("emrfs-v2", "kms"), arguments.rows)
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
