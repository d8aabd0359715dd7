"""The table that the Spark benchmarks read, plain and encrypted, and the session that reads it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession

from s3cse.crypto.index import SEGMENT_BYTES
from s3cse.envelope.profiles import Profile
from s3cse.keyrings.base import Keyring
from s3cse.local.java import java_home
from s3cse.objects.upload import ObjectWriter, complete
from s3cse.parquet.encrypted_file import EncryptedFile
from s3cse.storage.port import Location, ObjectStore

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


def prepare(folder: Path, store: ObjectStore, keyring: Keyring, profile: Profile, rows: int) -> int:
    """Write the table twice, plain to a folder and encrypted to TABLE, and return its plain size in bytes.

    The Parquet is the same; the encrypted files have a segment index before the footer, as our writers make them.
    """
    total = 0
    for index in range(FILES):
        found = make_rows(rows // FILES, index)
        path = folder / f"part-{index:05d}.parquet"
        with path.open("wb") as plain:
            write_parquet(found, pa.PythonFile(plain, mode="w")).close()
        total += path.stat().st_size
        upload = ObjectWriter(store, TABLE.child(path.name), keyring, profile, segment_bytes=SEGMENT_BYTES)
        target = EncryptedFile(upload)
        writer = write_parquet(found, pa.PythonFile(target, mode="w"))
        target.end(writer)
        complete(store, upload.finish())
    return total


def write_parquet(rows: pa.Table, target: pa.PythonFile) -> pq.ParquetWriter:
    """Write the rows of a file, all but the footer."""
    writer = pq.ParquetWriter(target, rows.schema, compression="snappy", write_page_index=True)
    writer.write_table(rows, row_group_size=1 << 20)
    return writer


def session(more: Mapping[str, str] | None = None) -> SparkSession:
    """Start Spark with two cores; ``more`` are settings of the benchmark's own."""
    java = java_home()
    if java is not None:
        os.environ["JAVA_HOME"] = str(java)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    # A failed task is tried again, as on a cluster: S3A's client lost a footer in one of forty scans here.
    builder = SparkSession.builder.master("local[2,4]").appName("s3cse bench")
    settings = {
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.ui.showConsoleProgress": "false",
        **(more or {}),
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def noop(frame: DataFrame) -> None:
    """Run a query and drop its rows."""
    frame.write.format("noop").mode("overwrite").save()


def timed(action: Callable[[], object]) -> float:
    """Return the seconds an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started
