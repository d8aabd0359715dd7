"""How a command ends: exit codes, and errors in one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from s3cse.errors import S3CSEError, SettingsError

DONE, FAILED, WRONG_USE = 0, 1, 2


def complain(command: str, error: S3CSEError) -> None:
    """Print an error to standard error, after the command's name."""
    typer.echo(f"{command}: {error}", err=True)


@contextmanager
def explained(command: str) -> Iterator[None]:
    """Explain errors of this package in one line and end: 2 for what was asked wrongly, 1 for what failed.

    Raises:
        typer.Exit: in place of an S3CSEError from the block.
    """
    try:
        yield
    except S3CSEError as error:
        complain(command, error)
        raise typer.Exit(WRONG_USE if isinstance(error, SettingsError) else FAILED) from error
