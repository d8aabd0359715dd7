"""docs/athena.md, followed top to bottom against the local servers: each of its blocks, in order."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pyarrow as pa
import pytest
import sqlglot

import s3cse.local
from s3cse.envelope.profiles import find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.objects.put import put_object
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store
from spark.fixtures import SETTINGS, spark_environment

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "athena.md").read_text()
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CONF = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
#: What Athena would answer to the page's query.
INFO = [
    {"Name": "carrier", "Type": "varchar"},
    {"Name": "flights", "Type": "bigint"},
    {"Name": "delay", "Type": "decimal", "Precision": 10, "Scale": 2},
]
CSV = b'"carrier","flights","delay"\n"UA","1","3.00"\n"AA","1","-2.00"\n'


@dataclass
class Reader:
    """Somebody who follows the page: Spark, one Python session, a shell, and Athena, whose part is played here."""

    servers: s3cse.local.Servers
    folder: Path
    names: dict[str, Any]
    printed: list[str]

    def follow(self, language: str, text: str) -> None:
        """Do what a block says."""
        if "SparkSession" in text:
            script = self.folder / "page.py"
            script.write_text(text)
            self._run(["spark-submit", *_CONF, str(script)], spark_environment(self.servers))
        elif language == "python":
            self._queue_result(text)
            above = PAGE[: PAGE.index(text)].count("\n")  # so that a traceback shows the page's own lines
            exec(compile("\n" * above + text, str(ROOT / "docs" / "athena.md"), "exec"), self.names)
            self._answer_query()
        elif language == "sh":
            self.printed.append(self._run(["bash", "-euc", text], dict(os.environ)))
        else:
            assert language == "sql"
            assert isinstance(sqlglot.parse_one(text, dialect="athena"), sqlglot.expressions.Select)

    def _run(self, command: list[str], environment: dict[str, str]) -> str:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr[-3000:]}"
        return done.stdout

    def _queue_result(self, text: str) -> None:
        if "start_query_execution" in text:
            queued = {"results": [{"rows": [], "column_info": INFO}]}
            url = f"{self.servers.kms_url}/moto-api/static/athena/query-results"
            urlopen(Request(url, json.dumps(queued).encode(), {"Content-Type": "application/json"})).close()

    def _answer_query(self) -> None:
        """Leave the result of a query that was started, as Athena does: CBC, wrap kms."""
        query = self.names.get("query")
        if query is not None and "found" not in self.names:
            place = Location("flights-lake", f"results/{query}.csv")
            keyring = KmsKeyring(self.servers.kms_client(), self.names["encryption"].kms_key)
            put_object(S3Store(self.servers.s3_client()), place, keyring, find_profile("emrfs", "kms"), CSV)


def test_the_page_can_be_followed(
    servers: s3cse.local.Servers, flights_key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every block of the page works in its order, and the results are those of the page's rows."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    servers.create_bucket("flights-lake")
    reader = Reader(servers, tmp_path, {"__name__": "page"}, [])
    blocks = _BLOCK.findall(PAGE)
    assert {language for language, _ in blocks} == {"python", "sh", "sql"}
    for language, text in blocks:
        reader.follow(language, text)
    assert "lake.flights: unchanged; 0 of 2 partitions added" in reader.printed[0]
    assert f"'kms_key'='{flights_key}'" in reader.printed[1]
    assert "Athena reads it" in reader.printed[2]
    found = reader.names["found"]
    assert found.table.column("flights").to_pylist() == [1, 1]
    assert found.table.schema.field("delay").type == pa.decimal128(10, 2)
    columns = {
        each["Name"]: each["Type"]
        for each in servers.glue_client().get_table(DatabaseName="lake", Name="flights")["Table"]["StorageDescriptor"][
            "Columns"
        ]
    }
    assert columns == {"carrier": "string", "delay": "int"}


def test_every_block_is_run() -> None:
    """No block of the page has a language that the test does not run; indented ones are installation only."""
    assert len(re.findall(r"^```\w*$", PAGE, re.MULTILINE)) == 2 * len(_BLOCK.findall(PAGE))
    indented = [line.strip() for line in PAGE.splitlines() if line.startswith("    ") and not _in_block(line)]
    assert [line for line in indented if line.startswith("pip")] == ['pip install "s3cse[spark]"']


def _in_block(line: str) -> bool:
    return any(line in text for _, text in _BLOCK.findall(PAGE))
