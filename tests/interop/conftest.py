"""What the tests with other people's clients share; those of a whole client are of the heavy tier."""

from __future__ import annotations

import secrets
import uuid
from functools import cache
from typing import Any

import pytest

import s3cse.local
from interop import ours
from interop.clients import KEYRINGS, PROFILES, STORAGES
from interop.drivers import Driver, UnavailableError
from interop.jobs import Body, Key
from interop.matrix import World, client_named, our_case
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
    """A bucket and three keys, with our objects in it: every profile, keyring, storage and size."""
    keys = {"kms": Key.kms(kms_key), "aes": Key.raw(secrets.token_bytes(32)), "rsa": Key.pair()}
    bucket = servers.create_bucket(f"interop-{uuid.uuid4().hex}")
    made = World(servers, s3, bucket, keys, bodies)
    for profile in PROFILES:
        for keyring in KEYRINGS:
            for storage in STORAGES:
                for body in bodies:
                    ours.write(servers, our_case(made, keyring, storage, profile, body))
    return made


@cache
def _driver(name: str) -> Driver | UnavailableError:
    try:
        return client_named(name).driver()
    except UnavailableError as error:
        return error


def driver_or_skip(name: str) -> Driver:
    """Return a client's driver, or skip the test: the committed reason is in the table of clients."""
    found = _driver(name)
    if isinstance(found, UnavailableError):
        pytest.skip(f"{name} {client_named(name).allowed_skip}: {found}")
    return found
