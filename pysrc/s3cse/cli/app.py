"""The root of the command line: the groups of commands it has."""

from __future__ import annotations

import typer

from s3cse.cli import config, keys, uploads

#: Tracebacks of what is not expected stay plain: typer's own would print local variables.
app = typer.Typer(
    name="s3cse",
    help="Encrypted data in S3, from the shell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(uploads.group, name="uploads")
app.add_typer(keys.group, name="keys")
app.command("config")(config.config_command)


@app.callback()
def root() -> None:
    """Encrypted data in S3, from the shell."""
