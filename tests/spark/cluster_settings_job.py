"""A job for test_cluster_settings: tables by nothing but the format's name, on a cluster with settings of its own.

    HADOOP_CONF_DIR=… python cluster_settings_job.py SESSION_BUCKET BUCKET…

The files say how each BUCKET is encrypted; of SESSION_BUCKET only the session knows. Prints what was read, as JSON.
"""

from __future__ import annotations

import json
import sys

from pyspark.sql import SparkSession

import s3cse.spark
from s3cse.spark.api import DATA_SOURCES

ROWS = 500


def main(session_bucket: str, *buckets: str) -> None:
    """Write and read a table in every bucket."""
    own = f"spark.hadoop.fs.s3.bucket.{session_bucket}.cse."
    settings = {
        "spark.master": "local[2]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "512m",
        "spark.ui.enabled": "false",
        "spark.log.level": "ERROR",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xshare:auto",
        f"{own}enabled": "true",
        f"{own}encryptionV2.enabled": "true",
        f"{own}cryptoStorageMode": "InstructionFile",
    }
    builder = SparkSession.builder.appName("s3cse cluster settings")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    rows = spark.range(ROWS, numPartitions=1).selectExpr("id", "id % 2 AS part")
    found = {}
    for bucket in buckets:
        path = f"s3://{bucket}/lake/table/"
        if DATA_SOURCES:
            rows.write.format("s3cse").mode("append").save(path)
            read = spark.read.format("s3cse").load(path)
        else:
            s3cse.spark.write(rows, path)
            read = s3cse.spark.read(spark, path)
        found[bucket] = int(read.selectExpr("sum(id)").first()[0])
    path = f"s3://{session_bucket}/lake/table/"
    s3cse.spark.write(rows, path)
    found[session_bucket] = int(s3cse.spark.read(spark, path).selectExpr("sum(id)").first()[0])
    print(json.dumps(found))  # noqa: T201 - the test reads it
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
