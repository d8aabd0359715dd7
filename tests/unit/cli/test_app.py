"""The command as it is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import s3cse.cli
from s3cse.cli.app import COMMANDS, app


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


def test_help_imports_little() -> None:
    """The list of commands, and completion of their names, need their table alone; packages import nothing."""
    packages = [path.parent.name for path in Path(s3cse.cli.__path__[0]).glob("*/__init__.py")]
    code = "import sys; from s3cse.cli.app import app; from typer.testing import CliRunner; "
    code += "assert CliRunner().invoke(app, ['--help']).exit_code == 0; "
    code += "".join(f"import s3cse.cli.{name}; " for name in packages)
    code += "print(sorted({'boto3', 'pyarrow', 'cryptography', 's3cse.client'} & set(sys.modules))); "
    code += "print(sorted(name for name in sys.modules if name.startswith('s3cse.cli.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", str(sorted(f"s3cse.cli.{name}" for name in ("app", *packages)))]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    """Each of the table can be loaded, and says what it does."""
    result = CliRunner().invoke(app, [name, "--help"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{name} " in result.stdout


def test_completion_of_names() -> None:
    """bash gets commands and flags without any request."""
    environment = {**os.environ, "_S3CSE_COMPLETE": "complete_bash", "COMP_WORDS": "s3cse ver", "COMP_CWORD": "1"}
    done = subprocess.run(
        [Path(sys.executable).with_name("s3cse")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["verify"]
