"""What ``s3cse config`` prints: a table for people, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3cse.errors import printable
from s3cse.settings.answers import Answer, Resolution
from s3cse.settings.in_force import DEFAULT

_NO_LIMIT = 100_000  # columns; what goes into a pipe or a file is never wrapped


def print_json(found: Resolution, answers: Sequence[Answer]) -> None:
    """Print one object: what was read, and every answer with who said so."""
    typer.echo(
        json.dumps(
            {
                "uri": found.uri,
                "files": [str(path) for path in found.files],
                "file_system": _shown(found.file_system),
                "encryption": _shown(found.mode),
                "options": {answer.name: _shown(answer) for answer in answers},
                "minimum_integrity": _shown(found.minimum_integrity),
                "warnings": list(found.warnings),
                "refused": [str(error) for error in found.refused],
            },
            ensure_ascii=False,
        )
    )


def _shown(answer: Answer | None) -> dict[str, Any] | None:
    if answer is None:
        return None
    said_by = [{"source": origin.source, "key": origin.key} for origin in answer.origins if origin != DEFAULT]
    return {"value": answer.value, "said_by": said_by, "because": answer.because or None}


def print_tables(found: Resolution, answers: Sequence[Answer]) -> None:
    """Print a line per answer, then the warnings; nothing is obeyed that a terminal would obey."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_LIMIT)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("setting", "value", "said by"):
        table.add_column(name, overflow="fold", no_wrap=name == "setting")
    for answer in (found.file_system, found.mode, *answers, found.minimum_integrity):
        if answer is not None:
            table.add_row(*(Text(printable(cell)) for cell in (answer.name, answer.value, _said_by(answer))))
    console.print(table)
    if not found.files:
        console.print("no configuration files were found")
    for warning in found.warnings:
        console.print(Text(f"warning: {printable(warning)}"))


def _said_by(answer: Answer) -> str:
    said = ", ".join("default" if origin == DEFAULT else str(origin) for origin in answer.origins)
    return f"{said} ({answer.because})" if answer.because else said
