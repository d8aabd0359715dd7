"""Ports for local servers."""

from __future__ import annotations

import socket

from s3cse.local import ports

FIRST_EPHEMERAL = 32_768


def test_free_ports_lie_below_the_ephemeral_range() -> None:
    """All ports are different and below those that outgoing connections get."""
    found = ports.free_ports(20)
    assert len(set(found)) == 20
    assert max(found) < FIRST_EPHEMERAL


def test_free_ports_can_be_bound() -> None:
    """A port that was found is free when the function returns."""
    with socket.socket() as probe:
        probe.bind((ports.HOST, ports.free_ports(1)[0]))


def test_free_ports_leaves_out_what_is_not_usable() -> None:
    """A port that the caller refuses is not returned."""
    assert all(port % 2 for port in ports.free_ports(8, lambda port: port % 2 == 1))


def test_listen_accepts_on_loopback_only() -> None:
    """A connection to the listener's port succeeds, and its address is 127.0.0.1."""
    with ports.listen() as listener, socket.create_connection(listener.getsockname(), 5):
        assert listener.getsockname()[0] == "127.0.0.1"
        assert listener.getsockname()[1] < FIRST_EPHEMERAL
