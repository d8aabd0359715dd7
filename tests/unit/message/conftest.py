"""Both backends for every test of messages that asks for one."""

from __future__ import annotations

from typing import cast

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend


@pytest.fixture(params=[native, oracle], ids=["native", "oracle"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Run the test on the compiled backend and on the oracle."""
    return cast(Backend, request.param)
