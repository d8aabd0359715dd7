"""The frame of the jobs that work on the objects of a lake: flags, report, exit codes."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pyarrow as pa
from pyspark.sql import SparkSession

from s3cse.errors import S3CSEError, SettingsError, printable
from s3cse.keys.report_parts import ReportParts
from s3cse.options.help import CONNECTION
from s3cse.options.objects import ObjectOptions, parse_object_options
from s3cse.options.words import SPELLING
from s3cse.spark.explain import explain
from s3cse.spark.flags import given_options, kebab
from s3cse.spark.job import DONE, FAILED, WRONG_USE
from s3cse.spark.object_jobs import ObjectRow, Work, over_objects
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client

_KEY = tuple(name.lower() for name in CONNECTION if name not in ("region", "endpointUrl"))
#: Options that say what is written, in lower case.
WRITTEN = ("profile", "storage", "framebytes")


@dataclass(frozen=True, slots=True)
class ObjectJob:
    """What a job is to do.

    Args:
        name: for messages and Spark's application name.
        place: what it is about.
        work: of the tasks; gets the number of those that run at once.
        listed: lists the objects.
        schema: of the report.
        not_done: outcomes that make it fail.
        after: done at the end where nothing failed.
    """

    name: str
    place: Location
    work: Callable[[int], Work]
    listed: Callable[[S3Store], Iterable[Location]]
    schema: pa.Schema
    not_done: Sequence[str]
    after: Callable[[S3Store], object] = lambda _: None


def add_object_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of all these jobs."""
    parser.add_argument(
        "--report",
        dest="rows_to",  # a table's reads have an option "report", which is something else
        metavar="FOLDER",
        help="folder for a Parquet table, a row per object; s3:// or here",
    )
    parser.add_argument("--dry-run", action="store_true", help="look at everything, and write nothing")


def add_target_flag(parser: argparse.ArgumentParser) -> None:
    """Add the flag that says what is another for what is written."""
    parser.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="OPTION=VALUE",
        help="an option that is another for what is written, like kms-key-id=alias/new; may be repeated; options of "
        "the key count together",
    )


def options_of(
    arguments: argparse.Namespace, address: str, *, without: Sequence[str] = (), profile: str | None = None
) -> ObjectOptions:
    """Return the options that the flags say.

    Args:
        without: names of those that do not count.
        profile: what is there, where the objects do not say it.

    Raises:
        SettingsError: a bad value, or no key.
    """
    given = {name: value for name, value in given_options(arguments).items() if name not in without}
    return parse_object_options(given if profile is None else {**given, "profile": profile}, address)


def options_towards(arguments: argparse.Namespace, address: str) -> ObjectOptions:
    """Return the options of what is written: those of the flags, where ``--to`` does not say others.

    Raises:
        SettingsError: no OPTION=VALUE, no such option, a bad value, or no key.
    """
    given: Mapping[str, str] = given_options(arguments)
    said = dict(map(_said, arguments.to))
    if any(name in _KEY for name in said):
        given = {name: value for name, value in given.items() if name not in _KEY}
    return parse_object_options({**given, **said}, address)


def _said(text: str) -> tuple[str, str]:
    word, equals, value = text.partition("=")
    known = {kebab(SPELLING[name]): name for name in (*_KEY, *WRITTEN)}
    if not equals or word not in known:
        raise SettingsError(
            "--to is not understood", found=repr(text), expected=f"OPTION=VALUE with {' | '.join(known)}"
        )
    return known[word], value


def run_object_job(name: str, arguments: argparse.Namespace, make: Callable[[], ObjectJob]) -> int:
    """Run a job and return the exit code: 0 done, 1 something was not, 2 a wrong option.

    Args:
        make: checks the flags, before Spark starts.
    """
    try:
        job = make()
        options = options_of(arguments, job.place.uri, without=WRITTEN)
    except S3CSEError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command's message
        return WRONG_USE
    spark = SparkSession.builder.appName(f"s3cse {name} {job.place.uri}").getOrCreate()
    try:
        counts = _run(spark, job, S3Store(s3_client(options.region, options.endpoint_url)), arguments.rows_to)
    except Exception as error:
        text = explain(error)
        if text is None:
            raise
        print(f"{name}: {text}", file=sys.stderr)  # noqa: T201 - a command's message
        return FAILED
    finally:
        spark.stop()
    print(", ".join(f"{count:,} {word}" for word, count in sorted(counts.items())) or "no objects")  # noqa: T201
    return FAILED if any(counts[word] for word in job.not_done) else DONE


def _run(spark: SparkSession, job: ObjectJob, store: S3Store, report: str | None) -> Counter[str]:
    context = spark.sparkContext
    work = job.work(max(context.defaultParallelism, 1))
    with nullcontext() if report is None else ReportParts(report, job.schema, store) as parts:
        counts = over_objects(context, job.listed(store), work, parts, _tell)
    if not any(counts[word] for word in job.not_done):
        job.after(store)
    return counts


def _tell(row: ObjectRow) -> None:
    if row.error is not None:
        print(f"{row.outcome}: {printable(row.error)}", file=sys.stderr)  # noqa: T201 - a command's message
