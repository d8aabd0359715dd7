"""Spark with Hadoop's S3A and its client-side encryption, in a process of its own: a table in and out as users do it.

    python s3a_job.py ORDER

ORDER is a file of JSON: ``settings`` of the session, then ``write``, which maps a table's address to a folder of plain
Parquet and the columns to partition by, and ``read``, a list of addresses. Prints JSON: each address with its rows as
JSON texts in order, or with the error. This file imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F  # noqa: N812 - the usual name


def rows_of(frame: DataFrame) -> list[str]:
    """Return the rows as JSON texts, in order; the columns in the order of their names."""
    text = F.to_json(F.struct(*sorted(frame.columns)), {"ignoreNullFields": "false"})
    return sorted(row[0] for row in frame.select(text).collect())


def read(spark: SparkSession, uri: str) -> dict[str, Any]:
    """Return a table's rows, or what Spark says of them."""
    try:
        return {"rows": rows_of(spark.read.parquet(uri))}
    except (PySparkException, Py4JJavaError) as error:
        lines = str(error).splitlines()
        return {"error": [line for line in lines if line and not line.startswith("\tat ")]}


def main() -> None:
    """Carry the order out."""
    order = json.loads(Path(sys.argv[1]).read_text())
    builder = SparkSession.builder.appName("s3a")
    for name, value in order["settings"].items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    for uri, (folder, partition_by) in order["write"].items():
        spark.read.parquet(folder).repartition(2).write.partitionBy(*partition_by).parquet(uri)
    print(json.dumps({uri: read(spark, uri) for uri in order["read"]}))  # noqa: T201 - the answer
    spark.stop()


if __name__ == "__main__":
    main()
