"""Where a cluster's settings are, and all that is found there, laid over one another.

From weak to strong: ``core-site.xml`` and ``emrfs-site.xml``, an EMR security configuration (which AWS says overrides
them), what was set for one job (Spark's ``spark.hadoop.*``).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from s3cse.errors import SettingsError
from s3cse.settings.model import Origin, Properties, Property

#: Where Hadoop's and EMRFS's files are on EMR (both are on the class path that EMR documents for Spark).
EMR_HADOOP_FOLDER = Path("/etc/hadoop/conf")
EMR_EMRFS_FOLDER = Path("/usr/share/aws/emr/emrfs/conf")
#: Read in this order, so that EMRFS's own file counts more.
FILE_NAMES = ("core-site.xml", "emrfs-site.xml")
#: Environment: folders or files with a ``:`` between, read in place of all others.
CONF_DIR = "S3CSE_CONF_DIR"
#: Environment: the JSON of the cluster's security configuration.
SECURITY_CONFIGURATION = "S3CSE_SECURITY_CONFIGURATION"
SPARK_HADOOP = "spark.hadoop."


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Everything that a cluster's configuration says, and the files it was read from."""

    properties: Properties
    files: tuple[Path, ...] = ()


def load(
    environment: Mapping[str, str] = os.environ,
    *,
    conf: Sequence[str | Path] | None = None,
    security: str | Path | None = None,
    hadoop: Mapping[str, str] | None = None,
    said_by: str = "spark.hadoop.*",
) -> ClusterSettings:
    """Read what there is; no files at all are no error.

    Args:
        environment: S3CSE_CONF_DIR and S3CSE_SECURITY_CONFIGURATION where the next two are not given, and
            HADOOP_CONF_DIR.
        conf: folders with ``core-site.xml`` and ``emrfs-site.xml``, or such files; nothing else is looked at then.
        security: file with an EMR security configuration.
        hadoop: settings of one job by their Hadoop names, with or without ``spark.hadoop.``.
        said_by: how answers name these.

    Raises:
        SettingsError: a file that was named is not there, or one that is there cannot be read or understood.
    """
    try:
        files = configuration_files(environment, conf)
        properties = _merged(files)
    except OSError as error:  # a folder that this user may not look into
        from s3cse.settings.hadoop_xml import unreadable

        raise unreadable(Path(error.filename or "?"), error) from error
    document = security or environment.get(SECURITY_CONFIGURATION)
    if document:
        from s3cse.settings import security_configuration

        files = (*files, Path(document))
        properties += security_configuration.read(Path(document))
    properties += [
        Property(key.removeprefix(SPARK_HADOOP), value, Origin(said_by, key)) for key, value in (hadoop or {}).items()
    ]
    return ClusterSettings(Properties(properties, environment), tuple(files))


def _merged(files: Sequence[Path]) -> list[Property]:
    if not files:
        return []
    from s3cse.settings import hadoop_xml  # and with it XML: most machines have no such file

    return hadoop_xml.merge(files)


def configuration_files(environment: Mapping[str, str], conf: Sequence[str | Path] | None = None) -> tuple[Path, ...]:
    """Return the configuration files that there are, in the order in which they are read.

    Raises:
        SettingsError: a folder or file that was named is not there.
    """
    named = list(conf or ()) or _split(environment.get(CONF_DIR))
    if named:
        for place in map(Path, named):
            if not place.exists():
                raise SettingsError(
                    "there are no settings where they were said to be",
                    found=str(place),
                    expected=f"a folder with {' or '.join(FILE_NAMES)}, or such a file",
                    fix=f"correct {CONF_DIR} or --conf-dir",
                )
        return _files(Path(place) for place in named)
    hadoop = list(map(Path, _split(environment.get("HADOOP_CONF_DIR")))) or [EMR_HADOOP_FOLDER]
    return _files([*hadoop, EMR_EMRFS_FOLDER])


def _split(value: str | None) -> list[str]:
    return [part for part in (value or "").split(os.pathsep) if part]


def _files(places: Iterable[Path]) -> tuple[Path, ...]:
    """Return files as they are, and of folders the files in them; Hadoop's first, and each once."""
    places = list(places)
    found = [place for place in places if place.is_file()]
    for name in FILE_NAMES:
        found += [place / name for place in places if (place / name).is_file()]
    return tuple({path.resolve(): path for path in found}.values())
