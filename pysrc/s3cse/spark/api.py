"""Functions for notebooks and jobs: they add what a bare ``.format("s3cse")`` cannot see, the session's settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession

from s3cse.errors import SettingsError
from s3cse.spark.options import ONLY, SPELLING, Use, over_defaults
from s3cse.spark.source import S3cseDataSource

_PREFIX = "spark.s3cse."


def register(spark: SparkSession) -> None:
    """Make the format known to this session; needed only where ``pyspark_s3cse`` is not installed as a package."""
    spark.dataSource.register(S3cseDataSource)


def read(
    spark: SparkSession,
    path: str,
    columns: Sequence[str] | None = None,
    filter: str | None = None,  # noqa: A002 - the option's name
    **options: str,
) -> DataFrame:
    """Return an encrypted table as a DataFrame.

    Args:
        path: ``s3://bucket/table/``.
        columns: the columns wanted; fewer columns cost less, and Spark cannot tell a Python data source by itself.
        filter: SQL condition; row groups and files that cannot match are skipped, the rest is filtered exactly.
        options: as for ``spark.read.format("s3cse")``; what is not given comes from ``spark.s3cse.*``.
    """
    register(spark)
    given = with_session_settings(spark, options, "read")
    if columns is not None:
        given["columns"] = _json_names(columns)
    if filter is not None:
        given["filter"] = filter
    given.setdefault("parallelism", str(_parallelism(spark)))
    return spark.read.format("s3cse").options(**given).load(path)


def count(spark: SparkSession, path: str, filter: str | None = None, **options: str) -> int:  # noqa: A002
    """Return the number of rows, reading one column only."""
    narrow = read(spark, path, **options).schema.fields
    simplest = min(narrow, key=lambda field: (field.dataType.typeName() not in _NARROW, field.name))
    return read(spark, path, [simplest.name], filter, **options).count()


def write(df: DataFrame, path: str, mode: str = "append", partition_by: Sequence[str] = (), **options: str) -> None:
    """Encrypt a DataFrame into a table.

    Args:
        df: the rows.
        path: ``s3://bucket/table/``.
        mode: ``append`` or ``overwrite``.
        partition_by: columns that become folders.
        options: as for ``df.write.format("s3cse")``; what is not given comes from ``spark.s3cse.*``.

    Raises:
        SettingsError: another mode.
    """
    if mode not in ("append", "overwrite"):
        raise SettingsError("no such mode", found=repr(mode), expected="append | overwrite")
    spark = df.sparkSession
    register(spark)
    given = with_session_settings(spark, options, "write")
    if partition_by:
        given["partitionBy"] = _json_names(partition_by)
    df.write.format("s3cse").mode(mode).options(**given).save(path)


_NARROW = ("boolean", "byte", "short", "integer", "date", "long", "float", "double")


def with_session_settings(spark: SparkSession, options: Mapping[str, str], use: Use | None = None) -> dict[str, str]:
    """Return the options, over the session's ``spark.s3cse.*``.

    Args:
        use: leave out what the session sets for the other one only: its settings are for reads and writes alike.
    """
    others = {"read": ONLY["write"], "write": ONLY["read"], None: ()}[use]
    result = {}
    for name, spelling in SPELLING.items():
        value = spark.conf.get(_PREFIX + spelling, None)
        if value is not None and name not in others:
            result[name] = value
    return over_defaults({name.lower(): value for name, value in options.items()}, result)


def _parallelism(spark: SparkSession) -> int:
    """Return the number of tasks that this session runs at once; 1 where a remote session does not tell."""
    try:
        return spark.sparkContext.defaultParallelism
    except PySparkException:
        return 1


def _json_names(names: Sequence[str]) -> str:
    return json.dumps(list(names))
