"""Every client, mode, keyring and storage against ours, in both directions: one driver run per client.

A cell of the matrix is the objects of all sizes. Its outcome comes from the bytes alone: what is expected stands in
:mod:`interop.clients`, and only the tests compare the two.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import s3cse.local
from interop import ours
from interop.clients import CIPHERTEXT, CLIENTS, PROFILES, READS, REFUSES, STORAGES, Client, Mode
from interop.drivers import Driver
from interop.jobs import Body, Job, Key, Result

THEY_READ, WE_READ = "they-read", "we-read"
#: The description that goes with raw keys; KMS keys have no context here (test_contexts.py has).
DESCRIPTION = {"purpose": "interop"}


@dataclass(frozen=True)
class Cell:
    """One combination, in one direction; with a profile of ours if we write."""

    client: str
    mode: str
    keyring: str
    storage: str
    direction: str
    profile: str = ""

    def __str__(self) -> str:
        """Return the readable id of its test."""
        return "-".join(filter(None, (self.client, self.mode, self.keyring, self.storage, self.profile)))

    def path(self, body: Body) -> str:
        """Return a name for its object of one size: id of the jobs, and key in the bucket if the client writes it."""
        return "/".join((self.direction, self.client, self.mode, self.keyring, self.storage, self.profile, body.name))


@dataclass
class Outcome:
    """What came of a cell; errors by size."""

    word: str
    errors: dict[str, str] = field(default_factory=dict)
    #: What the client wrote, as the object says: for example "V2 GCM kms+context".
    written: str = ""


@dataclass(frozen=True)
class World:
    """What all cells share."""

    servers: s3cse.local.Servers
    s3: Any
    bucket: str
    keys: dict[str, Key]
    bodies: tuple[Body, ...]

    def context(self, keyring: str) -> dict[str, str]:
        """Return what is said with a key."""
        return {} if keyring == "kms" else DESCRIPTION


def cells(client: Client, direction: str) -> Iterator[tuple[Cell, Mode]]:
    """Yield the cells of a client."""
    writing = direction == WE_READ
    for mode in client.modes:
        if writing and not mode.writes:
            continue
        for keyring in client.keyrings:
            for storage in client.storages if writing else STORAGES:
                for profile in ("",) if writing else PROFILES:
                    yield Cell(client.name, mode.name, keyring, storage, direction, profile), mode


def expected(client: Client, cell: Cell, mode: Mode) -> str:
    """Return what a client is expected to make of an object of ours."""
    return client.quirks.get((cell.mode, cell.keyring, cell.storage, cell.profile), mode.expected[cell.profile])


def our_case(world: World, keyring: str, storage: str, profile: str, body: Body) -> ours.Case:
    """Return the object of ours that every client reads."""
    key = "/".join(("ours", profile, keyring, storage, body.name))
    return ours.Case(
        world.bucket, key, world.keys[keyring], profile, storage, context=world.context(keyring), body=body
    )


def _job(world: World, cell: Cell, op: str, name: str, key: str, body: Body) -> Job:
    return Job(
        id=name,
        op=op,
        mode=cell.mode,
        keyring=world.keys[cell.keyring],
        bucket=world.bucket,
        key=key,
        storage=cell.storage,
        context=world.context(cell.keyring),
        body=str(body.path),
        partSize=body.part_size,
    )


def run_client(world: World, client: Client, driver: Driver) -> dict[Cell, Outcome]:
    """Let a client write its objects and read them and ours, then read its objects with our client."""
    theirs = [cell for cell, _ in cells(client, WE_READ)]
    mine = [cell for cell, _ in cells(client, THEY_READ)]
    jobs = []
    for cell in theirs:
        for body in world.bodies:
            path = cell.path(body)
            jobs.append(_job(world, cell, body.op if client.multipart else "put", f"write/{path}", path, body))
            jobs.append(_job(world, cell, "get", f"own/{path}", path, body))
    for cell in mine:
        for body in world.bodies:
            key = our_case(world, cell.keyring, cell.storage, cell.profile, body).key
            jobs.append(_job(world, cell, "get", cell.path(body), key, body))
    results = driver.run(jobs, world.servers.environment())
    found = {cell: _we_read(world, cell, results) for cell in theirs}
    return found | {cell: _they_read(world, cell, results) for cell in mine}


def _they_read(world: World, cell: Cell, results: dict[str, Result]) -> Outcome:
    """Tell what a client made of our objects."""
    words, errors = set(), {}
    for body in world.bodies:
        result = results[cell.path(body)]
        if result.is_plaintext(body.data):
            words.add(READS)
        elif not result.ok:
            words.add(REFUSES)
            errors[body.name] = result.error
        else:
            key = our_case(world, cell.keyring, cell.storage, cell.profile, body).key
            stored = world.s3.get_object(Bucket=world.bucket, Key=key)["Body"].read()
            same = result.sha256 == hashlib.sha256(stored).hexdigest()
            words.add(CIPHERTEXT if same else "returns other bytes")
            errors[body.name] = f"{result.length} bytes"
    return Outcome(words.pop() if len(words) == 1 else "differs by size", errors)


def _we_read(world: World, cell: Cell, results: dict[str, Result]) -> Outcome:
    """Tell what we make of a client's objects; it has to have read its own."""
    errors, written = {}, set()
    for body in world.bodies:
        path = cell.path(body)
        if not results[f"write/{path}"].ok:
            errors[body.name] = f"it did not write: {results[f'write/{path}'].error}"
        elif not results[f"own/{path}"].is_plaintext(body.data):
            errors[body.name] = f"it does not read its own: {results[f'own/{path}']}"
        else:
            written.add(describe(world, path))
            error = _our_error(world, cell, path, body)
            errors.update({body.name: error} if error else {})
    return Outcome("fails" if errors else READS, errors, ", ".join(sorted(written)))


def _our_error(world: World, cell: Cell, path: str, body: Body) -> str:
    """Read an object with our client; return what went wrong."""
    case = ours.Case(world.bucket, path, world.keys[cell.keyring], context=world.context(cell.keyring))
    try:
        data = ours.read(world.servers, case)
    except Exception as error:  # noqa: BLE001 - whatever comes is the outcome
        return f"{type(error).__name__}: {error}"
    return "" if data == body.data else f"{len(data)} other bytes"


def describe(world: World, key: str) -> str:
    """Return format, body and key wrap of an object, by its metadata and its instruction file."""
    envelope = dict(world.s3.head_object(Bucket=world.bucket, Key=key)["Metadata"])
    if not {"x-amz-key", "x-amz-key-v2", "x-amz-3"} & envelope.keys():
        file = world.s3.get_object(Bucket=world.bucket, Key=f"{key}.instruction")["Body"].read()
        envelope |= json.loads(file)
    if "x-amz-3" in envelope:
        return f"V3 `{envelope['x-amz-w']}`"
    if "x-amz-key" in envelope:
        return "V1 CBC"
    body = "GCM" if "GCM" in envelope["x-amz-cek-alg"] else "CBC"
    return f"V2 {body} `{envelope['x-amz-wrap-alg']}`"


def client_named(name: str) -> Client:
    """Return a client of the table."""
    return next(client for client in CLIENTS if client.name == name)
