"""The frame that all jobs share: flags checked before Spark starts, errors in one line, exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pyspark.sql import SparkSession

from s3cse.errors import S3CSEError
from s3cse.options.table import Options, check_options, parse_options
from s3cse.spark.api import with_session_settings
from s3cse.spark.explain import explain
from s3cse.spark.flags import given_options

DONE, FAILED, WRONG_USE = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Job:
    """What a job's work gets: the session, the flags as given (for s3cse.spark.read and write), and the options.

    ``options`` are the flags, over the session's ``spark.s3cse.*``, over the cluster's settings, over the environment.
    """

    spark: SparkSession
    given: Mapping[str, str]
    options: Options


def run_job(name: str, table: str, arguments: argparse.Namespace, work: Callable[[Job], int]) -> int:
    """Run a job's work and return the exit code: 0 done, 1 failed, 2 a wrong option.

    Args:
        name: for messages and Spark's application name.
        table: the encrypted table's address.
        arguments: with the flags of s3cse.spark.flags.
        work: returns the exit code; what it raises is explained in one line, unknown errors keep their traceback.
    """
    given = given_options(arguments)
    try:
        check_options({"path": table, **given})
    except S3CSEError as error:
        return _wrong_use(name, error)
    spark = SparkSession.builder.appName(f"s3cse {name} {table}").getOrCreate()
    try:
        try:
            options = parse_options({"path": table, **with_session_settings(spark, given, path=table)})
        except S3CSEError as error:
            return _wrong_use(name, error)
        return work(Job(spark, given, options))
    except Exception as error:
        text = explain(error)
        if text is None:
            raise
        print(f"{name}: {text}", file=sys.stderr)  # noqa: T201 - a command's message
        return FAILED
    finally:
        spark.stop()


def _wrong_use(name: str, error: S3CSEError) -> int:
    print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command's message
    return WRONG_USE
