"""``s3cse config`` says what is in force, and who said so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from s3cse.cli.app import app
from s3cse.settings import files

CASES = Path(__file__).parents[2] / "settings" / "cases"
LAKE = "s3://lake/t/"
ARN = "arn:aws:kms:us-east-1:111122223333:key/aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("S3CSE_CONF_DIR", "HADOOP_CONF_DIR", "S3CSE_KMSKEYID", "S3CSE_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("S3CSE_HADOOP_VERSION", "3.4.2")
    monkeypatch.setattr(files, "EMR_HADOOP_FOLDER", tmp_path / "no")
    monkeypatch.setattr(files, "EMR_EMRFS_FOLDER", tmp_path / "no")


def run(*arguments: str) -> Any:
    """Run the command; the result has exit_code, stdout and stderr."""
    return CliRunner().invoke(app, ["config", *arguments])


def asked(*arguments: str) -> dict[str, Any]:
    """Return the answer as JSON."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_table_for_people() -> None:
    """A line per answer, with the file and key that said so; warnings below."""
    folder = CASES / "emr-7-migrated"
    result = run(LAKE, "--conf-dir", str(folder))
    assert result.exit_code == 0
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in result.stdout.splitlines()[1:-3]}
    assert lines["kmsKeyId"] == f"{ARN} {folder}/emrfs-site.xml: fs.s3.cse.kms.keyId"
    assert lines["encryption"] == f"CSE-KMS {folder}/emrfs-site.xml: fs.s3.cse.enabled"
    assert lines["file"] == f"system S3A {folder}/core-site.xml: fs.s3.impl"
    assert lines["legacy"].startswith(f"allow {folder}/emrfs-site.xml: fs.s3.cse.enabled (EMRFS without encryptionV2")
    assert lines["integrity"] == "strict default"
    warnings = result.stdout.splitlines()[-3:]
    assert all(line.startswith("warning: ") for line in warnings)
    assert "S3A ignores" in warnings[0]


def test_json_for_programs() -> None:
    """One object with value, who said it and why; nothing that nobody said."""
    folder = CASES / "emr-6-default"
    answer = asked(LAKE, "--conf-dir", str(folder))
    assert answer["files"] == [str(folder / name) for name in files.FILE_NAMES]
    assert answer["encryption"]["value"] == "CSE-KMS"
    assert answer["file_system"]["value"] == "EMRFS"
    said_by = {"source": str(folder / "emrfs-site.xml"), "key": "fs.s3.cse.kms.keyId"}
    assert answer["options"]["kmsKeyId"] == {"value": ARN, "said_by": [said_by], "because": None}
    assert answer["options"]["plaintext"] == {"value": "refuse", "said_by": [], "because": None}
    assert "keyFile" not in answer["options"]
    assert (answer["warnings"], answer["refused"]) == ([], [])


def test_settings_of_a_job() -> None:
    """--conf takes what spark-submit takes, and counts more than files; the environment counts less."""
    options = asked(
        LAKE, "--conf-dir", str(CASES / "emr-6-default"),
        "--conf", "spark.hadoop.fs.s3.cse.encryptionV2.enabled=true",
        "--conf", "spark.s3cse.integrity=none",
        "--conf", "spark.executor.memory=4g",
    )["options"]  # fmt: skip
    assert options["profile"]["said_by"] == [{"source": "--conf", "key": "spark.hadoop.fs.s3.cse.encryptionV2.enabled"}]
    assert options["integrity"]["said_by"] == [{"source": "--conf", "key": "spark.s3cse.integrity"}]
    assert options["legacy"]["value"] == "refuse"


def test_security_configuration() -> None:
    """The cluster's security configuration is a file like others."""
    folder = CASES / "security-overrides"
    document = str(folder / "security.json")
    answer = asked("s3://amzn-s3-demo-bucket2/t/", "--conf-dir", str(folder), "--security-configuration", document)
    assert answer["options"]["kmsKeyId"]["said_by"][0]["source"] == document
    mapped = "spark.s3cse.provider.com.mycompany.MyKeyProvider=keys:Mine"
    answer = asked(
        "s3://amzn-s3-demo-bucket3/t/",
        "--security-configuration",
        document,
        "--conf",
        mapped,
        "--conf-dir",
        str(folder),
    )
    assert answer["options"]["provider"]["value"] == "keys:Mine"


def test_hadoop_version_decides_for_s3a() -> None:
    """It can be given where no jars tell."""
    folder = str(CASES / "s3a")
    assert asked("s3a://lake/t/", "--conf-dir", folder)["options"]["profile"]["value"] == "emrfs-v2"
    found = asked("s3a://lake/t/", "--conf-dir", folder, "--hadoop-version", "3.5.0")["options"]["profile"]
    assert (found["value"], found["because"]) == ("s3ec-v4", "S3A of Hadoop 3.5.0 writes and reads format V3 only")


def test_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere there are the environment and the defaults, and that is said."""
    monkeypatch.setenv("S3CSE_KMSKEYID", "alias/mine")
    result = run(LAKE)
    assert result.exit_code == 0
    assert "alias/mine  environment: S3CSE_KMSKEYID" in result.stdout
    assert "no configuration files were found" in result.stdout


def test_refused() -> None:
    """A contradiction is shown with all answers there are, and ends with 1; a key of one's own makes it bearable."""
    folder = str(CASES / "mixed-buckets")
    result = run("s3://both/t/", "--conf-dir", folder)
    assert result.exit_code == 1
    assert "config: client-side and server-side encryption are both on for bucket 'both'" in result.stderr
    assert "kmsKeyId" in result.stdout
    assert json.loads(run("s3://both/t/", "--conf-dir", folder, "--json").stdout)["refused"]
    assert run("s3://both/t/", "--conf-dir", folder, "--conf", "spark.s3cse.kmsKeyId=mine").exit_code == 0


def test_floor_of_integrity(tmp_path: Path) -> None:
    """It is shown, and an option below it is wrong use."""
    row = "<property><name>fs.s3cse.minimum.integrity</name><value>strict</value></property>"
    (tmp_path / "core-site.xml").write_text(f"<configuration>{row}</configuration>")
    assert asked(LAKE, "--conf-dir", str(tmp_path))["minimum_integrity"]["value"] == "strict"
    result = run(LAKE, "--conf-dir", str(tmp_path), "--conf", "spark.s3cse.integrity=none")
    assert result.exit_code == 2
    assert "config: the cluster allows no such integrity; found integrity=none" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("/tmp/t",), "not an S3 address"),
        ((LAKE, "--conf-dir", "/nowhere"), "no settings where they were said to be; found /nowhere"),
        ((LAKE, "--security-configuration", "/nowhere"), "/nowhere"),
        ((LAKE, "--conf", "fs.s3.cse.enabled"), "a setting is not understood; found 'fs.s3.cse.enabled'"),
        ((LAKE, "--conf", "cse.enabled=true"), "a setting is not understood"),
        ((LAKE, "--conf", "fs.s3.cse.enabled=true"), "expected spark.hadoop.fs.s3"),  # spark-submit ignores it
        ((LAKE, "--conf", "spark.s3cse.kmsKeyIdd=x"), "did you mean spark.s3cse.kmsKeyId?"),
        ((), "ADDRESS"),
    ],
)
def test_wrong_use(arguments: tuple[str, ...], words: str) -> None:
    """Exit code 2 and one line."""
    result = run(*arguments)
    assert result.exit_code == 2
    assert words.lower() in result.stderr.lower()


def test_broken_file(tmp_path: Path) -> None:
    """A file that cannot be understood is one line, without a traceback."""
    (tmp_path / "core-site.xml").write_text("<configuration>")
    result = run(LAKE, "--conf-dir", str(tmp_path))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1


def test_nothing_writes_into_the_terminal(tmp_path: Path) -> None:
    """Control characters and rich's markup in a file are shown, not obeyed."""
    rows = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>"
        for name, value in {"fs.s3.cse.enabled": "true", "fs.s3.cse.kms.keyId": "[bold]k&#9;x"}.items()
    )
    (tmp_path / "emrfs-site.xml").write_text(f"<configuration>{rows}</configuration>")
    assert "[bold]k\\tx" in run(LAKE, "--conf-dir", str(tmp_path)).stdout
