"""register_table and athena_check: plain Python, no Spark; started as users start them where that is what is tested."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import uuid
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.local import ports
from s3cse.objects.put import put_object
from s3cse.parquet.table import list_table
from s3cse.services.athena.names import TableName
from s3cse.services.glue import find_table
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fakes import parquet
from spark.fixtures import SETTINGS, spark_environment

ROOT = Path(__file__).resolve().parents[2]
JOBS = ("register_table", "athena_check")
ROWS = pa.table({"id": pa.array([1, 2], pa.int64()), "tags": [["a"], []]})


@dataclass
class Lake:
    """A table in the local S3, a database in the local catalog."""

    servers: s3cse.local.Servers
    place: Location
    database: str
    key: str
    store: S3Store

    @property
    def name(self) -> str:
        """What the catalog is to call the table."""
        return f"{self.database}.flights"

    def put(self, name: str, rows: pa.Table = ROWS, profile: str = "emrfs-v2", key: str | None = None) -> Location:
        """Store an encrypted file."""
        place = self.place.child(name)
        keyring = KmsKeyring(self.servers.kms_client(), key or self.key)
        put_object(self.store, place, keyring, find_profile(profile, "kms"), parquet(rows))
        return place

    def start(self, job: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start a job as users do, in an environment that leads to the servers."""
        environment = {**os.environ, **self.servers.environment()}
        command = [sys.executable, str(ROOT / "jobs" / f"{job}.py"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def run(self, job: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a job in this process: a Python of its own costs a second each time."""
        with (
            pytest.MonkeyPatch.context() as patch,
            redirect_stdout(StringIO()) as out,
            redirect_stderr(StringIO()) as errors,
        ):
            for name, value in self.servers.environment().items():
                patch.setenv(name, value)
            patch.delenv("S3CSE_KMSKEYID", raising=False)
            patch.setattr(sys, "argv", [f"{job}.py", *arguments])
            code = runpy.run_path(str(ROOT / "jobs" / f"{job}.py"))["main"]()
        return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), errors.getvalue())

    def partitions(self) -> set[tuple[str, ...]]:
        """Return the values of the partitions that the catalog has."""
        glue = self.servers.glue_client()
        rows = glue.get_partitions(DatabaseName=self.database, TableName="flights")["Partitions"]
        return {tuple(row["Values"]) for row in rows}


@pytest.fixture
def lake(servers: s3cse.local.Servers, s3: Any, shared_bucket: str, kms_key: str) -> Lake:
    """A place and a database of the test's own."""
    database = f"jobs_{uuid.uuid4().hex}"
    servers.glue_client().create_database(DatabaseInput={"Name": database})
    return Lake(servers, Location(shared_bucket, f"athena/{uuid.uuid4().hex}"), database, kms_key, S3Store(s3))


@pytest.mark.parametrize("job", JOBS)
def test_help(job: str) -> None:
    """--help explains the job and its flags."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "jobs" / f"{job}.py"), "--help"], capture_output=True, text=True, check=True
    )
    assert f"{job}.py" in done.stdout
    assert "--kms-key-id" in done.stdout
    assert "Exit code 0" in done.stdout


@pytest.mark.parametrize("job", JOBS)
def test_jobs_need_no_spark(job: str) -> None:
    """Where pyspark is not installed the jobs run all the same."""
    program = (
        "import sys; sys.modules['pyspark'] = None; import runpy; "
        f"runpy.run_path({str(ROOT / 'jobs' / f'{job}.py')!r})['make_parser']()"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_register_check_and_register_again(lake: Lake) -> None:
    """A table is registered, checked by its name, grows by a partition, and is registered again."""
    lake.put("month=1/a.parquet")
    done = lake.start("register_table", lake.place.uri, lake.name, "--kms-key-id", lake.key, "--check")
    assert done.returncode == 0, done.stderr
    assert f"{lake.name}: created; 1 of 1 partitions added" in done.stdout
    table = find_table(lake.servers.glue_client(), TableName.parse(lake.name))
    assert table is not None
    assert table.columns == {"id": "bigint", "tags": "array<string>"}
    checked = lake.start("athena_check", lake.name)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Athena reads it" in checked.stdout
    lake.put("month=2/b.parquet")
    unseen = lake.start("athena_check", lake.name)
    assert unseen.returncode == 1
    assert "1 folders are not registered" in unseen.stdout
    again = lake.start("register_table", lake.place.uri, lake.name, "--kms-key-id", lake.key, "--json")
    assert json.loads(again.stdout) == {
        "table": lake.name,
        "location": f"{lake.place.uri}/",
        "action": "unchanged",
        "partitions_added": 1,
        "partitions": 2,
    }
    assert lake.partitions() == {("1",), ("2",)}


def test_statements(lake: Lake) -> None:
    """--print shows the statements, for tools other than Glue, and registers nothing."""
    lake.put("month=1/a.parquet")
    done = lake.run("register_table", lake.place.uri, lake.name, "--kms-key-id", lake.key, "--print")
    assert done.returncode == 0, done.stderr
    create, add, rest = done.stdout.split(";")
    assert create.startswith(f"CREATE EXTERNAL TABLE IF NOT EXISTS `{lake.database}`.`flights` (")
    assert f"'kms_key'='{lake.key}'" in create
    assert "PARTITION (`month` = '1')" in add
    assert rest == "\n"
    assert find_table(lake.servers.glue_client(), TableName.parse(lake.name)) is None


def test_flags_that_shape_the_table(lake: Lake) -> None:
    """Types of partition columns, projection, old files and the mode without a key are the user's to say."""
    lake.put("month=01/a.parquet", profile="emrfs")
    done = lake.run(
        "register_table", lake.place.uri, lake.name, "--key-per-object", "--legacy", "allow",
        "--partition-type", "month=string", "--projection", "month=integer:1,12,2",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = find_table(lake.servers.glue_client(), TableName.parse(lake.name))
    assert table is not None
    assert table.partition_columns == {"month": "string"}
    assert table.properties["has_encrypted_data"] == "true"
    assert table.properties["projection.month.digits"] == "2"
    assert lake.partitions() == set()
    assert lake.run("athena_check", lake.name).returncode == 0


def test_decimal_partitions(lake: Lake) -> None:
    """Decimals partition tables too, under the type that is given."""
    lake.put("price=1.50/a.parquet")
    arguments = ("--kms-key-id", lake.key, "--partition-type", "price=decimal(5,2)", "--print")
    done = lake.run("register_table", lake.place.uri, lake.name, *arguments)
    assert done.returncode == 0, done.stderr
    assert "`price` decimal(5,2)" in done.stdout


def test_a_table_that_athena_would_not_read(lake: Lake, tmp_path: Path) -> None:
    """The check names every file that is wrong, ends with 1, and --check registers nothing then."""
    lake.put("good.parquet")
    bad = lake.put("bad.parquet")
    stored, body = lake.store.get_tail(bad, 1 << 20)
    lake.store.put(bad, body, {**stored.metadata, "x-amz-unencrypted-content-length": "7"})
    other = lake.put("other.parquet", key=lake.servers.create_key())
    v3 = lake.put("v3.parquet", profile="s3ec-v4")
    context = lake.place.child("context.parquet")
    own = KmsKeyring(lake.servers.kms_client(), lake.key, {"team": "flights"})
    put_object(lake.store, context, own, find_profile("emrfs-v2", "kms"), parquet(ROWS))
    report = tmp_path / "report.parquet"
    done = lake.run("athena_check", lake.place.uri, "--kms-key-id", lake.key, "--json", "--report", str(report))
    assert done.returncode == 1, done.stderr
    found = {row.get("uri", "summary"): row for row in map(json.loads, done.stdout.splitlines())}
    assert found[bad.uri]["findings"][0]["check"] == "length"
    assert found[other.uri]["findings"][0]["check"] == "key"
    assert [finding["check"] for finding in found[v3.uri]["findings"]] == ["format"]
    assert [finding["check"] for finding in found[context.uri]["findings"]] == ["context"]
    assert found[lake.place.child("good.parquet").uri]["status"] == "ok"
    assert found["summary"] == {"table": lake.place.uri, "readable": False, "files": 5}
    assert pq.read_table(report).num_rows == 6
    registered = lake.run("register_table", lake.place.uri, lake.name, "--kms-key-id", lake.key, "--check")
    assert registered.returncode == 1
    assert "nothing was registered" in registered.stderr
    assert bad.uri in registered.stderr
    assert find_table(lake.servers.glue_client(), TableName.parse(lake.name)) is None


def test_sse_c_is_said(lake: Lake, s3: Any) -> None:
    """An object under SSE-C is reported as that, by a real server's answer."""
    key = os.urandom(32)
    place = lake.place.child("f.parquet")
    s3.put_object(Bucket=place.bucket, Key=place.key, Body=b"x" * 64, SSECustomerAlgorithm="AES256", SSECustomerKey=key)
    done = lake.run("athena_check", lake.place.uri, "--kms-key-id", lake.key, "--json")
    assert done.returncode == 1
    (row,) = (row for row in map(json.loads, done.stdout.splitlines()) if row.get("uri") == place.uri)
    assert row["findings"][0]["check"] == "sse-c", row


class RefusingGlue:
    """A Glue in front of the local one that refuses an action, as one does whose policy forgets it."""

    def __init__(self, url: str, action: str = "CreateTable") -> None:
        glue = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = glue.answer(self.headers["X-Amz-Target"], dict(self.headers), body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self._behind, self._refused = url, action
        self._server = ThreadingHTTPServer((ports.HOST, *ports.free_ports(1)), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, target: str, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        """Refuse, or ask the Glue behind."""
        if target == f"AWSGlue.{self._refused}":
            said = {"__type": "AccessDeniedException", "Message": f"no glue:{self._refused}"}
            return 400, json.dumps(said).encode()
        try:
            with urlopen(Request(self._behind, body, headers)) as done:
                return done.status, done.read()
        except HTTPError as error:
            return error.code, error.read()

    def __enter__(self) -> RefusingGlue:
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def test_check_that_may_not_list_partitions(lake: Lake) -> None:
    """Without glue:GetPartitions the report is there, with an error that names the permission."""
    lake.put("month=1/a.parquet")
    registered = lake.run("register_table", lake.place.uri, lake.name, "--kms-key-id", lake.key)
    assert registered.returncode == 0, registered.stderr
    with RefusingGlue(lake.servers.kms_url, "GetPartitions") as glue:
        done = lake.run("athena_check", lake.name, "--glue-endpoint-url", glue.url)
    assert done.returncode == 1
    assert "files: 1 ok" in done.stdout
    assert "error: partitions: not known" in done.stdout
    assert "to check: glue:GetPartitions" in done.stdout


def test_check_of_other_formats_and_into_no_file(lake: Lake) -> None:
    """A table that the catalog takes for text, and a report that cannot be written, are one clear line."""
    lake.put("f.parquet")
    done = lake.run("athena_check", lake.place.uri, "--kms-key-id", lake.key, "--report", "/nonexistent/report")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "the report cannot be written" in done.stderr
    text = "org.apache.hadoop.mapred.TextInputFormat"
    storage = {"Columns": [{"Name": "id", "Type": "bigint"}], "Location": lake.place.uri, "InputFormat": text}
    properties = {"encryption_option": "CSE_KMS", "kms_key": lake.key}
    lake.servers.glue_client().create_table(
        DatabaseName=lake.database,
        TableInput={"Name": "flights", "StorageDescriptor": storage, "Parameters": properties},
    )
    done = lake.run("athena_check", lake.name)
    assert done.returncode == 2
    assert f"no table of Parquet files; found {text}" in done.stderr


def test_rows_stay_when_glue_refuses_after_the_commit(lake: Lake, tmp_path: Path) -> None:
    """A job whose table Glue refuses fails, its rows stay, and the command that its message names registers them."""
    pq.write_table(ROWS, tmp_path / "plain.parquet")
    settings = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
    with RefusingGlue(lake.servers.kms_url) as glue:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "spark-submit"), *settings, str(ROOT / "jobs" / "encrypt_table.py"),
                str(tmp_path / "plain.parquet"), lake.place.uri, "--kms-key-id", lake.key,
                "--register-as", lake.name, "--glue-endpoint-url", glue.url,
            ],
            env=spark_environment(lake.servers), capture_output=True, text=True, timeout=150, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    said = done.stdout + done.stderr  # spark-submit puts Python's standard error into its own standard output
    (line,) = (line for line in said.splitlines() if line.startswith("encrypt_table: "))
    assert "the rows are written and in force" in line
    assert "no glue:CreateTable" in line
    assert len(list_table(lake.store, lake.place).files) >= 1
    named = line.partition("jobs/register_table.py ")[2].split()
    registered = lake.run("register_table", *named)
    assert registered.returncode == 0, registered.stderr
    assert f"{lake.name}: created" in registered.stdout


@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["register_table", "TABLE", "NAME"], "--kms-key-id", 2),
        (["register_table", "TABLE", "flights", "--kms-key-id", "KEY"], "database.table", 2),
        (["register_table", "/tmp/x", "NAME", "--kms-key-id", "KEY"], "s3://bucket/path", 2),
        (["register_table", "TABLE", "nobody_made.this", "--kms-key-id", "KEY"], "no such database", 2),
        (["register_table", "TABLE", "NAME", "--kms-key-id", "alias/nobody-made-this"], "alias/nobody-made-this", 1),
        (
            ["register_table", "TABLE", "NAME", "--kms-key-id", "arn:aws:kms:eu-west-1:111122223333:key/1"],
            "more than one Region",
            2,
        ),
        (["register_table", "TABLE", "NAME", "--kms-key-id", "KEY", "--partition-type", "x=uuid"], "partition type", 2),
        (["register_table", "TABLE", "NAME", "--kms-key-id", "KEY", "--projection", "x"], "COLUMN=VALUE", 2),
        (["register_table", "TABLE/nothing", "NAME", "--kms-key-id", "KEY"], "no data files", 2),
        (["athena_check", "TABLE"], "--kms-key-id", 2),
        (["athena_check", "nobody_made.this"], "no such table", 2),
    ],
)
def test_asked_wrongly(lake: Lake, arguments: list[str], said: str, code: int) -> None:
    """What cannot be done is one clear line and an exit code."""
    lake.put("f.parquet")
    words = {"TABLE": lake.place.uri, "TABLE/nothing": lake.place.child("nothing").uri, "NAME": lake.name}
    job, *rest = [{**words, "KEY": lake.key}.get(word, word) for word in arguments]
    done = lake.run(job, *rest)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert done.stderr.startswith(f"{job}: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_catalog_that_says_nothing_of_encryption(lake: Lake) -> None:
    """Checking a registered table that the catalog takes for a plain one is an error that says what Athena would do."""
    lake.put("f.parquet")
    storage = {"Columns": [{"Name": "id", "Type": "bigint"}], "Location": lake.place.uri}
    lake.servers.glue_client().create_table(
        DatabaseName=lake.database, TableInput={"Name": "flights", "StorageDescriptor": storage}
    )
    done = lake.run("athena_check", lake.name)
    assert done.returncode == 2
    assert "would read ciphertext" in done.stderr
