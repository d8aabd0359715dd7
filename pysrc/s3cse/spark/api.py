"""Functions for notebooks and jobs: they add what a bare ``.format("s3cse")`` cannot see, the session's settings.

They are the same on every Spark: over the data source from 4.0 on, over ``mapInArrow`` on 3.5, which has none.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from s3cse.errors import SettingsError
from s3cse.options.cluster_settings import SPARK_PROVIDER, over_session
from s3cse.options.profile_rules import named_on_reads
from s3cse.options.table import ONLY, TABLE_OPTIONS, Use
from s3cse.options.words import SPELLING, refuse_unknown
from s3cse.settings.precedence import over_defaults
from s3cse.spark import arrow_map

#: Whether this Spark has Python data sources, and so the format.
DATA_SOURCES = find_spec("pyspark.sql.datasource") is not None
if DATA_SOURCES:
    from s3cse.spark.source import S3cseDataSource

_PREFIX = "spark.s3cse."


def register(spark: SparkSession) -> None:
    """Make the format known to this session; needed only where ``pyspark_s3cse`` is not installed as a package.

    Raises:
        SettingsError: this is Spark 3, where there is no such format.
    """
    if not DATA_SOURCES:
        raise SettingsError(
            'this Spark has no Python data sources, so there is no .format("s3cse")',
            found=f"Spark {spark.version}",
            expected="4.0 or later",
            fix="use s3cse.spark.read and s3cse.spark.write, which need no registration",
        )
    try:
        spark.dataSource.register(S3cseDataSource)
    except AnalysisException as error:
        # Spark 4.0 refuses a format that it has found by itself; later ones take it again.
        if error.getCondition() != "DATA_SOURCE_ALREADY_EXISTS":
            raise


def read(
    spark: SparkSession,
    path: str,
    columns: Sequence[str] | None = None,
    filter: str | None = None,  # noqa: A002 - the option's name
    *,
    schema: StructType | str | None = None,
    **options: str,
) -> DataFrame:
    """Return an encrypted table as a DataFrame.

    Args:
        path: ``s3://bucket/table/``.
        columns: the columns wanted; fewer columns cost less, and Spark cannot tell a Python data source by itself.
        filter: SQL condition; row groups and files that cannot match are skipped, the rest is filtered exactly.
        schema: the columns wanted with their types, or as DDL, like ``.schema()`` before ``.load()``.
        options: as for ``spark.read.format("s3cse")``; what is not given comes from ``spark.s3cse.*``, then from the
            cluster's settings (docs/settings.md).

    Raises:
        S3CSEError: on Spark 3.5, whose driver plans the read here; later ones raise a PySparkException that holds it.
    """
    given = with_session_settings(spark, options, "read", path)
    if columns is not None:
        given["columns"] = _json_names(columns)
    if filter is not None:
        given["filter"] = filter
    given.setdefault("parallelism", str(_parallelism(spark)))
    if not DATA_SOURCES:
        return arrow_map.read(spark, path, given, schema)
    register(spark)
    reader = spark.read.format("s3cse").options(**given)
    return (reader if schema is None else reader.schema(schema)).load(path)


def view(
    spark: SparkSession,
    name: str,
    path: str,
    columns: Sequence[str] | None = None,
    filter: str | None = None,  # noqa: A002 - the option's name
    **options: str,
) -> None:
    """Make an encrypted table known to SQL: a temporary view of this session, in place of one of the same name.

    Its list of files is that of its first query: call this again to see new files. Arguments as for ``read``.

    Raises:
        S3CSEError: as ``read``.
    """
    read(spark, path, columns, filter, **options).createOrReplaceTempView(name)


def count(spark: SparkSession, path: str, filter: str | None = None, **options: str) -> int:  # noqa: A002
    """Return the number of rows: from the files' footers alone, or with a filter by reading one column more than it."""
    if filter is None:
        counted = read(spark, path, **{**options, "rowcounts": "true"}).selectExpr("sum(rows)").first()
        return int(counted[0]) if counted is not None else 0
    fields = _table_schema(spark, path, options).fields
    simplest = min(fields, key=lambda field: (field.dataType.typeName() not in _NARROW, field.name))
    return read(spark, path, [simplest.name], filter, **options).count()


def _table_schema(spark: SparkSession, path: str, options: Mapping[str, str]) -> StructType:
    if DATA_SOURCES:
        return read(spark, path, **options).schema
    return arrow_map.schema(path, with_session_settings(spark, options, "read", path))


def write(df: DataFrame, path: str, mode: str = "append", partition_by: Sequence[str] = (), **options: str) -> None:
    """Encrypt a DataFrame into a table.

    Args:
        df: the rows.
        path: ``s3://bucket/table/``.
        mode: ``append`` or ``overwrite``.
        partition_by: columns that become folders.
        options: as for ``df.write.format("s3cse")``; what is not given comes from ``spark.s3cse.*``, then from the
            cluster's settings (docs/settings.md).

    Raises:
        SettingsError: another mode.
        PySparkException: a task or the commit failed; nothing of this write is visible, or, for an overwrite that was
            past its point of no return, all of it (s3cse.spark.commit). On Spark 3.5 what fails on the driver is an
            S3CSEError.
    """
    if mode not in ("append", "overwrite"):
        raise SettingsError("no such mode", found=repr(mode), expected="append | overwrite")
    spark = df.sparkSession
    given = with_session_settings(spark, options, "write", path)
    if partition_by:
        given["partitionby"] = _json_names(partition_by)
    if not DATA_SOURCES:
        arrow_map.write(df, path, given, overwrite=mode == "overwrite")
        return
    register(spark)
    df.write.format("s3cse").mode(mode).options(**given).save(path)


_NARROW = ("boolean", "byte", "short", "integer", "date", "long", "float", "double")


def with_session_settings(
    spark: SparkSession, options: Mapping[str, str], use: Use | None = None, path: str | None = None
) -> dict[str, str]:
    """Return the options, over the session's ``spark.s3cse.*``, over its ``spark.hadoop.*`` about the path.

    Args:
        use: leave out what the session sets for the other one only: its settings are for reads and writes alike.
        path: the table's address.

    Raises:
        SettingsError: the session sets something of ours that does not exist, or settings that contradict each other.
    """
    settings = _settings(spark)
    own = {name.removeprefix(_PREFIX): value for name, value in settings.items() if name.startswith(_PREFIX)}
    words = {name: value for name, value in own.items() if not (_PREFIX + name).startswith(SPARK_PROVIDER)}
    refuse_unknown(words, TABLE_OPTIONS, prefix=_PREFIX)
    others = {"read": ONLY["write"], "write": ONLY["read"], None: ()}[use]
    set_somehow = {name.lower(): value for name, value in own.items()}  # to Spark, another letter case is another name
    result = {}
    for name, spelling in SPELLING.items():
        value = spark.conf.get(_PREFIX + spelling, set_somehow.get(name))
        if value is not None and name not in others:
            result[name] = value
    if use == "read":
        result, others = named_on_reads(result), (*others, "profile")  # a cluster's is one of those for writes
    given = over_defaults({name.lower(): value for name, value in options.items()}, result)
    return given if path is None else over_session(given, path, settings, os.environ, others)


def _settings(spark: SparkSession) -> Mapping[str, str]:
    """Return everything that the session sets; nothing where a remote session of Spark 3.5 does not tell."""
    if DATA_SOURCES:
        return spark.conf.getAll
    try:
        return dict(spark.sparkContext.getConf().getAll())
    except PySparkException:
        return {}


def _parallelism(spark: SparkSession) -> int:
    """Return the number of tasks that this session runs at once; 1 where a remote session does not tell."""
    try:
        return spark.sparkContext.defaultParallelism
    except PySparkException:
        return 1


def _json_names(names: Sequence[str]) -> str:
    """Return names as an option's text; a text is one already, and not a list of letters."""
    return names if isinstance(names, str) else json.dumps(list(names))
