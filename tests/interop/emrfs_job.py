"""A job for test_emrfs: in every bucket, read their table and write ours, by nothing but the format's name.

    HADOOP_CONF_DIR=… python emrfs_job.py PLAIN BUCKET…

The cluster's files say how each BUCKET is encrypted. PLAIN is the Parquet file to write. Prints the rows that were
found in each bucket, as JSON.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession

from interop.s3a_job import rows_of
from spark.fixtures import SETTINGS


def main(plain: str, *buckets: str) -> None:
    """Read and write a table in every bucket."""
    builder = SparkSession.builder.appName("s3cse beside EMRFS")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    rows = spark.read.parquet(plain).repartition(2)
    found = {}
    for bucket in buckets:
        found[bucket] = rows_of(spark.read.format("s3cse").load(f"s3://{bucket}/theirs/"))
        rows.write.format("s3cse").mode("append").save(f"s3://{bucket}/ours/")
    print(json.dumps(found))  # noqa: T201 - the test reads it
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
