"""``python -m s3cse.local``: the servers for a shell, or around one command."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from s3cse.local.servers import Servers, start

_BUCKET = "s3cse-local"
_ALIAS = "s3cse-local"
_POLL_SECONDS = 0.5
_NOT_FOUND = 127
# What shells add to the number of the signal that ended a command.
_SIGNALLED = 128


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code."""
    options, separator, command = _split(arguments)
    _parser().parse_args(options)
    if separator and not command:
        _parser().error("no command after --")
    with start() as servers:
        environment = _environment(servers)
        return _run(command, environment) if command else _serve(servers, environment)


def _split(arguments: Sequence[str]) -> tuple[list[str], bool, list[str]]:
    words = list(arguments)
    if "--" not in words:
        return words, False, []
    at = words.index("--")
    return words[:at], True, words[at + 1 :]


def _parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="python -m s3cse.local",
        usage="%(prog)s [-h] [-- COMMAND ARGS…]",
        description="Start S3 (SeaweedFS) and KMS (moto) on this machine. With a command, run it with the environment "
        "that points there and end with its exit code; without one, print that environment and wait for Ctrl-C. "
        "Among it are S3CSE_LOCAL_BUCKET and S3CSE_LOCAL_KMS_KEY, a bucket and a key that are there.",
    )


def _environment(servers: Servers) -> dict[str, str]:
    return {
        **servers.environment(),
        "S3CSE_LOCAL_BUCKET": servers.create_bucket(_BUCKET),
        "S3CSE_LOCAL_KMS_KEY": servers.create_key(_ALIAS),
    }


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    # A profile or a session token of the user's would go before, or not go with, our credentials.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    try:
        process = subprocess.Popen(command, env={**inherited, **environment})  # noqa: S603 - the user's own command
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return _NOT_FOUND
    # Ctrl-C goes to the command as well; it says what happens.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    code = process.wait()
    return code if code >= 0 else _SIGNALLED - code


def _serve(servers: Servers, environment: dict[str, str]) -> int:
    lines = ["unset AWS_PROFILE AWS_SESSION_TOKEN"]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    sys.stdout.write("\n".join([*lines, "# Ctrl-C ends the servers and removes their data.", ""]))
    sys.stdout.flush()
    try:
        while servers.running():
            time.sleep(_POLL_SECONDS)
    except KeyboardInterrupt:
        return 0
    sys.stderr.write("a server ended by itself\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
