"""The data source's options as flags of a command: the same words in kebab case."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence

from s3cse.options.help import CONNECTION, HELP
from s3cse.options.words import SPELLING

READING = (
    *CONNECTION, "profile", "integrity", "legacy", "commitment", "plaintext", "columns", "filter", "schemaMode",
    "splitBytes",
)  # fmt: skip
WRITING = (
    *CONNECTION, "profile", "storage", "frameBytes", "sse", "sseKmsKeyId", "partitionBy", "compression",
    "maxRecordsPerFile", "rowGroupBytes", "fileBytes", "partitionOverwrite", "registerAs", "glueEndpointUrl",
)  # fmt: skip


def add_flags(parser: argparse.ArgumentParser, names: Sequence[str], **defaults: str) -> None:
    """Add a flag for each of these options.

    Args:
        defaults: values of options that this job gives where the user gives none.
    """
    group = parser.add_argument_group("options of the s3cse format")
    for name in names:
        here = f"; this job's default: {defaults[name]}" if name in defaults else ""
        group.add_argument(
            f"--{kebab(name)}", dest=name, metavar="VALUE", default=defaults.get(name), help=HELP[name] + here
        )


def given_options(arguments: argparse.Namespace) -> dict[str, str]:
    """Return the options that were given as flags."""
    values = vars(arguments)
    return {name.lower(): values[name] for name in SPELLING.values() if values.get(name) is not None}


def kebab(name: str) -> str:
    """Return an option's name as a flag spells it."""
    return re.sub(r"([A-Z])", lambda found: f"-{found.group(1).lower()}", name)
