"""moto as the KMS server: the only free one with encryption contexts."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from importlib import util
from pathlib import Path

from s3cse.errors import SettingsError
from s3cse.local import ports
from s3cse.local.process import ServerCommand, ServerProcess

_PROGRAM = "s3cse.local.kms_server"
_PACKAGES = Path(__file__).parents[2]
_READY_SECONDS = 30.0
_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Kms:
    """A running moto."""

    process: ServerProcess
    url: str


def launch_kms(make_folder: Callable[[], Path]) -> Kms:
    """Start moto and return at once; :func:`await_kms` waits for it.

    Args:
        make_folder: makes a new empty folder.

    Raises:
        SettingsError: the extra ``local`` is not installed.
    """
    if util.find_spec("moto") is None or util.find_spec("werkzeug") is None:
        raise SettingsError("no KMS server (moto) on this machine", fix="install the extra: pip install 's3cse[local]'")
    folder = make_folder()
    # We listen, moto accepts: nobody can take the port in between, and whoever answers there is ours.
    with ports.listen() as listener:
        fd = listener.fileno()
        port = listener.getsockname()[1]
        process = ServerProcess(
            ServerCommand(
                name="KMS (moto)",
                arguments=[sys.executable, "-m", _PROGRAM, str(fd)],
                folder=folder,
                environment=_environment(folder),
                fds=[fd],
            )
        )
    return Kms(process, f"http://{ports.HOST}:{port}")


def await_kms(kms: Kms) -> None:
    """Return once moto answers.

    Raises:
        TransferError: it does not.
    """
    kms.process.wait_until(lambda: _answers(kms.url), _READY_SECONDS)


def _environment(folder: Path) -> dict[str, str]:
    # The user's AWS settings are none of its business.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_"))}
    paths = [str(_PACKAGES), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**inherited, "TMPDIR": str(folder), "PYTHONPATH": os.pathsep.join(paths)}


def _answers(url: str) -> bool:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", "/moto-api/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
