"""Which Hadoop is beside us: it decides what S3A writes and reads (FORMATS.md section 19)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

#: Environment: the version, where the jars do not tell, as on EMR (`hadoop version` prints it).
VERSION = "S3CSE_HADOOP_VERSION"
_JAR = "hadoop-client-api-"


def hadoop_version(environment: Mapping[str, str]) -> str | None:
    """Return the version of Spark's Hadoop jars, None where there are none."""
    if environment.get(VERSION):
        return environment[VERSION]
    homes = [Path(environment["SPARK_HOME"])] if environment.get("SPARK_HOME") else []
    spec = find_spec("pyspark")  # does not import it
    homes += [Path(place) for place in (spec.submodule_search_locations or ())] if spec is not None else []
    for home in homes:
        for jar in sorted((home / "jars").glob(f"{_JAR}*.jar")):
            return jar.name.removeprefix(_JAR).removesuffix(".jar")
    return None
