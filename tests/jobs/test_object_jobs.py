"""The jobs that rotate, migrate and index a lake, started by spark-submit."""

from __future__ import annotations

import io
import sys
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import s3cse
import s3cse.local
from jobs.test_jobs import submit
from s3cse.keyrings import KmsKeyring
from spark.fixtures import spark_environment

ROOT = Path(__file__).resolve().parents[2]
TABLE = pa.table({"number": list(range(5000)), "text": [f"row {number % 7}" for number in range(5000)]})


def said(done: Any) -> str:
    """Return the last line that a job printed."""
    return str(done.out.strip().splitlines()[-1])


def test_a_table_of_others(
    servers: s3cse.local.Servers, s3: Any, kms: Any, kms_key: str, shared_bucket: str, tmp_path: Path
) -> None:
    """A CBC table is migrated, rotated to another key, and has its index; the rows are the same all along."""
    prefix, new = f"object-jobs/{uuid.uuid4().hex}/", servers.create_key()
    out = io.BytesIO()
    pq.write_table(TABLE, out)
    client = s3cse.Client(s3, KmsKeyring(kms, kms_key), profile="emrfs")
    for number in range(3):
        client.put_object(Bucket=shared_bucket, Key=f"{prefix}part-{number}.parquet", Body=out.getvalue())
    address, environment = f"s3://{shared_bucket}/{prefix}", spark_environment(servers)

    flags = (address, "--kms-key-id", kms_key, "--report", str(tmp_path / "report"))
    refused = submit(environment, "index_table", *flags, "--legacy", "allow")
    assert (refused.code, said(refused)) == (1, "3 refused"), refused.err[-3000:]
    assert "s3cse migrate --format" in refused.out + refused.err
    migrated = submit(environment, "migrate", *flags, "--legacy", "allow", "--no-index", "--profile", "s3ec-v4")
    assert (migrated.code, said(migrated)) == (0, "3 migrated"), migrated.err[-3000:]
    rotated = submit(environment, "rotate_keys", *flags, "--to", f"kms-key-id={new}", "--kms-rate", "50")
    assert (rotated.code, said(rotated)) == (0, "3 rotated"), rotated.err[-3000:]
    indexed = submit(environment, "index_table", address, "--kms-key-id", new)
    assert (indexed.code, said(indexed)) == (0, "3 migrated"), indexed.err[-3000:]

    reader = s3cse.Client(s3, KmsKeyring(kms, new), commitment="require")
    got = reader.get_object(Bucket=shared_bucket, Key=f"{prefix}part-1.parquet")["Body"].read()
    assert pq.read_table(io.BytesIO(got)) == TABLE
    assert b"S3CSEIX1" in got
    outcomes = ds.dataset(tmp_path / "report").to_table(["outcome"]).to_pydict()["outcome"]
    assert sorted(outcomes) == ["migrated"] * 3 + ["refused"] * 3 + ["rotated"] * 3


@pytest.mark.parametrize(
    ("job", "flags", "told"),
    [
        ("rotate_keys", ("s3://lake/a/", "--kms-key-id", "k"), "no new key was named"),
        ("rotate_keys", ("s3://lake/a/", "--kms-key-id", "k", "--to", "colour=red"), "--to is not understood"),
        ("migrate", ("s3://lake/a/",), "no key was named"),
        ("migrate", ("s3://lake/a/", "--kms-key-id", "k", "--overwrite"), "in place"),
        ("index_table", ("s3://lake/a/", "--report", "rows/"), "no key was named"),
    ],
)
def test_asked_wrongly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], job: str, flags: tuple[str, ...], told: str
) -> None:
    """What cannot be done ends with 2 before Spark starts."""
    monkeypatch.syspath_prepend(str(ROOT / "jobs"))
    monkeypatch.setattr(sys, "argv", [job, *flags])
    monkeypatch.delenv("S3CSE_KMSKEYID", raising=False)
    assert __import__(job).main() == 2
    assert told in capsys.readouterr().err
