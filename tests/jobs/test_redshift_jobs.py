"""jobs/redshift_export.py and redshift_import.py, and docs/redshift.md: every command of it run, top to bottom."""

from __future__ import annotations

import base64
import contextlib
import gzip
import importlib
import io
import json
import os
import re
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

import s3cse
import s3cse.local
from s3cse.local.ports import free_ports
from s3cse.objects.put import publish
from s3cse.services.redshift import RootKey, UnloadLayout, read_unload
from s3cse.services.redshift.data_files import new_upload
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fixtures import SETTINGS, spark_environment

ROOT = Path(__file__).resolve().parents[2]
JOBS = ("redshift_export", "redshift_import")
NOWHERE = {"JAVA_HOME": "/nonexistent", "PATH": "/nonexistent"}
KEY_FILE = "redshift.key"


@pytest.mark.parametrize("job", JOBS)
def test_help_needs_no_spark(job: str) -> None:
    """--help explains the job and its options at once: no JVM is started for it."""
    command = [sys.executable, str(ROOT / "jobs" / f"{job}.py"), "--help"]
    done = subprocess.run(
        command, env={**os.environ, **NOWHERE}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert f"spark-submit {job}.py" in done.stdout
    for flag in ("--redshift-key-file", "--redshift-key-env", "--kms-key-id", "--null-as", "--json"):
        assert flag in done.stdout


GOOD_KEY = base64.b64encode(bytes(range(32))).decode()
EXPORT = ["s3://b/t/", "s3://b/x/", "--kms-key-id", "k"]
IMPORT = ["s3://b/u_", "s3://b/t/", "--kms-key-id", "k"]


@pytest.mark.parametrize(
    ("job", "arguments", "said"),
    [
        ("redshift_export", EXPORT, "say once who encrypts the files"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "K", "--server-side-encryption", "aws:kms"], "say once"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "SHORT"], "256-bit keys only; found a key of 128 bits"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "MISSING"], "empty or not there"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "K", "--sse-kms-key-id", "k"], "goes with"),
        ("redshift_export", [*EXPORT, "--server-side-encryption", "SSE-C"], "no such server-side encryption"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "K", "--table", "t"], "needs --table and --iam-role"),
        (
            "redshift_export",
            [*EXPORT, "--redshift-key-env", "K", "--table", "t", "--iam-role", "a\\b"],
            "iam_role has a character that cannot be written safely",
        ),
        (
            "redshift_export",
            [*EXPORT, "--redshift-key-env", "K", "--statement-file", "/tmp/x"],
            "--statement-file needs",
        ),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "K", "--null-as", "\\N"], "cannot stand for NULL"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "K", "--files", "0"], "numbers from 1 on"),
        ("redshift_export", [*EXPORT[:1], "/tmp/x", "--redshift-key-env", "K"], "not an S3 address"),
        ("redshift_export", [*EXPORT, "--redshift-key-env", "K", "--integrity", "perfect"], "integrity"),
        ("redshift_import", IMPORT, "no key was named"),
        ("redshift_import", [*IMPORT, "--redshift-key-env", "SHORT"], "256-bit keys only"),
        ("redshift_import", [*IMPORT, "--redshift-key-env", "K", "--redshift-key-file", "/k"], "two"),
        ("redshift_import", [*IMPORT, "--redshift-key-env", "K", "--escape"], "does not take ESCAPE with format csv"),
        ("redshift_import", [*IMPORT, "--redshift-key-env", "K", "--profile", "emrfs-v9"], "emrfs | emrfs-v2"),
    ],
)
def test_wrong_option_ends_the_job_at_once(
    job: str,
    arguments: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A wrong option is one clear line and exit code 2, without a JVM, and no message shows a key."""
    for name, value in {**NOWHERE, "K": GOOD_KEY, "SHORT": GOOD_KEY[:22] + "=="}.items():
        monkeypatch.setenv(name, value)
    err = wrong_use(job, arguments, monkeypatch, capsys)
    assert err.startswith(f"{job}: ")
    assert len(err.splitlines()) == 1
    assert said in err
    assert GOOD_KEY[:22] not in err


def wrong_use(
    job: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run a job that is used wrongly, in this process, and return what it says."""
    monkeypatch.syspath_prepend(str(ROOT / "jobs"))
    monkeypatch.setattr(sys, "argv", [f"{job}.py", *arguments])
    assert importlib.import_module(job).main() == 2
    return capsys.readouterr().err


def test_statement_file_is_new_and_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is there is refused before the job runs; a new one is its owner's alone, whatever the umask."""
    monkeypatch.syspath_prepend(str(ROOT / "jobs"))
    job = importlib.import_module("redshift_export")
    path = tmp_path / "copy.sql"
    before = os.umask(0)
    try:
        job.write_secret(str(path), "COPY")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "COPY;\n"
    with pytest.raises(FileExistsError):
        job.write_secret(str(path), "COPY")
    flags = ["--redshift-key-env", "K", "--table", "t", "--iam-role", "default", "--statement-file", str(path)]
    monkeypatch.setenv("K", GOOD_KEY)
    assert "the file is there already" in wrong_use("redshift_export", [*EXPORT, *flags], monkeypatch, capsys)
    for place in (tmp_path / "link", tmp_path / "nowhere" / "copy.sql"):
        if place.name == "link":
            place.symlink_to(tmp_path / "not there")
        err = wrong_use("redshift_export", [*EXPORT, *flags[:-1], str(place)], monkeypatch, capsys)
        assert str(place) in err, "the rows would be exported, and the statement lost"


@dataclass
class DataApi:
    """What the page's client of the Redshift Data API talks to."""

    url: str
    statements: list[str] = field(default_factory=list)


@pytest.fixture
def data_api() -> Iterator[DataApi]:
    """A Data API that takes every statement and has finished it at once."""
    (port,) = free_ports(1)
    api = DataApi(f"http://127.0.0.1:{port}")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = {"Id": "d9b6c0c9-0747-4bf4-b142-e8883122f766", "Status": "FINISHED", "ResultRows": -1}
            if self.headers["X-Amz-Target"].endswith(".ExecuteStatement"):
                api.statements.append(asked["Sql"])
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the base class's name
            """Keep quiet."""

    server = HTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield api
    server.shutdown()
    server.server_close()
    thread.join()


ROWS = 3000
COLUMNS = [
    ("id", {"base": "integer"}),
    ("carrier", {"base": "character varying", "max_length": 2}),
    ("delay", {"base": "numeric", "precision": 8, "scale": 2}),
    ("at", {"base": "timestamp without time zone"}),
]
EXPECTED = [
    {"id": n, "carrier": None if n % 3 == 0 else "UA", "delay": f"{n / 4:.2f}", "at": "2013-01-01 05:15:00.000000"}
    for n in range(ROWS)
]


def leave_unload(s3: Any, key: RootKey) -> None:
    """Leave what UNLOAD … ENCRYPTED HEADER NULL AS '@NULL@' MANIFEST VERBOSE GZIP does."""
    store = S3Store(s3)

    def put(name: str, body: bytes) -> None:
        upload = new_upload(store, Location("lake", f"unload/flights_{name}"), key.keyring(), 1)
        upload.write(body)
        publish(store, upload.finish())

    entries = []
    for part in (0, 1):
        lines = [",".join(name for name, _ in COLUMNS)]
        for row in EXPECTED[part::2]:
            lines.append(f"{row['id']},{row['carrier'] or '@NULL@'},{row['delay']},{row['at'][:19]}")
        put(f"{part:04d}_part_00.gz", gzip.compress("\n".join([*lines, ""]).encode()))
        url = f"s3://lake/unload/flights_{part:04d}_part_00.gz"
        entries.append({"url": url, "meta": {"content_length": 1, "record_count": len(lines)}})
    elements = [{"name": name, "type": type_} for name, type_ in COLUMNS]
    put("manifest", json.dumps({"entries": entries, "schema": {"elements": elements}}).encode())


@pytest.fixture
def lake(
    servers: s3cse.local.Servers,
    s3: Any,
    lake_bucket: str,
    flights_key: str,
    data_api: DataApi,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """The folder in which the page's commands run: boto3 and spark-submit find the local servers there."""
    store = S3Store(s3)
    for prefix in ("unload/", "flights/", "exports/"):
        store.delete([row.location for row in store.list(Location("lake", prefix))])
    defaults = tmp_path / "conf" / "spark-defaults.conf"
    defaults.parent.mkdir()
    defaults.write_text("".join(f"{name} {value}\n" for name, value in SETTINGS.items()))
    environment = {
        **spark_environment(servers),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "SPARK_CONF_DIR": str(defaults.parent),
        "AWS_ENDPOINT_URL_REDSHIFT_DATA": data_api.url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobs").symlink_to(ROOT / "jobs")
    return tmp_path


def blocks(page: str) -> list[tuple[str, str]]:
    """Return language and text of the page's blocks."""
    return re.findall(r"```(\w+)\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def follow(page: str, after_first: Any) -> list[str]:
    """Run the page's blocks in order and return what each printed."""
    scope: dict[str, Any] = {}
    printed = []
    for number, (language, text) in enumerate(blocks(page)):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(text, scope)
            printed.append(out.getvalue())
        else:
            assert language == "bash"
            done = subprocess.run(["bash", "-ec", text], capture_output=True, text=True, timeout=300, check=False)
            assert done.returncode == 0, f"{text}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
            printed.append(done.stdout + done.stderr)
        if number == 0:
            after_first()
    return printed


def exported(s3: Any, run_: str, key: RootKey | None) -> list[dict[str, Any]]:
    """Return the rows of an export, read as an UNLOAD of the same layout."""
    schema = pa.schema([(name, pa.string()) for name, _ in COLUMNS])
    found = read_unload(
        f"s3://lake/exports/{run_}/manifest",
        key=key,
        s3=s3,
        legacy="refuse" if key is None else "allow",
        plaintext="pass",
        layout=UnloadLayout(null_as="@NULL@"),
        columns=schema,
    )
    rows: list[dict[str, Any]] = sorted(found.read_all().to_pylist(), key=lambda row: int(row["id"]))
    return rows


def test_the_page_from_top_to_bottom(lake: Path, s3: Any, data_api: DataApi) -> None:
    """UNLOAD's files become a table, the table is exported both ways, and the statement is executed.

    The root key is in one file that only its owner reads, in one statement that was sent, and nowhere else.
    """
    printed = follow("docs/redshift.md", lambda: leave_unload(s3, RootKey.from_file(KEY_FILE)))
    key = RootKey.from_file(KEY_FILE)
    assert stat.S_IMODE((lake / KEY_FILE).stat().st_mode) == 0o600
    everything = "\n".join(printed)
    assert f"['id', 'carrier', 'delay', 'at'] {ROWS}" in everything
    assert "nothing authenticated what was read (AES-CBC)" in everything
    expected = [{**row, "id": str(row["id"])} for row in EXPECTED]
    assert exported(s3, "run-1", None) == expected
    assert exported(s3, "run-2", key) == expected
    assert len(list(S3Store(s3).list(Location("lake", "exports/run-1/part-")))) == 4
    assert 'COPY "public"."flights" ("id", "carrier", "delay", "at")' in everything
    assert f"{ROWS:,} rows" in everything
    assert stat.S_IMODE((lake / "copy.sql").stat().st_mode) == 0o600
    assert f"MASTER_SYMMETRIC_KEY '{key.reveal()}' ENCRYPTED" in (lake / "copy.sql").read_text()
    assert everything.count("AWS says that Redshift takes no such key") == 1
    assert key.reveal() not in everything
    assert everything.count("MASTER_SYMMETRIC_KEY '<redacted>' ENCRYPTED") == 3
    (sent,) = data_api.statements
    assert "FROM 's3://lake/exports/run-3/manifest'\nIAM_ROLE 'arn:aws:iam::111122223333:role/load'" in sent
    assert key.reveal() in sent
    leftovers = [row.location.key for row in S3Store(s3).list_uploads(Location("lake", ""))]
    assert leftovers == []
