"""docs/emr.md and docs/glue.md: every command is run, as one session from top to bottom."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import s3cse.local
from jobs.emr.aws_stand_in import AwsStandIn
from jobs.emr.conftest import BUCKET, Shell
from jobs.emr.documents import DOCS, DOCUMENTS, blocks, shell
from spark.fixtures import SETTINGS, spark_environment

_ANSWERED = {"emr", "emr-serverless", "emr-containers", "glue", "s3"}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_blocks_are_of_known_kinds(document: str) -> None:
    """No block escapes the tests below: shell is run as one session, Python by itself, and nothing else is there."""
    assert {language for language, _ in blocks(document)} <= {"sh", "python"}
    assert (DOCS / document).read_text(encoding="utf-8").count("```") == 2 * len(blocks(document))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_shell_is_sound(document: str, tmp_path: Path) -> None:
    """shellcheck finds nothing, and all AWS services named are among those that the tests answer for."""
    script = tmp_path / "session.sh"
    script.write_text("#!/bin/bash\n" + shell(document))
    program = Path(sys.executable).parent / "shellcheck"
    done = subprocess.run([str(program), str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert set(re.findall(r"\baws ([a-z0-9-]+)", shell(document))) <= _ANSWERED


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_named_are_there(document: str) -> None:
    """Scripts and documents that the text names exist."""
    text = (DOCS / document).read_text(encoding="utf-8")
    for name in re.findall(r"(?<![/\w])jobs/[a-z_/]+\.(?:sh|py|json)\b|\bjobs/emr/Dockerfile(?:\.build)?", text):
        assert (DOCS.parent / name).is_file(), name
    for name in re.findall(r"\]\(([^):]+\.md)\)", text):
        assert (DOCS / name).is_file(), name


def keys(servers: s3cse.local.Servers) -> set[str]:
    """Return the keys in the documents' bucket."""
    return {each["Key"] for each in servers.s3_client().list_objects_v2(Bucket=BUCKET)["Contents"]}


@pytest.mark.heavy
def test_glue(glue_session: str, stand_in: AwsStandIn, servers: s3cse.local.Servers) -> None:
    """Every command of glue.md succeeds, and asks Glue for what the text says."""
    assert "bootstrap action: Path=" in glue_session
    assert {"s3cse/s3cse.gluewheels.zip", "s3cse/s3cse-venv.tar.gz", "s3cse/jobs/encrypt_job.py"} < keys(servers)
    venv, wheels = stand_in.of("CreateJob")
    assert venv["DefaultArguments"] == {"--python-virtual-env": f"s3://{BUCKET}/s3cse/s3cse-venv.tar.gz"}
    assert wheels["DefaultArguments"]["--python-modules-installer-option"] == "--no-index"
    (run,) = stand_in.of("StartJobRun")
    assert set(run["Arguments"]) == {"--source", "--target", "--kms-key-id"}


@pytest.mark.heavy
def test_emr(clone: Shell, glue_session: str, stand_in: AwsStandIn, servers: s3cse.local.Servers) -> None:
    """Every command of emr.md succeeds, and asks EMR for what the text says."""
    clone.run("bash", "-euo", "pipefail", "-c", shell("emr.md"))
    assert {"s3cse/SHA256SUMS", "s3cse/bootstrap.sh", "s3cse/jobs/encrypt_table.py"} < keys(servers)
    (cluster,) = stand_in.of("RunJobFlow")
    (action,) = cluster["BootstrapActions"]
    checksum = clone.run("bash", "-c", "sha256sum < dist/wheelhouse/SHA256SUMS").split()[0]
    assert action["ScriptBootstrapAction"] == {
        "Path": f"s3://{BUCKET}/s3cse/bootstrap.sh",
        "Args": [f"s3://{BUCKET}/s3cse/", "--sha256", checksum],
    }
    # Built twice from the same sources and pins: one checksum.
    assert f"--sha256,{checksum}]" in glue_session
    (emrfs,) = (each for each in cluster["Configurations"] if each["Classification"] == "emrfs-site")
    assert emrfs["Properties"]["fs.s3.cse.kms.keyId"].startswith("arn:aws:kms:eu-west-1:111122223333:key/")
    (steps,) = stand_in.of("AddJobFlowSteps")
    arguments = steps["Steps"][0]["HadoopJarStep"]["Args"]
    assert arguments[0] == "spark-submit"
    assert arguments[-2] == "--kms-key-id"
    check_submissions(stand_in)
    docker = (clone.folder / "docker-commands").read_text().splitlines()
    assert docker[-1] == "push 111122223333.dkr.ecr.eu-west-1.amazonaws.com/spark-s3cse:emr-7.13.0"


def check_submissions(stand_in: AwsStandIn) -> None:
    """Serverless gets the archive under the name in the interpreter's path, EKS the image."""
    (serverless,) = stand_in.of("applications")
    parameters = serverless["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]
    assert parameters.count("=./environment/bin/python") == 3
    assert f"spark.archives=s3://{BUCKET}/s3cse/s3cse-venv.tar.gz#environment " in parameters
    (containers,) = stand_in.of("virtualclusters")
    parameters = containers["jobDriver"]["sparkSubmitJobDriver"]["sparkSubmitParameters"]
    assert "container.image=111122223333.dkr.ecr.eu-west-1.amazonaws.com/spark-s3cse:emr-7.13.0 " in parameters


@pytest.mark.heavy
def test_glue_job(servers: s3cse.local.Servers, bucket: str, kms_key: str, tmp_path: Path) -> None:
    """glue.md's script encrypts a table and counts it, among the arguments that Glue adds."""
    (script,) = (text for language, text in blocks("glue.md") if language == "python")
    (tmp_path / "encrypt_job.py").write_text(script)
    pq.write_table(pa.table({"number": range(1000)}), tmp_path / "plain.parquet")
    settings = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
    command = [Path(sys.executable).parent / "spark-submit", *settings, tmp_path / "encrypt_job.py"]
    command += ["--JOB_NAME", "encrypt", "--source", tmp_path / "plain.parquet", "--JOB_RUN_ID", "jr_1"]
    command += ["--target", f"s3://{bucket}/flights/", "--kms-key-id", kms_key, "--python-virtual-env", "s3://x/y"]
    done = subprocess.run(
        [str(word) for word in command], env=spark_environment(servers), capture_output=True, text=True, check=False
    )
    assert "rows: 1000" in done.stdout, done.stderr[-2000:]
