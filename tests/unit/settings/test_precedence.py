"""A key that is given decides; what does not belong to it stays behind."""

from __future__ import annotations

import pytest

from s3cse.settings.precedence import KEY_OPTIONS, over_defaults

KMS = {"keyring": "kms", "kmskeyid": "cluster", "kmsregion": "eu-west-1", "profile": "emrfs"}
RSA = {"keyring": "rsa", "keyfile": "pair.der", "context": '{"rsa_name": "n"}', "profile": "emrfs"}


@pytest.mark.parametrize(
    ("given", "defaults", "expected"),
    [
        ({}, KMS, KMS),
        ({"legacy": "allow"}, KMS, {**KMS, "legacy": "allow"}),
        ({"kmskeyid": "mine"}, KMS, {"keyring": "kms", "kmskeyid": "mine", "profile": "emrfs"}),
        ({"kmskeyid": "m", "kmsregion": "r"}, KMS, {**KMS, "kmskeyid": "m", "kmsregion": "r"}),
        ({"region": "us-east-1"}, KMS, {**KMS, "region": "us-east-1"}),
        (
            {"keyring": "kms-discovery"},
            KMS,
            {"keyring": "kms-discovery", "kmsregion": "eu-west-1", "profile": "emrfs"},
        ),
        ({"keyring": "aes", "keyenv": "K"}, KMS, {"keyring": "aes", "keyenv": "K", "profile": "emrfs"}),
        ({"kmskeyid": "mine"}, RSA, {"kmskeyid": "mine", "profile": "emrfs"}),
        ({"keyfile": "mine.der"}, RSA, {"keyring": "rsa", "keyfile": "mine.der", "profile": "emrfs"}),
        ({"keyfile": "mine.der", "context": "{}"}, RSA, {**RSA, "keyfile": "mine.der", "context": "{}"}),
        ({"keyfile": "mine.der"}, {"context": "{}"}, {"keyfile": "mine.der", "context": "{}"}),
        ({"provider": "m:C"}, RSA, {"provider": "m:C", "profile": "emrfs"}),
        (
            {"keyring": "RSA", "keyenv": "K"},
            RSA,
            {"keyring": "RSA", "keyenv": "K", "profile": "emrfs"},
        ),
        ({"keyring": "kms"}, {"context": "{}", "kmskeyid": "k"}, {"keyring": "kms", "context": "{}", "kmskeyid": "k"}),
    ],
)
def test_layers(given: dict[str, str], defaults: dict[str, str], expected: dict[str, str]) -> None:
    """A cluster's key does not stand in the way of another kind of key, nor does its context or Region."""
    assert over_defaults(given, defaults) == expected


def test_defaults_stay_as_they_are() -> None:
    """Nothing is changed in place."""
    given, defaults = {"kmskeyid": "mine"}, dict(RSA)
    over_defaults(given, defaults)
    assert (given, defaults) == ({"kmskeyid": "mine"}, RSA)
    assert all(KEY_OPTIONS.values())
