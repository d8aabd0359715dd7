"""``s3cse local``: S3 and KMS on this machine, for trying things out; see :mod:`s3cse.local`."""

from __future__ import annotations

from typing import Annotated

import typer

from s3cse.cli.interface.outcome import explained

command = typer.Typer(
    help="S3 (SeaweedFS) and KMS (moto) on this machine: no AWS account, nothing left behind.",
    no_args_is_help=True,
    add_completion=False,
)


@command.command()
def up() -> None:
    """Start the servers, print what to export, and run until Ctrl-C.

    Among it are S3CSE_LOCAL_BUCKET and S3CSE_LOCAL_KMS_KEY, a bucket and a key that are there. Needs the extra `local`.
    """
    _main([])


@command.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    words: Annotated[list[str], typer.Argument(metavar="COMMAND ARGS…", help="What to run; -- before it if it likes.")],
) -> None:
    """Run a command with the environment that points to the servers, and end with its exit code."""
    _main(["--", *words])


def _main(arguments: list[str]) -> None:
    with explained("local"):
        from s3cse.local.__main__ import main

        raise typer.Exit(main(arguments))
