"""The cluster's settings as defaults of options: below what was given and ``spark.s3cse.*``, above the environment.

They are resolved once, where options are parsed or, with ``spark.hadoop.*``, on the driver, and travel as options:
executors and Spark's planner might find other files. No secret is among them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache

from s3cse.settings.answers import Resolution
from s3cse.settings.files import SPARK_HADOOP, load
from s3cse.settings.hadoop_version import hadoop_version
from s3cse.settings.in_force import does_not_count
from s3cse.settings.keys import PROVIDER
from s3cse.settings.minimum import check_integrity
from s3cse.settings.precedence import over_defaults
from s3cse.settings.resolve import concerns_encryption, resolve

#: The option that leaves them aside, and its values.
OPTION, USE, IGNORE = "clustersettings", "use", "ignore"
_VARIABLE = f"S3CSE_{OPTION.upper()}"
#: Spark's own spelling of ``s3cse.provider.<Java class>``.
SPARK_PROVIDER = f"spark.{PROVIDER}"
_log = logging.getLogger(__name__)


def cluster_defaults(
    given: Mapping[str, str],
    path: str,
    environment: Mapping[str, str],
    hadoop: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return what the cluster says about a path, as options with names in lower case; nothing where it has no CSE.

    Args:
        given: the options that count more, with names in lower case. Where they name a key, what is wrong with the
            cluster's settings is a warning, and none of them counts.
        path: the table's address.
        environment: where files are; it may leave them aside, too.
        hadoop: settings of the session by their Hadoop names.

    Raises:
        SettingsError: the cluster's settings contradict each other, or cannot be read.
    """
    if (given.get(OPTION) or environment.get(_VARIABLE) or USE).lower() == IGNORE:
        return {}
    found = resolve(path, load(environment, hadoop=hadoop), hadoop_version=hadoop_version(environment))
    if does_not_count(found, given):
        _say(*(f"the cluster's settings do not count here: {error}" for error in found.refused))
        return {}
    options = {name.lower(): value for name, value in found.options().items()}
    _say(*_notes(found, given))
    return options


def check_minimum(integrity: str, environment: Mapping[str, str]) -> None:
    """Refuse an integrity below the floor in the cluster's files, which no option and no session lowers.

    Raises:
        SettingsError: it is below, or the files cannot be read.
    """
    check_integrity(integrity, load(environment).properties)


def over_session(
    given: Mapping[str, str],
    path: str,
    settings: Mapping[str, str],
    environment: Mapping[str, str],
    others: tuple[str, ...] = (),
) -> dict[str, str]:
    """Return options over the cluster's settings, where the session has some that its files do not know of.

    Args:
        given: options with names in lower case.
        path: the table's address.
        settings: everything that the session sets.
        environment: where files are.
        others: options that are for another use than the one at hand.

    Raises:
        SettingsError: see ``cluster_defaults``.
    """
    hadoop = {
        name.removeprefix(SPARK_HADOOP): value
        for name, value in settings.items()
        if name.startswith(SPARK_HADOOP) and concerns_encryption(name.removeprefix(SPARK_HADOOP))
    }
    hadoop |= {
        name.removeprefix("spark."): value for name, value in settings.items() if name.startswith(SPARK_PROVIDER)
    }
    if not hadoop:
        return dict(given)
    defaults = cluster_defaults(given, path, environment, hadoop)
    useful = {name: value for name, value in defaults.items() if name not in others}
    return {**over_defaults(given, useful), OPTION: IGNORE}


def _notes(found: Resolution, given: Mapping[str, str]) -> list[str]:
    """Return what a user should see: warnings, and that old formats are allowed without him saying so."""
    notes = [f"{found.uri}: {warning}" for warning in found.warnings] if found.answers else []
    legacy = found.answers.get("legacy")
    if legacy is not None and legacy.value == "allow" and "legacy" not in given:
        notes.append(f"{found.uri}: legacy=allow, because of {legacy.origins[0]}")
    return notes


def _say(*notes: str) -> None:
    for note in notes:
        _once(note)


@lru_cache(maxsize=1024)
def _once(note: str) -> None:
    _log.warning(note)
