"""The command as it is started."""

from __future__ import annotations

import subprocess
import sys

from typer.testing import CliRunner

from s3cse.cli.app import app


def test_module_runs() -> None:
    """``python -m s3cse`` is the command, and names itself so."""
    done = subprocess.run(
        [sys.executable, "-m", "s3cse", "uploads", "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert "Usage: s3cse uploads" in done.stdout


def test_without_the_extra_the_message_says_what_to_install() -> None:
    """No traceback where typer is not there."""
    code = "import sys; sys.modules['typer'] = None; from s3cse.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "s3cse: the command line needs typer: pip install 's3cse[cli]'\n"


def test_no_spark_is_needed() -> None:
    """The command line imports no pyspark."""
    code = "import sys, s3cse.cli.app; sys.exit('pyspark' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_groups_are_listed() -> None:
    """Without arguments the command says what there is."""
    result = CliRunner().invoke(app, [])
    assert "uploads" in result.output
