"""Filesystems on the real S3 server, with a KMS in memory and a log of what S3 was asked."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from client.conftest import Log
from objects.fakes import KEY, FakeKms

from s3cse.filesystem import S3cseFileSystem
from s3cse.keyrings import KmsKeyring
from s3cse.local import Servers


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """fsspec's 96 cases of globs take a minute."""
    for item in items:
        if item.name.startswith("test_get_glob_edge"):
            item.add_marker(pytest.mark.heavy)


Make = Callable[..., S3cseFileSystem]


@pytest.fixture(autouse=True)
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known of this machine's Hadoop."""
    monkeypatch.setenv("S3CSE_CLUSTERSETTINGS", "ignore")


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
def kms() -> FakeKms:
    """A KMS in memory that counts calls."""
    return FakeKms()


@pytest.fixture
def make(logged_s3: Any, kms: FakeKms) -> Make:
    """Make filesystems with the options given."""

    def made(**options: Any) -> S3cseFileSystem:
        return S3cseFileSystem(client=logged_s3, keyring=KmsKeyring(kms, KEY), **options)

    return made


@pytest.fixture
def fs(make: Make) -> S3cseFileSystem:
    """A filesystem with default options."""
    return make()


@pytest.fixture
def root(shared_bucket: str) -> str:
    """A folder of the test's own."""
    return f"{shared_bucket}/{uuid.uuid4().hex}"


@pytest.fixture
def options(servers: Servers, kms_key: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """``storage_options`` in words, as users give them; boto3 finds the local servers."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    return {"kmsKeyId": kms_key}
