"""What the tests with other people's clients share."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import s3cse.local
from interop import ours
from interop.clients import KEYRINGS, PROFILES, STORAGES
from interop.drivers import Driver, UnavailableError
from interop.jobs import Body, Key
from interop.matrix import Cell, Outcome, World, client_named, our_case, run_client
from spark.fixtures import spark, table

__all__ = ["spark", "table"]

SIZES = {"0": 0, "1": 1, "16": 16, "1000": 1000}
PART_SIZE = 5 * 2**20


@pytest.fixture(scope="session")
def bodies(tmp_path_factory: pytest.TempPathFactory) -> tuple[Body, ...]:
    """A plaintext of each size; the last one goes up in two parts where a client has multipart uploads."""
    folder = tmp_path_factory.mktemp("plaintexts")

    def body(name: str, size: int, part_size: int | None) -> Body:
        path = folder / name
        path.write_bytes(secrets.token_bytes(size))
        return Body(name, path.read_bytes(), path, part_size)

    small = [body(name, size, None) for name, size in SIZES.items()]
    return (*small, body("5-MiB+1", PART_SIZE + 1, PART_SIZE))


@pytest.fixture(scope="session")
def world(servers: s3cse.local.Servers, s3: Any, kms_key: str, bodies: tuple[Body, ...]) -> World:
    """A bucket, a key of each kind and the plaintexts."""
    keys = {"kms": Key.kms(kms_key), "aes": Key.raw(secrets.token_bytes(32)), "rsa": Key.pair()}
    return World(servers, s3, servers.create_bucket(f"interop-{uuid.uuid4().hex}"), keys, bodies)


@cache
def driver_of(name: str) -> Driver | UnavailableError:
    """Return a client's driver, or why there is none."""
    try:
        return client_named(name).driver()
    except UnavailableError as error:
        return error


def driver_or_skip(name: str) -> Driver:
    """Return a client's driver, or skip the test for the reason that the table of clients allows."""
    found = driver_of(name)
    if isinstance(found, UnavailableError):
        pytest.skip(f"{name} {client_named(name).allowed_skip}: {found}")
    return found


@pytest.fixture(scope="session")
def outcomes(world: World) -> Callable[[str], dict[Cell, Outcome]]:
    """Returns what came of all cells of a client: it is run when it is first asked for, and once."""

    @cache
    def run(name: str) -> dict[Cell, Outcome]:
        return run_client(world, client_named(name), driver_or_skip(name))

    for profile in PROFILES:
        for keyring in KEYRINGS:
            for storage in STORAGES:
                for body in world.bodies:
                    ours.write(world.servers, our_case(world, keyring, storage, profile, body))
    return run
