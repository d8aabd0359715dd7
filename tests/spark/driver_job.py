"""A job for test_driver_lost: adds rows to a table, or replaces them, until its driver is killed.

spark-submit driver_job.py TABLE_URI KMS_KEY ENDPOINT_URL append|overwrite
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

from s3cse.spark import write

FIRST, LAST = 100, 140
FILES = 4


def main(uri: str, key: str, endpoint: str, mode: str) -> None:
    """Write one file per task."""
    spark = SparkSession.builder.getOrCreate()
    rows = spark.range(FIRST, LAST, numPartitions=FILES)
    write(rows, uri, mode=mode, kmsKeyId=key, endpointUrl=endpoint)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
