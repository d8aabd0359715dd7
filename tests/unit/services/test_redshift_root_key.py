"""Redshift's root key: its length, where it comes from, and that it shows nothing."""

from __future__ import annotations

import base64
import pickle
from pathlib import Path

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.services.redshift import RootKey

from .redshift_rows import RAW_KEY


@pytest.mark.parametrize("size", [0, 16, 24, 31, 33, 64])
def test_other_lengths_are_refused(size: int) -> None:
    """Redshift knows 256-bit keys only; the error has the length and nothing of the key."""
    with pytest.raises(SettingsError, match=f"256-bit keys only; found a key of {8 * size} bits") as caught:
        RootKey(b"\xa5" * size)
    assert "a5" not in str(caught.value)


@pytest.mark.parametrize("content", [RAW_KEY, base64.b64encode(RAW_KEY) + b"\n", RAW_KEY.hex().encode()])
def test_from_a_file(tmp_path: Path, content: bytes) -> None:
    """A file holds the key as bytes, in base64 or in hexadecimal."""
    path = tmp_path / "key"
    path.write_bytes(content)
    assert base64.b64decode(RootKey.from_file(str(path)).reveal()) == RAW_KEY


def test_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable holds the key in base64."""
    monkeypatch.setenv("ROOT_KEY", base64.b64encode(RAW_KEY).decode())
    assert base64.b64decode(RootKey.from_env("ROOT_KEY").reveal()) == RAW_KEY


def test_a_short_key_in_a_file(tmp_path: Path) -> None:
    """A key that AES takes and Redshift does not is refused where it is read."""
    path = tmp_path / "key"
    path.write_bytes(bytes(16))
    with pytest.raises(SettingsError, match="found a key of 128 bits"):
        RootKey.from_file(str(path))


def test_other_keyrings_are_refused() -> None:
    """No KMS key opens what Redshift reads."""
    with pytest.raises(SettingsError, match="AES keys only"):
        RootKey.from_settings(KeyringSettings(kind="kms", kms_key_id="alias/x"))


def test_nothing_shows_it() -> None:
    """Neither repr nor pickle gives the key away."""
    key = RootKey(RAW_KEY)
    assert repr(key) == str(key) == "RootKey(<256 bits>)"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(key)
