"""``s3cse config``: what is in force for an address, and which file and key said so. Asks nobody: no S3, no KMS."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from s3cse.cli.interface import outcome
from s3cse.cli.upkeep.config_report import print_json, print_tables
from s3cse.errors import SettingsError
from s3cse.settings.files import SPARK_HADOOP, load
from s3cse.settings.hadoop_version import hadoop_version
from s3cse.settings.in_force import OPTIONS, does_not_count, in_force
from s3cse.settings.keys import PROVIDER
from s3cse.settings.minimum import check_integrity
from s3cse.settings.resolve import concerns_encryption, resolve

_SPARK_OPTION = "spark.s3cse."
_SAID_BY = "--conf"


command = typer.Typer(add_completion=False)


@command.command()
def config_command(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="s3://bucket/path; s3a and s3n as well.")],
    conf_dir: Annotated[
        list[Path] | None,
        typer.Option(
            "--conf-dir",
            metavar="DIR",
            help="Folder with core-site.xml and emrfs-site.xml, or such a file, in place of the cluster's own "
            "(S3CSE_CONF_DIR, HADOOP_CONF_DIR, EMR's folders). May be repeated.",
        ),
    ] = None,
    security_configuration: Annotated[
        Path | None,
        typer.Option(
            "--security-configuration", metavar="FILE", help="The cluster's EMR security configuration (JSON)."
        ),
    ] = None,
    conf: Annotated[
        list[str] | None,
        typer.Option(
            "--conf",
            metavar="KEY=VALUE",
            help="As spark-submit takes it: spark.hadoop.fs.s3.…, spark.s3cse.…. May be repeated.",
        ),
    ] = None,
    hadoop: Annotated[
        str | None,
        typer.Option("--hadoop-version", help="Decides what S3A reads (default: that of Spark's jars, where found)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Show what is in force for an address: key, profile, storage, rules; and which file and key said so.

    Ends with 1 where the cluster's settings contradict each other or have no such value.
    """
    # Options are --conf spark.s3cse.kmsKeyId=… here, and so the table has them.
    with outcome.explained("config", str):
        cluster, given = _parted(conf or ())
        settings = load(os.environ, conf=conf_dir, security=security_configuration, hadoop=cluster, said_by=_SAID_BY)
        found = resolve(address, settings, hadoop_version=hadoop or hadoop_version(os.environ))
        answers = in_force(found, given, _SAID_BY, os.environ)
    (print_json if as_json else print_tables)(found, answers)
    for error in found.refused:
        outcome.complain("config", error, str)
    with outcome.explained("config", str):
        integrity = next(answer.value for answer in answers if answer.name == "integrity")
        check_integrity(integrity.lower(), settings.properties)
    if found.refused and not does_not_count(found, {name.lower() for name in given}):
        raise typer.Exit(outcome.FAILED)


def _parted(conf: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return settings by their Hadoop names as they were written, and options.

    Raises:
        SettingsError: something is neither.
    """
    cluster: dict[str, str] = {}
    given: dict[str, str] = {}
    for text in conf:
        name, equals, value = text.partition("=")
        if equals and name.startswith(SPARK_HADOOP) and concerns_encryption(name.removeprefix(SPARK_HADOOP)):
            cluster[name] = value
        elif equals and name.startswith(f"spark.{PROVIDER}"):
            cluster[name.removeprefix("spark.")] = value
        elif equals and name.startswith(_SPARK_OPTION):
            _check_option(name)
            given[name.removeprefix(_SPARK_OPTION)] = value
        elif not equals or not name.startswith("spark."):
            raise SettingsError(
                "a setting is not understood",
                found=repr(text if not equals else name),
                expected="spark.hadoop.fs.s3.…=VALUE, spark.hadoop.fs.s3a.…=VALUE or spark.s3cse.OPTION=VALUE",
            )
    return cluster, given


def _check_option(name: str) -> None:
    """Refuse an option that looks misspelt; those that have nothing to say here pass."""
    short = name.removeprefix(_SPARK_OPTION).lower()
    spelling = {option.lower(): option for option in OPTIONS}
    near = difflib.get_close_matches(short, spelling, n=1, cutoff=0.9)
    if short not in spelling and near:
        raise SettingsError("no such option", found=name, fix=f"did you mean {_SPARK_OPTION}{spelling[near[0]]}?")
