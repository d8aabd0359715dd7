"""What keyrings of raw keys have in common, in memory or in a device."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from s3cse.errors import SettingsError
from s3cse.keyrings import AesKeyring, Pkcs11Keyring, RsaKeyring
from s3cse.keyrings.raw import RawKeyring

Make = Callable[[Mapping[str, str] | None], RawKeyring]


def in_a_device(matdesc: Mapping[str, str] | None) -> RawKeyring:
    return Pkcs11Keyring("/hsm.so", token_label="token", pin=lambda: "1234", key_label="k", matdesc=matdesc)


@pytest.fixture(params=["aes", "rsa", "pkcs11"], scope="module")
def make(request: pytest.FixtureRequest) -> Make:
    """Make keyrings of one kind with the description given."""
    if request.param == "aes":
        return lambda matdesc: AesKeyring(bytes(32), matdesc)
    private = rsa.generate_private_key(65537, 2048) if request.param == "rsa" else None
    return in_a_device if private is None else lambda matdesc: RsaKeyring(private_key=private, matdesc=matdesc)


def test_it_wraps_for_every_object(make: Make) -> None:
    """One key for all."""
    keyring = make(None)
    assert keyring.for_encryption("s3://b/k") is keyring


def test_description_cannot_be_changed_from_outside(make: Make) -> None:
    """The caller's map and the one given out are copies; none is none."""
    mine = {"a": "b"}
    keyring = make(mine)
    mine["a"] = "c"
    dict.update(keyring.description, a="d")  # type: ignore[arg-type]
    assert keyring.description == {"a": "b"}
    assert make(None).description is None
    assert make({}).description == {}
    with pytest.raises(SettingsError, match="no map of strings"):
        make({"a": 1})  # type: ignore[dict-item]


def test_it_does_not_travel(make: Make) -> None:
    """No keyring is pickled, and so no key."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(make({"a": "b"}))
