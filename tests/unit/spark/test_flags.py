"""Every option can be a flag of a job, under its own name."""

from __future__ import annotations

import argparse
import contextlib
import io

import pytest

from s3cse.options.help import HELP
from s3cse.options.table import parse_options
from s3cse.options.words import SPELLING
from s3cse.spark.flags import READING, WRITING, add_flags, given_options, kebab


def parser_for(names: tuple[str, ...]) -> argparse.ArgumentParser:
    """Return a parser with these flags."""
    parser = argparse.ArgumentParser(prog="job")
    add_flags(parser, names)
    return parser


def test_every_option_has_a_help_text() -> None:
    """No option is without its line of help, and no line is about an option that does not exist."""
    assert set(HELP) == set(SPELLING.values())
    assert set(READING) | set(WRITING) <= set(HELP)


@pytest.mark.parametrize(
    ("name", "flag"), [("kmsKeyId", "kms-key-id"), ("filter", "filter"), ("partitionBy", "partition-by")]
)
def test_names_are_in_kebab_case(name: str, flag: str) -> None:
    """A flag is the option's name in kebab case."""
    assert kebab(name) == flag


def test_given_flags_are_options() -> None:
    """What was given on the command line parses as options; what was not given is left to the defaults."""
    arguments = parser_for(READING).parse_args(["--kms-key-id", "k", "--split-bytes", "1m", "--integrity", "none"])
    given = given_options(arguments)
    assert given == {"kmskeyid": "k", "splitbytes": "1m", "integrity": "none"}
    assert parse_options({"path": "s3://b/t", **given}, {}).split_bytes == 1 << 20


def test_readers_may_choose_schema_and_commitment() -> None:
    """Two rules about what is read are flags too."""
    given = given_options(parser_for(READING).parse_args(["--schema-mode", "merge", "--commitment", "require"]))
    assert given == {"schemamode": "merge", "commitment": "require"}


def test_job_has_defaults_of_its_own() -> None:
    """A job's default counts where no flag is given, and the help says so."""
    parser = argparse.ArgumentParser(prog="job")
    add_flags(parser, READING, schemaMode="merge")
    assert given_options(parser.parse_args([])) == {"schemamode": "merge"}
    assert given_options(parser.parse_args(["--schema-mode", "one"])) == {"schemamode": "one"}
    assert "this job's default: merge" in " ".join(parser.format_help().split())


def test_unknown_flag_is_refused() -> None:
    """A flag that a job does not have ends it with exit code 2."""
    with contextlib.redirect_stderr(io.StringIO()) as errors, pytest.raises(SystemExit) as caught:
        parser_for(READING).parse_args(["--partition-by", "x"])
    assert caught.value.code == 2
    assert "--partition-by" in errors.getvalue()
