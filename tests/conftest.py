"""Servers for tests that ask for them; a run that asks for none starts none.

They end with the pytest process however it ends, see :mod:`s3cse.local.guard`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import cache
from typing import Any

import botocore.session
import pytest
from hypothesis import HealthCheck, settings

import s3cse.local
from faults.kms_stub import KmsStub
from faults.s3_proxy import S3Proxy
from s3cse.objects import settlement
from skips import SkipGuard, read_list


def pytest_configure(config: pytest.Config) -> None:
    """Let no test be skipped that is not on the list, and let boto3 read its descriptions of services once."""
    config.pluginmanager.register(SkipGuard(read_list()))
    # Each session has a loader of its own, and parses megabytes of JSON with it for its first client of a service:
    # most of what making a client costs, a thousand times in a run.
    botocore.session.create_loader = cache(botocore.session.create_loader)
    # How long an example takes tells of the machine and of the processes beside this one, not of the code.
    settings.register_profile("s3cse", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("s3cse")


#: Bytes that are still readable in a test's name.
_SHORT = 8
#: Fixtures of a whole run that cost much: the tests that share one stay in one process.
_SHARED = {"spark": "spark", "clone": "emr"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong together where several processes run them (make test): else those of one module."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(_group(item)))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: they may be random, and every process has to call a test by the same name."""
    return argname if isinstance(val, bytes) and len(val) > _SHORT else None


def _group(item: pytest.Item) -> str:
    module = item.nodeid.partition("::")[0]
    if module.startswith("tests/interop/") and item.get_closest_marker("heavy"):
        return "interop"  # the clients are built in one folder
    shared = [group for fixture, group in _SHARED.items() if fixture in getattr(item, "fixturenames", ())]
    return shared[0] if shared else module


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again as often as in earnest whether S3 has done something, and wait no time for it."""
    monkeypatch.setattr(settlement, "PAUSES", (0.0,) * len(settlement.PAUSES))


@pytest.fixture(scope="session")
def servers() -> Iterator[s3cse.local.Servers]:
    """SeaweedFS for S3 and moto for KMS, once per run."""
    with s3cse.local.start() as running:
        yield running


@pytest.fixture(scope="session")
def s3(servers: s3cse.local.Servers) -> Any:
    """A boto3 client of the S3 server."""
    return servers.s3_client()


@pytest.fixture(scope="session")
def kms(servers: s3cse.local.Servers) -> Any:
    """A boto3 client of the KMS server."""
    return servers.kms_client()


@pytest.fixture(scope="session")
def kms_key(servers: s3cse.local.Servers) -> str:
    """The ARN of a key in the KMS server."""
    return servers.create_key()


@pytest.fixture(scope="session")
def flights_key(servers: s3cse.local.Servers) -> str:
    """The ARN of the key that documents call ``alias/flights``."""
    return servers.create_key("alias/flights")


@pytest.fixture(scope="session")
def lake_bucket(servers: s3cse.local.Servers) -> str:
    """The bucket that documents call ``lake``; several of them put something there."""
    return servers.create_bucket("lake")


@pytest.fixture(scope="session")
def shared_bucket(servers: s3cse.local.Servers) -> str:
    """One bucket for the whole run: no 0.2 s for its first object, but keys have to be the test's own."""
    return servers.create_bucket(f"shared-{uuid.uuid4().hex}")


@pytest.fixture
def bucket(s3: Any) -> Iterator[str]:
    """A bucket of the test's own; what is in it goes with it."""
    name = f"test-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    yield name
    # Unlike AWS, SeaweedFS deletes a bucket that is not empty.
    s3.delete_bucket(Bucket=name)


@pytest.fixture
def s3_proxy(servers: s3cse.local.Servers) -> Iterator[S3Proxy]:
    """A proxy in front of the S3 server that does what a test tells it; for clients made with its ``url``."""
    with S3Proxy(servers.s3_url) as proxy:
        yield proxy


@pytest.fixture
def kms_stub() -> Iterator[KmsStub]:
    """A small strict KMS without keys, with a call log and faults on demand."""
    with KmsStub() as stub:
        yield stub
