"""What every test of encrypted objects gets: both backends, a fake KMS, both profiles."""

from __future__ import annotations

from typing import cast

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import KMS_PROFILE_NAMES, Profile, find_profile
from s3cse.keyrings import KmsKeyring
from s3cse.objects import fetch, ranges

from .fakes import KEY, REQUEST, FakeKms, RecordingStore


@pytest.fixture(params=[native, oracle], ids=["native", "oracle"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Run the test on the compiled backend and on the oracle."""
    return cast(Backend, request.param)


@pytest.fixture(params=KMS_PROFILE_NAMES)
def profile(request: pytest.FixtureRequest) -> Profile:
    """Run the test with CBC (emrfs) and GCM (emrfs-v2) objects."""
    return find_profile(request.param, "kms")


@pytest.fixture
def kms() -> FakeKms:
    """A KMS in memory that counts calls and remembers data keys."""
    return FakeKms()


@pytest.fixture
def keyring(kms: FakeKms) -> KmsKeyring:
    """A keyring on the fake KMS, without a cache."""
    return KmsKeyring(kms, KEY)


@pytest.fixture
def store() -> RecordingStore:
    """An empty store in memory."""
    return RecordingStore()


@pytest.fixture
def small_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of 64 bytes, so that small objects take several."""
    monkeypatch.setattr(fetch, "cut", lambda span, size: ranges.cut(span, REQUEST))
