"""The jobs, started by spark-submit as users start them. Each start costs about eight seconds: they share few."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.objects.upload import put_object
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fakes import parquet
from spark.fixtures import SETTINGS, spark_environment

ROOT = Path(__file__).resolve().parents[2]
JOBS = ("encrypt_table", "verify_table", "decrypt_table")
ROWS = 1000


@dataclass
class Done:
    """How a job ended."""

    code: int
    out: str
    err: str

    @property
    def message(self) -> str:
        """The job's own line among Spark's."""
        return "\n".join(line for line in self.err.splitlines() if line.startswith(JOBS))


def run(command: list[str], environment: dict[str, str]) -> Done:
    """Run a command."""
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def environment(servers: s3cse.local.Servers) -> dict[str, str]:
    """The environment in which jobs reach the servers."""
    return spark_environment(servers)


def submit(environment: dict[str, str], job: str, *arguments: str) -> Done:
    """Start a job with spark-submit."""
    settings = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
    program = str(Path(sys.executable).parent / "spark-submit")
    return run([program, *settings, str(ROOT / "jobs" / f"{job}.py"), *arguments], environment)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plain table of a thousand rows in two folders and three files."""
    folder = tmp_path_factory.mktemp("jobs") / "plain"
    start = dt.datetime(1899, 12, 31, tzinfo=dt.timezone.utc)
    rows = pa.table(
        {
            "id": range(ROWS),
            "at": pa.array([start + dt.timedelta(hours=n) for n in range(ROWS)], pa.timestamp("us", "UTC")),
            "text": [None if n % 3 == 0 else f"row {n}" for n in range(ROWS)],
            "part": [n % 2 for n in range(ROWS)],
        }
    )
    pq.write_to_dataset(rows, folder, partition_cols=["part"])
    return folder


@dataclass
class Encrypted:
    """The encrypted table, the job that made it, and a client."""

    uri: str
    location: Location
    done: Done
    store: S3Store
    s3: Any

    def files(self) -> list[str]:
        """Return the keys of the data files."""
        rows = self.store.list(self.location)
        return [row.location.key for row in rows if row.location.key.endswith(".parquet")]


@pytest.fixture(scope="module")
def encrypted(environment: dict[str, str], source: Path, s3: Any, shared_bucket: str, kms_key: str) -> Encrypted:
    """The source, encrypted by the job."""
    location = Location(shared_bucket, f"jobs/{uuid.uuid4().hex}")
    uri = f"s3a://{location.bucket}/{location.key}/"
    done = submit(environment, "encrypt_table", str(source), uri, "--kms-key-id", kms_key, "--partition-by", "part")
    return Encrypted(uri, location, done, S3Store(s3), s3)


def test_encrypt_table(encrypted: Encrypted) -> None:
    """The job says what it did, and every object under the target is ciphertext in its folder."""
    assert encrypted.done.code == 0, encrypted.done.err[-3000:]
    assert f"to {encrypted.location.uri} in " in encrypted.done.out
    keys = encrypted.files()
    assert f"the table now has {len(keys)} files" in encrypted.done.out
    assert {key.split("/")[-2] for key in keys} == {"part=0", "part=1"}
    for key in keys:
        body = encrypted.s3.get_object(Bucket=encrypted.location.bucket, Key=key)["Body"].read()
        assert b"PAR1" not in body


def test_verify_intact_table(environment: dict[str, str], encrypted: Encrypted, source: Path, kms_key: str) -> None:
    """An intact table is verified file by file, its rows equal the source's in number, and the job ends with 0."""
    done = submit(environment, "verify_table", encrypted.uri, "--kms-key-id", kms_key, "--plain", str(source))
    assert done.code == 0, done.err[-3000:]
    count = len(encrypted.files())
    assert done.out.count("verified  ") == count
    assert f"{count} verified, 0 unauthenticated, 0 failed; 1,000 rows (as expected: 1,000)" in done.out


def test_decrypt_table(
    environment: dict[str, str], encrypted: Encrypted, source: Path, kms_key: str, tmp_path: Path
) -> None:
    """What the job decrypts equals the source row by row, folders included."""
    target = tmp_path / "decrypted"
    done = submit(
        environment, "decrypt_table", encrypted.uri, str(target), "--kms-key-id", kms_key,
        "--target-partition-by", "part",
    )  # fmt: skip
    assert done.code == 0, done.err[-3000:]
    columns = ["id", "at", "text", "part"]
    before, after = (pq.read_table(folder).select(columns).sort_by("id") for folder in (source, target))
    assert sorted(folder.name for folder in target.glob("part=*")) == ["part=0", "part=1"]
    # Spark writes INT96, which has no zone.
    instants = [table.column("at").cast(pa.timestamp("us")).cast(pa.int64()).to_pylist() for table in (before, after)]
    assert instants[0] == instants[1]
    for name in ("id", "text", "part"):
        assert after.column(name).to_pylist() == before.column(name).to_pylist(), name


def test_verify_damaged_table(
    environment: dict[str, str], encrypted: Encrypted, kms: Any, kms_key: str, shared_bucket: str
) -> None:
    """A corrupt file is named and the others still reported; CBC, wrong counts and stray uploads are said; exit 1."""
    store, place = encrypted.store, Location(shared_bucket, f"jobs/{uuid.uuid4().hex}")
    keyring = KmsKeyring(kms, kms_key)
    for name, profile in (("good", "emrfs-v2"), ("bad", "emrfs-v2"), ("old", "emrfs")):
        body = parquet(pa.table({"x": range(10)}))
        put_object(store, place.child(f"{name}.parquet"), keyring, find_profile(profile, "kms"), body)
    bad = place.child("bad.parquet")
    stored, tail = store.get_tail(bad, 1 << 20)
    store.put(bad, bytes([tail[0] ^ 1]) + tail[1:], stored.metadata)
    stray = place.child("stray.parquet")
    store.create_upload(stray, {})
    done = submit(environment, "verify_table", place.uri, "--kms-key-id", kms_key, "--expect-rows", "31", "--json")
    assert done.code == 1, done.err[-3000:]
    reports = {
        json.loads(line).get("uri", "table"): json.loads(line) for line in done.out.splitlines() if line[:1] == "{"
    }
    statuses = {uri.rpartition("/")[2]: report.get("status") for uri, report in reports.items()}
    assert statuses == {
        "good.parquet": "verified",
        "bad.parquet": "failed",
        "old.parquet": "unauthenticated",
        "table": None,
    }
    assert bad.uri in reports[bad.uri]["remark"]
    summary = reports["table"]
    assert (summary["rows"], summary["expected_rows"], summary["failed"]) == (20, 31, 1)
    assert summary["unfinished_uploads"] == [stray.uri]


@pytest.mark.parametrize("job", JOBS)
def test_help_needs_no_spark(job: str) -> None:
    """--help explains the job and its options at once: no JVM is started for it."""
    nowhere = {**os.environ, "JAVA_HOME": "/nonexistent", "PATH": "/nonexistent"}
    done = run([sys.executable, str(ROOT / "jobs" / f"{job}.py"), "--help"], nowhere)
    assert done.code == 0, done.err
    assert "--kms-key-id" in done.out
    assert f"spark-submit {job}.py" in done.out


@pytest.mark.parametrize(
    ("job", "arguments", "said"),
    [
        ("encrypt_table", ["/tmp/x", "s3://b/t", "--kms-key-id", "k", "--profile", "emrfs-v9"], "emrfs | emrfs-v2"),
        ("encrypt_table", ["/tmp/x", "/tmp/y", "--kms-key-id", "k"], "s3://bucket/path"),
        ("decrypt_table", ["s3://b/t", "/tmp/x"], "kmsKeyId"),
        ("verify_table", ["s3://b/t", "--kms-key-id", "k", "--context", "{"], "context"),
    ],
)
def test_wrong_option_ends_the_job_at_once(job: str, arguments: list[str], said: str) -> None:
    """A wrong option is one clear line and exit code 2, without a JVM."""
    nowhere = {**os.environ, "JAVA_HOME": "/nonexistent", "PATH": "/nonexistent"}
    nowhere.pop("S3CSE_KMSKEYID", None)
    done = run([sys.executable, str(ROOT / "jobs" / f"{job}.py"), *arguments], nowhere)
    assert done.code == 2
    assert done.err.startswith(f"{job}: ")
    assert len(done.err.splitlines()) == 1
    assert said in done.err
