"""Migration from and to AWS Encryption SDK messages and SSE-C."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from keys.rotating import BODY, Place

import s3cse
from faults.kms_stub import KmsStub
from s3cse.keyrings import CustomerKeys, DerivedCustomerKeys, OneCustomerKey
from s3cse.local import Servers
from s3cse.migration.migrating import Migration
from s3cse.migration.options import MigrationOptions
from s3cse.migration.row import ALREADY, FAILED, MIGRATED, REFUSED
from s3cse.migration.sides import Form
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

KEYS = OneCustomerKey(bytes(range(32)))
KEYS_OF_OBJECTS = DerivedCustomerKeys(bytes(32))
FORMS = ("emrfs", "s3ec-v4", "encryption-sdk", "sse-c")
OTHERS = {"sse-c", "encryption-sdk"}
PAIRS = [(was, becomes) for was in FORMS for becomes in FORMS if was != becomes and OTHERS & {was, becomes}]
#: In parts, the last of which is short.
LONG = [("encryption-sdk", "sse-c", 9 << 20), ("sse-c", "s3ec-v4", 9 << 20), ("emrfs", "encryption-sdk", 9 << 20)]


@pytest.fixture(scope="module")
def shared(servers: Servers, shared_bucket: str) -> Iterator[Place]:
    """What the tests here share."""
    with KmsStub() as stub:
        yield Place(servers.s3_client(), shared_bucket, stub)


@pytest.fixture
def place(shared: Place) -> Iterator[Place]:
    """A prefix and keys of the test's own."""
    place = Place(shared.s3, shared.bucket, shared.stub, shared.kms)
    yield place
    place.leave()


def client(place: Place, form: str, keys: CustomerKeys = KEYS) -> s3cse.Client:
    keyring: Any = keys if form == "sse-c" else place.keyring("kms", "old")
    return place.client(keyring, profile=form)


def read(of: s3cse.Client, location: Location) -> Any:
    return of.get_object(Bucket=location.bucket, Key=location.key)["Body"].read()


@pytest.mark.parametrize(("was", "becomes", "size"), [*((*pair, len(BODY)) for pair in PAIRS), *LONG])
def test_in_place_and_again(place: Place, was: str, becomes: str, size: int) -> None:
    """The plaintext stays, the form changes; a second run finds it done, and nothing is left beside it."""
    body = (BODY * (size // len(BODY) + 1))[:size]
    location = Location(place.bucket, place.prefix + "a")
    source, target = client(place, was), client(place, becomes)
    source.put_object(
        Bucket=location.bucket, Key=location.key, Body=body, ContentType="text/csv", Metadata={"team": "a"}
    )
    options = MigrationOptions(source=Location(place.bucket, place.prefix))
    work = Migration(source, target, options, sleep=lambda _: None)
    row = work.one(location)
    assert row is not None
    assert (row.outcome, row.error) == (MIGRATED, None)
    got = target.get_object(Bucket=location.bucket, Key=location.key)
    assert got["Body"].read() == body
    assert (got["ContentType"], got["Metadata"]) == ("text/csv", {"team": "a"})
    again = work.one(location)
    assert again is not None
    assert (again.outcome, again.error) == (ALREADY, None)
    assert len(list(S3Store(place.s3).list(Location(place.bucket, place.prefix)))) == 1


def test_to_another_place(place: Place) -> None:
    """From messages to SSE-C in another folder, under a key of its own for each object: the message stays."""
    location = Location(place.bucket, place.prefix + "in/a")
    source, target = client(place, "encryption-sdk"), client(place, "sse-c", KEYS_OF_OBJECTS)
    source.put_object(Bucket=location.bucket, Key=location.key, Body=BODY)
    there = Location(place.bucket, place.prefix + "out/a")
    options = MigrationOptions(
        source=Location(place.bucket, place.prefix + "in"), target=Location(place.bucket, place.prefix + "out")
    )
    work = Migration(source, target, options, sleep=lambda _: None)
    for outcome in (MIGRATED, ALREADY):
        row = work.one(location)
        assert row is not None
        assert (row.outcome, row.error) == (outcome, None)
    assert (read(source, location), read(target, there)) == (BODY, BODY)


def test_a_message_is_never_taken_for_plain(place: Place) -> None:
    """With plaintext allowed, or another key, a message is no plain object: it is not called decrypted, nor wrapped."""
    location = Location(place.bucket, place.prefix + "a")
    client(place, "encryption-sdk").put_object(Bucket=location.bucket, Key=location.key, Body=BODY)
    options = MigrationOptions(source=Location(place.bucket, place.prefix), form=Form(plain=True))
    other = place.keyring("kms", "new")
    row = Migration(place.client(other), place.client(other), options, sleep=lambda _: None).one(location)
    assert row is not None
    assert row.outcome == FAILED
    lax = place.client(place.keyring("kms", "old"), plaintext="pass")
    for form in (Form(plain=True), Form()):
        options = MigrationOptions(source=Location(place.bucket, place.prefix), form=form)
        row = Migration(lax, lax, options, sleep=lambda _: None).one(location)
        assert row is not None
        assert (row.outcome, "--from-format encryption-sdk" in str(row.error)) == (REFUSED, True)
    assert read(client(place, "encryption-sdk"), location) == BODY
