"""A job for test_cluster: writes and reads a table on two executor processes of one core each.

    python cluster_job.py TABLE_URI KMS_KEY MARK speculate|kill

``MARK`` is a file that the first attempt of partition 0 makes before it hangs: then the test acts, or speculation does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from s3cse.spark import count, read, write

ROWS = 40_000


def main(uri: str, key: str, mark: str, mode: str) -> None:
    """Write, then compare what is read."""
    builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("s3cse cluster test")
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.executor.memory": "512m",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.speculation": str(mode == "speculate").lower(),
        "spark.speculation.interval": "200ms",
        "spark.speculation.quantile": "0.5",
        "spark.speculation.minTaskRuntime": "500ms",
    }
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()

    def slow_once(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield batch
            if 0 in batch.column(0).slice(0, 1).to_pylist() and not Path(mark).exists():
                Path(mark).touch()
                time.sleep(20)

    rows = spark.range(0, ROWS, numPartitions=4).mapInArrow(slow_once, "id long")
    write(rows, uri, kmsKeyId=key)
    found = read(spark, uri, kmsKeyId=key).selectExpr("count(*)", "count(DISTINCT id)", "sum(id)").first()
    assert found is not None
    assert tuple(found) == (ROWS, ROWS, ROWS * (ROWS - 1) // 2), found
    assert count(spark, uri, kmsKeyId=key) == ROWS
    print("exact")  # noqa: T201 - the test reads it
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
