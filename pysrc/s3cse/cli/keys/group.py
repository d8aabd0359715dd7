"""``s3cse keys``: which key opens what, and what becomes of objects and keys over time."""

from __future__ import annotations

import typer

from s3cse.cli.keys.check import check_command
from s3cse.cli.keys.ls import list_command
from s3cse.cli.keys.rotate import rotate_command
from s3cse.cli.keys.shred import shred_command

command = typer.Typer(
    help="Keys over time: which key opens what, rotation, shredding.", no_args_is_help=True, add_completion=False
)
command.command("ls")(list_command)
command.command("check")(check_command)
command.command("rotate")(rotate_command)
command.command("shred")(shred_command)
