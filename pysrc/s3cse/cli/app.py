"""The root of the command line: which commands there are, and where; a command is imported when it is called.

A command's module has ``command``, a typer.Typer with one command or a group of them. ``--help`` and the completion of
names need the table here alone: the client and boto3 take longer to import than both. So the packages beside this
module import nothing by themselves.
"""

from __future__ import annotations

import gc
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class _Entry:
    """A command: its module in this package, and what the list of commands says of it."""

    module: str
    says: str
    panel: str


_OBJECTS, _CARE = "Objects and tables", "Looking after them"
COMMANDS = {
    "ls": _Entry("shown.ls", "What is in a bucket or folder.", _OBJECTS),
    "stat": _Entry("shown.stat", "What one object has: format, key, context, sizes; nothing is verified.", _OBJECTS),
    "cat": _Entry("shown.cat", "What is in an object, to standard output.", _OBJECTS),
    "cp": _Entry("copies.cp", "Copy files into S3 and back, and objects within it; encrypted on the way.", _OBJECTS),
    "mv": _Entry("copies.mv", "Copy, then delete the source.", _OBJECTS),
    "rm": _Entry("copies.rm", "Delete objects and their instruction files.", _OBJECTS),
    "keys": _Entry("keys.group", "Keys over time: which key opens what, keys in danger, rotation, shredding.", _CARE),
    "sync": _Entry("copies.sync", "Make a folder what another one is; copies what differs.", _OBJECTS),
    "head": _Entry("shown.head", "The first rows of a table or Parquet file.", _OBJECTS),
    "verify": _Entry("upkeep.verify", "Read objects to their end: does every byte verify?", _CARE),
    "migrate": _Entry(
        "upkeep.migrate", "Write objects anew in another format, verified before the old ones go.", _CARE
    ),
    "config": _Entry("upkeep.config", "What is in force for an address, and which file and key said so.", _CARE),
    "uploads": _Entry("upkeep.uploads", "Multipart uploads that were never completed: invisible, but paid for.", _CARE),
    "local": _Entry("upkeep.local", "S3 and KMS on this machine, for trying things out.", _CARE),
}


class Commands(TyperGroup):
    """The commands of the table."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - typer's
        """Return the names, in the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's
        """Return what the list of commands says of one."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        return TyperCommand(cmd_name, help=entry.says, rich_help_panel=entry.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command itself, with its name and the words that are its own."""
        name, _, rest = super().resolve_command(ctx, args)
        return name, load(str(name)), rest


def load(name: str) -> Any:
    """Import a command of the table."""
    gc.disable()  # nothing of what is imported is garbage: a tenth of the time
    try:
        module = import_module(f"s3cse.cli.{COMMANDS[name].module}")
    finally:
        gc.enable()
    command = get_command(module.command)
    command.name = name
    return command


#: Tracebacks of what is not expected stay plain: typer's own would print local variables.
app = typer.Typer(
    name="s3cse",
    cls=Commands,
    help="Encrypted data in S3, from the shell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def root() -> None:
    """Encrypted data in S3, from the shell."""
