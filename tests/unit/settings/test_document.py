"""What docs/settings.md shows is run as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

import s3cse.local
from s3cse.cli.app import app
from s3cse.settings.emrfs import KMS_PROVIDER

PAGE = (Path(__file__).parents[3] / "docs" / "settings.md").read_text()
LAKE = "s3://lake/flights/"


@pytest.fixture
def cluster(servers: s3cse.local.Servers, lake_bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster with EMRFS's client-side encryption in its default mode."""
    for name, value in {**servers.environment(), "S3CSE_CONF_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    settings = {
        "fs.s3.impl": "com.amazon.ws.emr.hadoop.fs.EmrFileSystem",
        "fs.s3.cse.enabled": "true",
        "fs.s3.cse.encryptionMaterialsProvider": KMS_PROVIDER,
        "fs.s3.cse.kms.keyId": servers.create_key(),
    }
    rows = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>" for name, value in settings.items()
    )
    (tmp_path / "emrfs-site.xml").write_text(f"<configuration>{rows}</configuration>")


@pytest.mark.usefixtures("cluster")
def test_client_with_the_clusters_settings(s3: object) -> None:
    """The code for Python makes a client that writes as the cluster does, and reads it back."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    scope: dict[str, object] = {}
    exec(code, scope)
    client: s3cse.Client = scope["client"]  # type: ignore[assignment]
    client.put_object(Bucket="lake", Key="flights/x", Body=b"rows")
    assert client.get_object(Bucket="lake", Key="flights/x")["Body"].read() == b"rows"
    stored = s3.head_object(Bucket="lake", Key="flights/x")["Metadata"]  # type: ignore[attr-defined]
    assert stored["x-amz-cek-alg"] == "AES/CBC/PKCS5Padding"


@pytest.mark.usefixtures("cluster")
def test_rows_of_the_command() -> None:
    """The settings and values that the page shows are those that the command prints for such a cluster."""
    (shown,) = re.findall(r"\$ s3cse config s3://lake/flights/\n(.*?)\n    …", PAGE, re.DOTALL)
    printed = CliRunner().invoke(app, ["config", LAKE]).stdout.splitlines()
    for line in shown.splitlines():
        name, value, said_by = re.split(r"\s{2,}", line.strip(), maxsplit=2)
        key = said_by.partition(": ")[2].partition(" (")[0]
        assert any(row.startswith(name) and (value in row or value.endswith("…")) and key in row for row in printed), (
            line
        )


def test_files_and_variables_have_their_names() -> None:
    """Places that the page names are the ones that are read."""
    from s3cse.settings import files, hadoop_version, keys, minimum

    for name in (
        files.CONF_DIR, files.SECURITY_CONFIGURATION, str(files.EMR_HADOOP_FOLDER), str(files.EMR_EMRFS_FOLDER),
        *files.FILE_NAMES, hadoop_version.VERSION, keys.RSA_PROVIDER, minimum.MINIMUM,
    ):  # fmt: skip
        assert name in PAGE
