"""What ``s3cse stat`` prints: a line per fact for people, or JSON for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from s3cse.envelope.model import ContentAlgorithm
from s3cse.errors import printable
from s3cse.keys import row as words
from s3cse.keys.row import Row
from s3cse.keys.statement import MessageShown, Statement

_NO_LIMIT = 100_000  # columns; what goes into a pipe or a file is never wrapped
_FORMATS = {
    words.MESSAGE: "AWS Encryption SDK message",
    words.SSE_C: "SSE-C: S3 encrypts with a key that is sent with every request",
    words.PLAIN: "not encrypted on the client's side",
    words.INSTRUCTION_FILE: "an instruction file, the envelope of the object beside it",
    None: "not known",
}
#: What the number in the envelope of format V3 means.
_SUITE = ContentAlgorithm.AES_GCM_COMMITTING.value
_CONTENTS = {_SUITE: f"{_SUITE} (0x0073: AES-256-GCM, HKDF-SHA512, key commitment)"}
NOT_VERIFIED = "no: no key was used, and whoever can write the object can change what it says"


def print_json(found: Statement) -> None:
    """Print one object: the columns of an inventory, and what is more. ``verified`` is always false."""
    row = found.row
    fields = {**asdict(row), "last_modified": row.last_modified and row.last_modified.isoformat()}
    more = {
        "content_type": found.content_type,
        "metadata": found.metadata,
        "message": found.message and asdict(found.message),
        "verified": False,
    }
    typer.echo(json.dumps({"uri": row.uri, **fields, **more}, ensure_ascii=False))


def print_lines(found: Statement) -> None:
    """Print a line per fact; nothing is obeyed that a terminal would obey."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_LIMIT)
    console.print(Text(printable(found.row.uri)))
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _facts(found):
        table.add_row(Text(f"  {name}"), Text(printable(text)))
    console.print(table)


def _facts(found: Statement) -> Iterator[tuple[str, str]]:
    row, message = found.row, found.message
    yield "stored", _bytes(row.stored_bytes)
    yield "plaintext", _plaintext(row)
    yield "format", _format(row)
    if message is not None:
        yield from _of_message(message)
    elif row.content_algorithm is not None:
        content = _CONTENTS.get(row.content_algorithm, row.content_algorithm)
        yield "content", f"{content}, {'authenticated' if row.authenticated else 'NOT authenticated'}"
        yield "key wrap", f"{row.wrap_algorithm}" + (", of an old kind" if row.legacy else "")
        yield "key", _key(row)
    if row.encryption_context is not None:
        yield "encryption context", _map(row.encryption_context)
    if row.envelope_in is not None:
        yield "envelope in", row.envelope_in
    if row.instruction_file is not None:
        yield "instruction file", row.instruction_file
    if row.content_algorithm is not None and row.authenticated and message is None:
        yield "segment index", "not looked: only the key tells"
    yield "encrypted by S3", _below(row)
    yield from _of_object(found)
    if row.error is not None:
        yield "problem", row.error
    yield "verified", NOT_VERIFIED


def _of_message(message: MessageShown) -> Iterator[tuple[str, str]]:
    yield "suite", f"{message.suite}: {message.suite_means}"
    yield "frames", f"{message.frame_bytes:,} bytes each" if message.frame_bytes else "none: the body is one piece"
    for key in message.header_keys:
        yield "wrapped key", f"{key.provider_id}: {key.provider_info}"


def _of_object(found: Statement) -> Iterator[tuple[str, str]]:
    row = found.row
    facts: dict[str, str | None] = {
        "etag": row.etag,
        "version": row.version_id,
        "last modified": None if row.last_modified is None else row.last_modified.isoformat(),
        "storage class": row.storage_class,
        "content type": found.content_type,
        "metadata": _map(found.metadata) if found.metadata else None,
    }
    for name, text in facts.items():
        if text is not None:
            yield name, text


def _bytes(count: int | None) -> str:
    return "not known" if count is None else f"{count:,} bytes"


def _plaintext(row: Row) -> str:
    if row.plaintext_bytes is not None:
        return _bytes(row.plaintext_bytes)
    if row.content_algorithm is None:
        return "not known"
    return "not known without the key" + ("" if row.authenticated else ": its last block says how much is padding")


def _format(row: Row) -> str:
    if row.format in _FORMATS:
        return _FORMATS[row.format]
    return f"{row.format} of the S3 encryption clients"


def _key(row: Row) -> str:
    if row.key_id is not None:
        return row.key_id
    if row.description_fingerprint is not None:
        return f"a raw key; fingerprint of its materials description: {row.description_fingerprint}"
    return "the object does not name it"


def _below(row: Row) -> str:
    kind = row.server_side_encryption or "S3 says nothing of it"
    return kind if row.server_side_key_id is None else f"{kind} with {row.server_side_key_id}"


def _map(entries: Mapping[str, str]) -> str:
    return json.dumps(dict(entries), ensure_ascii=False, sort_keys=True)
