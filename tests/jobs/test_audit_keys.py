"""The job that audits keys, started by spark-submit."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

import s3cse
import s3cse.local
from jobs.test_jobs import submit
from s3cse.keyrings import KmsKeyring
from s3cse.keys.parts import EncryptedFolder, read_parts
from s3cse.storage.port import Location
from spark.fixtures import spark_environment

ROOT = Path(__file__).resolve().parents[2]


def test_audit(servers: s3cse.local.Servers, s3: Any, kms: Any, kms_key: str, shared_bucket: str) -> None:
    """Executors look at all objects and write an encrypted inventory; the summary names the probed key."""
    prefix = f"audit/{uuid.uuid4().hex}"
    client = s3cse.Client(s3, KmsKeyring(kms, kms_key))
    for number in range(4):
        client.put_object(Bucket=shared_bucket, Key=f"{prefix}/in/{number}", Body=b"x")
    s3.put_object(Bucket=shared_bucket, Key=f"{prefix}/in/plain", Body=b"x")
    arguments = (f"s3://{shared_bucket}/{prefix}/in/", f"s3://{shared_bucket}/{prefix}/out/")
    done = submit(
        spark_environment(servers),
        "audit_keys",
        *arguments,
        "--kms-key-id",
        kms_key,
        "--probe",
        "decrypt",
        "--by",
        "key",
    )
    assert done.code == 0, done.err[-3000:]
    assert f"key_id={kms_key}  key_evidence=probed  wrap_algorithm=kms+context  objects=4" in done.out
    assert "0 legacy, 1 plain, 0 not readable" in done.out
    rows = read_parts(EncryptedFolder(client, Location(shared_bucket, f"{prefix}/out")))
    assert rows.num_rows == 5


@pytest.mark.parametrize("flags", [(), ("--plain-result", "--probe-key", "x", "--open")])
def test_asked_wrongly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], flags: tuple[str, ...]
) -> None:
    """Without a key for the result, or for opening objects, the job ends with 2 before Spark starts."""
    monkeypatch.syspath_prepend(str(ROOT / "jobs"))
    monkeypatch.setattr(sys, "argv", ["audit_keys", "s3://lake/a/", "s3://lake/b/", *flags])
    monkeypatch.delenv("S3CSE_KMSKEYID", raising=False)
    import audit_keys

    assert audit_keys.main() == 2
    assert "no key was named" in capsys.readouterr().err
