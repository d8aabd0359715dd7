"""An option means the same to tables and to single objects."""

from __future__ import annotations

from dataclasses import fields

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.objects.policy import Policy
from s3cse.options.objects import OBJECT_OPTIONS, ObjectOptions, parse_object_options
from s3cse.options.shared import KEYRING, POLICY, SHARED_OPTIONS, from_environment, read_shared, read_values
from s3cse.options.table import Options, parse_options
from s3cse.options.words import SPELLING

PLACE = "s3://bucket/lake/table/"
NOWHERE = {"S3CSE_CLUSTERSETTINGS": "ignore"}
KMS = {"kmsKeyId": "alias/data"}
AES = {"keyring": "aes", "keyFile": "a"}
DISCOVERY = {"keyring": "kms-discovery"}
#: Each option that both have, in company that it can be in.
GIVEN = [
    KMS,
    {**KMS, "kmsRegion": "eu-west-1", "kmsEndpointUrl": "http://kms", "context": '{"team": "flights"}'},
    {**KMS, "region": "eu-central-1", "endpointUrl": "http://s3", "clusterSettings": "ignore"},
    {**KMS, "profile": "s3ec-v4", "storage": "instruction-file"},
    {**KMS, "profile": "encryption-sdk", "frameBytes": "4k"},
    {**DISCOVERY, "kmsAccounts": "111122223333, 444455556666", "kmsRegions": '["eu-west-1"]'},
    {**AES, "profile": "encryption-sdk", "keyNamespace": "n", "keyName": "k"},
    {**AES, "profile": "sse-c", "customerKeys": "derived"},
    {"keyring": "rsa", "keyEnv": "KEY"},
    {"keyring": "provider", "provider": "m:C"},
    {**KMS, "integrity": "verify-indexed", "legacy": "wraps", "commitment": "require", "plaintext": "pass"},
]


def both(given: dict[str, str], environment: dict[str, str] = NOWHERE) -> tuple[Options, ObjectOptions]:
    """Parse options of a table, and of an object."""
    return parse_options({"path": PLACE, **given}, environment), parse_object_options(given, PLACE, environment)


def test_no_shared_option_is_left_out_below() -> None:
    """What the next tests say, they say of all."""
    assert {name.lower() for given in GIVEN for name in given} == SHARED_OPTIONS == set(OBJECT_OPTIONS)
    assert set(SPELLING) > SHARED_OPTIONS


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: " ".join(given))
def test_options_make_the_same(given: dict[str, str]) -> None:
    """Given, or in the environment, they are the same keyring, rules and form of what is written to both."""
    environment = {f"S3CSE_{name.upper()}": value for name, value in given.items()}
    for table, one in (both(given), both({}, {**NOWHERE, **environment})):
        for field in fields(ObjectOptions):
            assert getattr(table, field.name) == getattr(one, field.name)


@pytest.mark.parametrize("given", GIVEN, ids=lambda given: " ".join(given))
def test_options_change_something(given: dict[str, str]) -> None:
    """None is read and then forgotten, but the one that has done its work by then."""
    lower = {name.lower(): value for name, value in given.items()}
    for name in lower.keys() - {"clustersettings"}:
        without = {other: value for other, value in lower.items() if other != name}
        assert read_shared(lower) != read_shared(without)


@pytest.mark.parametrize(("parsers", "made"), [(KEYRING, KeyringSettings), (POLICY, Policy)])
def test_every_field_has_an_option(parsers: dict[str, tuple[str, object]], made: type) -> None:
    """A keyring and a policy have no field that nobody can set."""
    assert {field for field, _ in parsers.values()} == {field.name for field in fields(made)}


def test_values_are_checked_where_they_have_no_field() -> None:
    """A bad clusterSettings is refused, as every bad value is."""
    with pytest.raises(SettingsError, match="clusterSettings"):
        read_shared({"clustersettings": "sometimes"})


def test_only_objects_are_streamed() -> None:
    """The one word that a table refuses says why."""
    assert parse_object_options({**KMS, "integrity": "stream"}, PLACE, NOWHERE).policy.integrity == "stream"
    with pytest.raises(SettingsError, match="whole objects"):
        parse_options({"path": PLACE, **KMS, "integrity": "stream"}, NOWHERE)


def test_what_is_not_asked_for_does_not_matter() -> None:
    """Other options are somebody else's; an empty variable sets nothing."""
    assert read_values(POLICY, {"legacy": "WRAPS", "columns": "a"}) == {"legacy": "wraps"}
    environment = {"S3CSE_LEGACY": "wraps", "S3CSE_PLAINTEXT": "", "S3CSE_COLUMNS": "a", "LEGACY": "allow"}
    assert from_environment(POLICY, environment) == {"legacy": "wraps"}
