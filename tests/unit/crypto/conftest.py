"""What every crypto test gets: both backends, and a look at OpenSSL's error queue before and after."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend

from .drive import STARTS, Start


@pytest.fixture(params=[native, oracle], ids=["native", "oracle"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Run the test on the compiled backend and on the oracle; a missing extension is an error, not a skip."""
    return cast(Backend, request.param)


@pytest.fixture(params=STARTS)
def start(request: pytest.FixtureRequest) -> Start:
    """Every kind of cipher in turn."""
    return STARTS[request.param]


@pytest.fixture(autouse=True)
def empty_error_queue() -> Iterator[None]:
    """No call may leave an error of OpenSSL behind for the next one to find."""
    assert native.openssl_pending() == 0
    yield
    assert native.openssl_pending() == 0
