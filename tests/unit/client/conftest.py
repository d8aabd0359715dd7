"""Clients on the real S3 server, with a KMS in memory and a log of what S3 was asked."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from objects.fakes import KEY, FakeKms

import s3cse
from s3cse.keyrings import KmsKeyring
from s3cse.local import Servers

Make = Callable[..., "s3cse.Client"]


class Log(list[tuple[str, dict[str, Any]]]):
    """What an S3 client was asked: (operation, parameters)."""

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self]

    def of(self, operation: str) -> list[dict[str, Any]]:
        return [parameters for name, parameters in self if name == operation]

    def listen(self, s3: Any) -> None:
        """Note from now on what this client is asked."""

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            self.append((model.name, dict(params)))

        s3.meta.events.register("provide-client-params.s3.*", note)


@pytest.fixture
def kms() -> FakeKms:
    """A KMS in memory that counts calls."""
    return FakeKms()


@pytest.fixture
def logged_s3(servers: Servers) -> Any:
    """An S3 client of the test's own."""
    return servers.s3_client()


@pytest.fixture
def log(logged_s3: Any) -> Log:
    """What that client is asked."""
    asked = Log()
    asked.listen(logged_s3)
    return asked


@pytest.fixture
def make(logged_s3: Any, kms: FakeKms) -> Make:
    """Make clients with the settings given."""

    def made(context: dict[str, str] | None = None, **settings: Any) -> s3cse.Client:
        return s3cse.Client(logged_s3, KmsKeyring(kms, KEY, context), **settings)

    return made


@pytest.fixture
def client(make: Make) -> s3cse.Client:
    """A client with default settings."""
    return make()


@pytest.fixture
def at(shared_bucket: str) -> dict[str, str]:
    """A place of the test's own, as boto3's parameters."""
    return {"Bucket": shared_bucket, "Key": f"{uuid.uuid4().hex}/object"}
