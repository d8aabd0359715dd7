"""``s3cse keys``: which key opens what, and what becomes of objects and keys over time."""

from __future__ import annotations

import typer

group = typer.Typer(help="Keys over time: which key opens what, rotation, shredding.", no_args_is_help=True)


@group.callback()
def keys() -> None:
    """Keys over time: which key opens what, rotation, shredding."""
