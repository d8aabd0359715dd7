"""Raw keys are found by reference; what is not there is said without showing anything of a key."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings import key_places
from s3cse.keyrings.key_places import raw_key
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

KEY = bytes(range(32))


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The S3 that keys are in; the Region asked for is its client."""
    made = MemoryStore()
    made.regions = []  # type: ignore[attr-defined]
    monkeypatch.setattr(key_places, "s3_client", lambda region: region)
    monkeypatch.setattr(key_places, "S3Store", lambda client: (made.regions.append(client), made)[1])  # type: ignore[attr-defined]
    return made


def test_file_and_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, the same as an address, and a variable, which counts more."""
    path = tmp_path / "a key"
    path.write_bytes(KEY)
    monkeypatch.setenv("S3CSE_TEST_KEY", "text")
    assert raw_key(str(path), None) == KEY
    assert raw_key(path.as_uri(), None) == KEY
    assert raw_key(str(path), "S3CSE_TEST_KEY") == b"text"


@pytest.mark.parametrize("scheme", ["s3", "S3", "s3n", "s3a"])
def test_object(store: MemoryStore, scheme: str) -> None:
    """An object in S3, in the bucket's Region, as EMR's sample provider keeps keys; no more of it than a key has."""
    store.put(Location("keys", "emr/private.der"), KEY)
    store.put(Location("keys", "data.parquet"), bytes(1 << 17))
    store.put(Location("keys", "empty"), b"")
    assert raw_key(f"{scheme}://keys/emr/private.der", None, "eu-west-1") == KEY
    assert len(raw_key(f"{scheme}://keys/data.parquet", None)) == 1 << 16
    assert raw_key(f"{scheme}://keys/empty", None) == b""
    assert store.regions == ["eu-west-1", None, None]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("s3://keys/nope", "s3://keys/nope"),
        ("hdfs://namenode/key", "expected a path, file:///path or s3://bucket/key"),
        ("https://example.com/key", "expected a path"),
        ("nowhere/key", "nowhere/key: No such file"),
        ("file:///nowhere/key", "/nowhere/key: No such file"),
    ],
)
def test_nothing_there(store: MemoryStore, place: str, words: str) -> None:
    """The message says which place."""
    with pytest.raises(SettingsError) as caught:
        raw_key(place, None)
    assert words in str(caught.value)
