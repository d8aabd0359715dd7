"""What docs/command-line.md shows is run as it stands, line by line."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import s3cse
from s3cse.cli.app import COMMANDS, app
from s3cse.keyrings import KmsKeyring
from s3cse.local import Servers

PAGE = (Path(__file__).parents[3] / "docs" / "command-line.md").read_text()
#: What the page says of a bucket that is nobody's.
EXAMPLES = "s3://bucket/"


@pytest.fixture
def lake(
    servers: Servers, s3: Any, kms: Any, flights_key: str, lake_bucket: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The bucket, the key, the table and the files that the page speaks of."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    for name, value in {**servers.environment(), "PATH": path}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("report.csv").write_text("carrier,arr_delay\nUA,11\n")
    Path("data/sub").mkdir(parents=True)
    for name in ("a", "sub/b", "x.tmp"):
        Path("data", name).write_bytes(name.encode() * 1000)
    rows = io.BytesIO()
    pq.write_table(pa.table({"carrier": ["UA", "AA"] * 50, "arr_delay": list(range(100))}), rows)
    for left in s3.list_objects_v2(Bucket="lake", Prefix="flights/").get("Contents", ()):
        s3.delete_object(Bucket="lake", Key=left["Key"])  # other pages have tables of this name
    client = s3cse.Client(s3, KmsKeyring(kms, flights_key))
    client.put_object(Bucket="lake", Key="flights/month=1/part-0.parquet", Body=rows.getvalue())


@pytest.mark.usefixtures("lake")
def test_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line that begins with a dollar sign ends with exit code 0."""
    lines = re.findall(r"^    \$ (.*)$", PAGE, re.MULTILINE)
    assert len(lines) > 25
    for line in lines:
        if EXAMPLES in line:
            continue
        words = shlex.split(line)
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("="))
        elif "|" in words or "local" in words:
            done = subprocess.run(["bash", "-o", "pipefail", "-c", line], capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), line
        else:
            result = CliRunner().invoke(app, words[1:])
            assert result.exit_code == 0, f"{line}: {result.stderr}"
    assert Path("again.csv").read_bytes() == Path("report.csv").read_bytes()
    assert Path("back/sub/b").read_bytes() == Path("data/sub/b").read_bytes()
    assert not Path("back/x.tmp").exists() or Path("back/x.tmp").read_bytes() == Path("data/x.tmp").read_bytes()


def test_every_command_is_told() -> None:
    """The page speaks of each."""
    assert [name for name in COMMANDS if f"s3cse {name}" not in PAGE] == []
