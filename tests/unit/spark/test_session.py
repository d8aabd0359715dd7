"""Clients belong to one process and one set of options."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import pytest

from s3cse.options.table import parse_options
from s3cse.spark import session

PLACE = {"path": "s3://b/t", "kmsKeyId": "alias/data", "region": "us-east-1", "endpointUrl": "http://127.0.0.1:9"}


@pytest.fixture(autouse=True)
def own_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without sessions; nothing is asked over the network."""
    monkeypatch.setattr(session, "_sessions", {})
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")


def session_with(**options: str) -> session.Session:
    """Return the session for options."""
    return session.session_for(parse_options({**PLACE, **options}, {}))


def test_equal_connections_share_clients_and_keys() -> None:
    """Reads that reach the same place share one key cache, whatever else differs."""
    assert session_with() is session_with(columns="a", filter="a = 1", path="s3://b/other")


@pytest.mark.parametrize(
    "other",
    [
        {"kmsKeyId": "alias/other"},
        {"region": "eu-west-1"},
        {"endpointUrl": "http://127.0.0.1:10"},
        {"kmsEndpointUrl": "http://127.0.0.1:11"},
        {"context": '{"team": "a"}'},
        {"context": "{}"},
    ],
)
def test_other_connections_do_not(other: dict[str, str]) -> None:
    """Another key, place or context never sees this one's cached keys."""
    assert session_with() is not session_with(**other)


def _child(parent: int, queue: Any) -> None:
    found = session_with()
    queue.put((os.getpid() != parent, id(found), len(session._sessions)))


def test_fork_starts_anew() -> None:
    """A forked child makes its own clients and forgets its parent's, whose sockets it must not use."""
    before = session_with()
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=_child, args=(os.getpid(), queue))
    child.start()
    forked, identity, count = queue.get(timeout=20)
    child.join()
    assert forked
    assert identity != id(before)
    assert count == 1
    assert session_with() is before
