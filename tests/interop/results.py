"""What the last run found, in ``results.json``: docs/generate.py makes the matrix in docs/compatibility.md from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from interop.clients import CLIENTS, Client
from interop.matrix import THEY_READ, Cell, Outcome

FILE = Path(__file__).with_name("results.json")


def committed() -> dict[str, Any]:
    """Return the file's content, one entry a client."""
    found: dict[str, Any] = json.loads(FILE.read_text()) if FILE.exists() else {}
    return found


def entry(client: Client, version: str, outcomes: Mapping[Cell, Outcome]) -> dict[str, Any]:
    """Return what is published of a client."""
    made: dict[str, Any] = {"title": client.title, "version": version, "they_read": {}, "we_read": {}}
    for cell, outcome in outcomes.items():
        theirs = cell.direction == THEY_READ
        modes = made["they_read" if theirs else "we_read"]
        storages = modes.setdefault(cell.mode, {}).setdefault(cell.keyring, {})
        if theirs:
            storages.setdefault(cell.storage, {})[cell.profile] = outcome.word
        else:
            storages[cell.storage] = {"outcome": outcome.word, "written": outcome.written}
    return made


def not_run(client: Client) -> dict[str, Any]:
    """Return what is published of a client that was never to be had."""
    return {"title": client.title, "not run": client.allowed_skip}


def publish(client: Client, found: dict[str, Any]) -> None:
    """Put a client's entry into the file; entries stand in the order of the table."""
    entries = committed() | {client.name: found}
    ordered = {each.name: entries[each.name] for each in CLIENTS if each.name in entries}
    FILE.write_text(json.dumps(ordered, indent=1, ensure_ascii=False) + "\n")
