"""How a command ends: exit codes, and errors in one line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from s3cse.cli.interface.spelling import told
from s3cse.errors import S3CSEError, SettingsError, printable

#: DAMAGED: the command did its work, and what it looked at does not verify. INTERRUPTED: what shells say of Ctrl-C.
DONE, FAILED, WRONG_USE, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 130


def complain(command: str, error: S3CSEError, shown: Callable[[S3CSEError], str] = told) -> None:
    """Print an error to standard error, after the command's name.

    Args:
        shown: its message; options are named as they are typed, unless the command takes them otherwise.
    """
    say(f"{command}: {shown(error)}")


def say(text: str) -> None:
    """Print a line to standard error: what is no result."""
    typer.echo(text, err=True)


@contextmanager
def explained(command: str, shown: Callable[[S3CSEError], str] = told) -> Iterator[None]:
    """Explain errors of this package in one line and end: 2 for what was asked wrongly, 1 for what failed.

    A local file that cannot be read or written is explained likewise; a pipe that nobody reads any more is not.

    Args:
        shown: as for ``complain``.

    Raises:
        typer.Exit: in place of an S3CSEError or OSError from the block, and of Ctrl-C (130).
    """
    try:
        yield
    except S3CSEError as error:
        complain(command, error, shown)
        raise typer.Exit(WRONG_USE if isinstance(error, SettingsError) else FAILED) from error
    except KeyboardInterrupt as error:
        raise typer.Exit(INTERRUPTED) from error
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.strerror is None:
            raise
        about = "" if error.filename is None else f"{printable(str(error.filename))}: "
        say(f"{command}: {about}{error.strerror}")
        raise typer.Exit(FAILED) from error
