"""The first bytes of an object and its headers, in one request."""

from __future__ import annotations

import os
import uuid
from typing import Any

import pytest

from faults.s3_faults import Fault, Truncate
from faults.s3_proxy import S3Proxy
from s3cse.errors import TransferError
from s3cse.local import Servers
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, ObjectStore
from s3cse.storage.s3 import S3Store


@pytest.fixture(params=["memory", "s3"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """Both stores."""
    return MemoryStore() if request.param == "memory" else S3Store(request.getfixturevalue("s3"))


@pytest.fixture
def place(shared_bucket: str) -> Location:
    """A place of the test's own."""
    return Location(shared_bucket, uuid.uuid4().hex)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
def test_the_front(store: ObjectStore, place: Location, size: int) -> None:
    """Is as long as asked for, or the whole object where that is shorter; the headers are those of a HEAD."""
    body = os.urandom(size)
    store.put(place, body, {"owner": "me"})
    stored, front = store.get_front(place, 100)
    assert front == body[:100]
    assert (stored.size, stored.metadata["owner"]) == (size, "me")
    head = store.head(place)
    assert head is not None
    assert stored.etag == head.etag


def test_no_such_object(store: ObjectStore, place: Location) -> None:
    """Is an error with its status."""
    with pytest.raises(TransferError) as caught:
        store.get_front(place, 100)
    assert caught.value.status == 404


def test_a_body_that_is_cut_is_resumed(servers: Servers, s3: Any, place: Location, s3_proxy: S3Proxy) -> None:
    """From where it stopped, of the same object."""
    body = os.urandom(100_000)
    S3Store(s3).put(place, body)
    s3_proxy.fail(Fault(Truncate(after=1000), method="GET", nth=1))
    _, front = S3Store(servers.s3_client(s3_proxy.url)).get_front(place, 50_000)
    assert front == body[:50_000]
    assert [request.range for request in s3_proxy.find("GET")] == ["bytes=0-49999", "bytes=1000-49999"]
