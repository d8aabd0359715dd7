"""The jobs, started by spark-submit as users start them. Each start costs about eight seconds: they share few."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import os
import runpy
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.objects.put import put_object
from s3cse.options.table import parse_options
from s3cse.options.words import SPELLING
from s3cse.parquet import journal
from s3cse.parquet.verify import UNAUTHENTICATED, FileReport
from s3cse.spark.flags import given_options
from s3cse.spark.session import Session
from s3cse.storage.port import ListedObject, Location
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


@pytest.fixture(autouse=True)
def _jobs_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "jobs"))


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
    """A plain table of a thousand rows in two folders, 00 and 01; a file of the second has a column of its own."""
    folder = tmp_path_factory.mktemp("jobs") / "plain"
    start = dt.datetime(1899, 12, 31, tzinfo=dt.timezone.utc)
    rows = pa.table(
        {
            "id": range(ROWS),
            "at": pa.array([start + dt.timedelta(hours=n) for n in range(ROWS)], pa.timestamp("us", "UTC")),
            "text": [None if n % 3 == 0 else f"row {n}" for n in range(ROWS)],
            "part": [f"{n % 2:02d}" for n in range(ROWS)],
        }
    )
    pq.write_to_dataset(rows, folder, partition_cols=["part"])
    last = sorted((folder / "part=01").glob("*.parquet"))[-1]
    found = pq.read_table(last, partitioning=None)
    pq.write_table(found.append_column("late", found.column("id")), last)
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
    assert {key.split("/")[-2] for key in keys} == {"part=00", "part=01"}
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
    environment: dict[str, str], encrypted: Encrypted, source: Path, kms: Any, kms_key: str, tmp_path: Path
) -> None:
    """What the job decrypts equals the source row by row, folders and the columns of only some files included."""
    # The smallest file, which speaks for all unless schemas are merged.
    put_object(
        encrypted.store, encrypted.location.child("part=01/extra.parquet"), KmsKeyring(kms, kms_key),
        find_profile("emrfs-v2", "kms"), parquet(pa.table({"id": [ROWS], "note": ["only here"]})),
    )  # fmt: skip
    target = tmp_path / "decrypted"
    done = submit(
        environment, "decrypt_table", encrypted.uri, str(target), "--kms-key-id", kms_key,
        "--target-partition-by", "part",
    )  # fmt: skip
    assert done.code == 0, done.err[-3000:]
    columns = ["id", "at", "text", "part"]
    everything = pq.read_table(
        target, schema=pa.schema([("id", pa.int64()), ("late", pa.int64()), ("note", pa.string())])
    )
    assert everything.filter(pc.field("id") == ROWS).to_pylist() == [{"id": ROWS, "late": None, "note": "only here"}]
    assert [row["late"] for row in everything.sort_by("id").to_pylist()[:4]] == [None, 1, None, 3]
    before, after = (pq.read_table(folder).select(columns).sort_by("id") for folder in (source, target))
    after = after.slice(0, ROWS)
    assert sorted(folder.name for folder in target.glob("part=*")) == ["part=0", "part=1"]
    # Spark writes INT96, which has no zone.
    instants = [table.column("at").cast(pa.timestamp("us")).cast(pa.int64()).to_pylist() for table in (before, after)]
    assert instants[0] == instants[1]
    for name in ("id", "text", "part"):
        assert after.column(name).to_pylist() == before.column(name).to_pylist(), name


def test_verify_damaged_table(
    environment: dict[str, str], encrypted: Encrypted, kms: Any, kms_key: str, shared_bucket: str
) -> None:
    """A corrupt file is named and the others still reported; CBC, plain, wrong counts and unfinished work are said."""
    store, place = encrypted.store, Location(shared_bucket, f"jobs/{uuid.uuid4().hex}")
    keyring = KmsKeyring(kms, kms_key)
    for name, profile in (("good", "emrfs-v2"), ("bad", "emrfs-v2"), ("old", "emrfs")):
        body = parquet(pa.table({"x": range(10)}))
        put_object(store, place.child(f"{name}.parquet"), keyring, find_profile(profile, "kms"), body)
    store.put(place.child("plain.parquet"), parquet(pa.table({"x": range(10)})), {})
    journal.write(store, place, journal.Journal("job", journal.DONE, ("good.parquet",), ("gone.parquet",)))
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
        "plain.parquet": "unauthenticated",
        "table": None,
    }
    assert bad.uri in reports[bad.uri]["remark"]
    summary = reports["table"]
    assert (summary["rows"], summary["expected_rows"], summary["failed"]) == (30, 31, 1)
    assert summary["unfinished_uploads"] == [stray.uri]
    assert summary["unfinished_overwrites"] == [journal.location(place, "job").uri]


class Nothing:
    """A store without uploads; the journal of an overwrite is there."""

    def list_uploads(self, place: Location) -> list[Any]:
        """Return none."""
        return []

    def list(self, place: Location) -> list[Any]:
        """Return a journal where one is looked for."""
        return [ListedObject(Location(place.bucket, f"{place.key}job.json"), 1, "e")]


@pytest.mark.parametrize(
    ("envelope", "flags", "code"),
    [
        ("CBC", [], 1),
        ("CBC", ["--legacy", "wraps"], 1),
        ("CBC", ["--plaintext", "pass"], 1),
        ("CBC", ["--legacy", "allow"], 0),
        ("not encrypted", [], 1),
        ("not encrypted", ["--legacy", "allow"], 1),
        ("not encrypted", ["--plaintext", "pass"], 0),
    ],
)
def test_unauthenticated_files_are_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], envelope: str, flags: list[str], code: int
) -> None:
    """A file that nothing vouches for ends the verification with 1, unless the user said that its kind is allowed."""
    verify_table = importlib.import_module("verify_table")
    monkeypatch.setattr(verify_table, "session_for", lambda options: Session(Nothing(), None))
    arguments = verify_table.make_parser().parse_args(["s3://b/t", "--kms-key-id", "k", *flags])
    options = parse_options({"path": "s3://b/t", **given_options(arguments)}, {})
    report = FileReport(uri="s3://b/t/f", status=UNAUTHENTICATED, stored_bytes=1, envelope=envelope, rows=1)
    assert verify_table.summarise([report], None, options, arguments) == code
    printed = capsys.readouterr().out
    assert "overwrite never finished: s3://b/t/_s3cse_overwrite_job.json" in printed
    assert ("1 unauthenticated and not allowed" in printed) == bool(code)


def test_decrypt_merges_schemas() -> None:
    """The job takes the columns of all files unless told otherwise."""
    parser = importlib.import_module("decrypt_table").make_parser()
    assert given_options(parser.parse_args(["s3://b/t", "/tmp/x"])) == {"schemamode": "merge"}
    assert given_options(parser.parse_args(["s3://b/t", "/tmp/x", "--schema-mode", "one"])) == {"schemamode": "one"}


def test_options_page_has_the_flags_that_there_are() -> None:
    """The page about options offers a flag only with the jobs that take it."""
    page = runpy.run_path(str(ROOT / "docs" / "generate.py"))["options_page"]()
    offered = {line.split("`")[1]: line.split("|")[2].strip() for line in page.splitlines() if line.startswith("| `")}
    assert set(offered) == set(SPELLING.values())
    assert offered["kmsKeyId"] == "`--kms-key-id`"
    assert offered["keyring"] == "`--keyring`"
    assert offered["storage"] == "`--storage` (encrypt_table)"
    assert offered["parallelism"] == "–"
    assert offered["schemaMode"] == "`--schema-mode` (decrypt_table)"


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
        ("decrypt_table", ["s3://b/t", "/tmp/x", "--integrity", "stream"], "whole objects"),
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
