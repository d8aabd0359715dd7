"""All layers over one another, with who said what."""

from __future__ import annotations

from pathlib import Path

from s3cse.settings.answers import Resolution
from s3cse.settings.files import load
from s3cse.settings.in_force import OPTIONS, in_force
from s3cse.settings.resolve import resolve

CASES = Path(__file__).parent / "cases"


def cluster(case: str, uri: str = "s3://lake/t/") -> Resolution:
    """Return what a case's files say."""
    return resolve(uri, load({}, conf=[CASES / case]))


def shown(found: Resolution, given: dict[str, str], environment: dict[str, str]) -> dict[str, tuple[str, str]]:
    """Return value and origin of each option."""
    return {
        answer.name: (answer.value, answer.origins[0].key) for answer in in_force(found, given, "--conf", environment)
    }


def test_each_layer_is_named() -> None:
    """Given, the cluster's, the environment's, the default: each option says whose it is, and whose counts more."""
    environment = {
        "S3CSE_REGION": "eu-west-1",
        "S3CSE_PROFILE": "s3ec-v4",
        "S3CSE_KMSKEYID": "env",
        "S3CSE_KEYFILE": "x",
    }
    found = shown(cluster("emr-6-default"), {"LEGACY": "refuse"}, environment)
    assert found["legacy"] == ("refuse", "spark.s3cse.legacy")
    assert found["profile"] == ("emrfs", "fs.s3.cse.enabled")
    assert found["kmsKeyId"][1] == "fs.s3.cse.kms.keyId"
    assert found["region"] == ("eu-west-1", "S3CSE_REGION")
    assert found["integrity"] == ("strict", "")
    assert "keyFile" not in found


def test_without_a_cluster_it_is_the_environment() -> None:
    """Nothing but defaults and variables, in the order of the table."""
    found = shown(cluster("nothing"), {}, {"S3CSE_KMSKEYID": "env"})
    assert found["kmsKeyId"] == ("env", "S3CSE_KMSKEYID")
    assert found["profile"] == ("emrfs-v2", "")
    assert list(found) == [name for name in OPTIONS if name in found]


def test_cluster_left_aside() -> None:
    """By the option that says so, and where its settings are wrong while a key was given."""
    assert shown(cluster("emr-6-default"), {}, {"S3CSE_CLUSTERSETTINGS": "IGNORE"})["profile"] == ("emrfs-v2", "")
    wrong = cluster("mixed-buckets", "s3://both/t/")
    assert shown(wrong, {"kmsKeyId": "mine"}, {})["profile"] == ("emrfs-v2", "")
    assert shown(wrong, {}, {})["profile"][0] == "emrfs"
