"""Spark Connect: a client without a JVM of its own, and a server that reads and writes for it."""

from __future__ import annotations

import subprocess
import sys

from pyspark.errors import PySparkException

import s3cse.local
import s3cse.spark
from spark.fixtures import TESTS, Table, spark_environment


def write_and_read(uri: str, key: str) -> None:
    """Use the format, and the functions with the session's settings, over a local server."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.remote("local[2]").config("spark.ui.enabled", "false")
    spark = builder.config("spark.s3cse.kmsKeyId", key).getOrCreate()
    frame = spark.range(100).selectExpr("id", "id % 3 AS p")
    given = {"kmsKeyId": key, "partitionBy": "p"}
    frame.write.format("s3cse").mode("append").options(**given).save(uri)
    loaded = spark.read.format("s3cse").option("kmsKeyId", key).load(uri).count()
    s3cse.spark.write(frame.where("id >= 10"), uri, "overwrite", ["p"])
    few = sorted(row.id for row in s3cse.spark.read(spark, uri, ["id"], "id < 13").collect())
    counts = s3cse.spark.count(spark, uri), s3cse.spark.count(spark, uri, "p = 0")
    try:
        s3cse.spark.read(spark, f"{uri}nowhere/").count()
    except PySparkException as error:
        found = "no data files" in str(error)
    print(type(spark).__module__, loaded, few, counts, found)  # noqa: T201 - the answer to the test
    spark.stop()


def test_format_and_functions_work(table: Table, servers: s3cse.local.Servers) -> None:
    """Over Spark Connect the format and the functions do what they do elsewhere; errors arrive with their text."""
    script = "import sys; from spark.test_connect import write_and_read; write_and_read(*sys.argv[1:])"
    command = [sys.executable, "-c", script, table.uri, table.options["kmsKeyId"]]
    # SPARK_TESTING gives the server a free port: another run on this machine may have one, too.
    environment = {**spark_environment(servers), "PYTHONPATH": str(TESTS), "SPARK_TESTING": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False, cwd=TESTS)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().endswith("pyspark.sql.connect.session 100 [10, 11, 12] (90, 30) True")
