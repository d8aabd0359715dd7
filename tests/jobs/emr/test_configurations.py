"""configurations.json: what EMR's --configurations takes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from s3cse.envelope.profiles import DEFAULT_PROFILE
from s3cse.settings.files import load
from s3cse.settings.resolve import resolve

EMR = Path(__file__).resolve().parents[3] / "jobs" / "emr"
#: The members of a Configuration (EMR's API reference) and the classifications that this file uses.
MEMBERS = {"Classification", "Properties", "Configurations"}
CLASSIFICATIONS = {"spark-defaults", "spark-env", "emrfs-site"}


@pytest.fixture(scope="module")
def configurations() -> list[dict[str, Any]]:
    """The file."""
    loaded: list[dict[str, Any]] = json.loads((EMR / "configurations.json").read_text(encoding="utf-8"))
    return loaded


def check_shape(configurations: Any, allowed: set[str]) -> None:
    """A list of configurations; properties are strings; `export` is the only thing inside another one."""
    assert isinstance(configurations, list)
    names = [each["Classification"] for each in configurations]
    assert len(set(names)) == len(names)
    assert set(names) <= allowed
    for each in configurations:
        assert set(each) <= MEMBERS
        properties = each.get("Properties", {})
        assert all(isinstance(value, str) for value in properties.values()), "EMR takes strings only"
        check_shape(each.get("Configurations", []), {"export"} if each["Classification"].endswith("-env") else set())


def test_shape(configurations: list[dict[str, Any]]) -> None:
    """It has the structure that EMR's API demands."""
    check_shape(configurations, CLASSIFICATIONS)
    assert {each["Classification"] for each in configurations} == CLASSIFICATIONS


def test_one_interpreter(configurations: list[dict[str, Any]]) -> None:
    """Driver, application master and executors use one Python, the one that bootstrap.sh installs into."""
    text = json.dumps(configurations)
    default = re.search(r"python=(\S+)", (EMR / "bootstrap.sh").read_text())
    assert default is not None
    assert set(re.findall(r"/[a-z/]*python[0-9.]*", text)) == {default[1]}
    (defaults,) = (each["Properties"] for each in configurations if each["Classification"] == "spark-defaults")
    assert set(defaults) >= {"spark.pyspark.python", "spark.pyspark.driver.python"}


def test_the_example_for_emrfs_is_what_s3cse_reads(configurations: list[dict[str, Any]], tmp_path: Path) -> None:
    """As emrfs-site.xml on a node it means CSE-KMS with AES-GCM, without a finding."""
    (emrfs,) = (each["Properties"] for each in configurations if each["Classification"] == "emrfs-site")
    body = "".join(f"<property><name>{key}</name><value>{value}</value></property>" for key, value in emrfs.items())
    (tmp_path / "emrfs-site.xml").write_text(f"<configuration>{body}</configuration>")
    found = resolve("s3://bucket/table/", load({}, conf=[tmp_path]))
    assert not found.warnings
    options = found.options()
    assert (options["keyring"], options["kmsKeyId"]) == ("kms", emrfs["fs.s3.cse.kms.keyId"])
    assert options.get("profile", DEFAULT_PROFILE) == "emrfs-v2"
