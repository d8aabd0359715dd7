"""The store of objects under customer keys, on SeaweedFS, which enforces them."""

from __future__ import annotations

import base64
import hmac
import logging
import os
import uuid
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from s3cse.errors import KeyringError, SettingsError, TransferError
from s3cse.keyrings.customer_keys import CustomerKeysByPrefix, DerivedCustomerKeys, OneCustomerKey
from s3cse.local import Servers
from s3cse.storage.customer_key_errors import CustomerKeyError
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

from .fake_client import FakeClient, refusal

KEY, OTHER = os.urandom(32), os.urandom(32)
BODY = os.urandom(100_000)


@pytest.fixture
def place(shared_bucket: str) -> Location:
    """A place for an object of the test's own."""
    return Location(shared_bucket, uuid.uuid4().hex)


@pytest.fixture(scope="module")
def store(s3: Any) -> CustomerKeyStore:
    """A store whose objects have keys derived from KEY."""
    return CustomerKeyStore(s3, DerivedCustomerKeys(KEY))


def test_round_trip(store: CustomerKeyStore, place: Location) -> None:
    """An object is put, described, and read at its end and in its middle."""
    store.put(place, BODY, {"a": "b"})
    stored, tail = store.get_tail(place, 10)
    assert (stored.size, stored.metadata, tail) == (len(BODY), {"a": "b"}, BODY[-10:])
    out = bytearray(1000)
    store.get_into(place, 5000, out, stored.etag)
    assert out == BODY[5000:6000]
    assert store.head(place) == stored
    assert store.head(place.child("nothing")) is None


def test_what_is_sent(store: CustomerKeyStore, s3: Any, place: Location) -> None:
    """S3 gets the object's derived key: whoever computes it opens the object with boto3 alone."""
    store.put(place, BODY)
    info = b"\0".join((b"s3cse/sse-c/1", place.bucket.encode(), place.key.encode()))
    derived = hmac.digest(hmac.digest(bytes(32), KEY, "sha256"), info + b"\x01", "sha256")
    arguments = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": derived}
    assert s3.get_object(Bucket=place.bucket, Key=place.key, **arguments)["Body"].read() == BODY


def test_upload_in_parts(store: CustomerKeyStore, place: Location) -> None:
    """An upload's start, parts and end carry the key."""
    upload = store.create_upload(place, {"a": "b"})
    parts = [store.upload_part(place, upload, number, bytes([number]) * (5 << 20)) for number in (1, 2)]
    store.complete_upload(place, upload, parts)
    stored, tail = store.get_tail(place, 4)
    assert (stored.size, stored.metadata, tail) == (10 << 20, {"a": "b"}, bytes([2] * 4))


def test_copy(store: CustomerKeyStore, s3: Any, place: Location) -> None:
    """A copy takes the source's key and the target's, of one set of keys or of two; or none of a plain source."""
    store.put(place, BODY)
    copies = [place.child(str(number)) for number in range(3)]
    source = {"Bucket": place.bucket, "Key": place.key}
    of_target = {"Bucket": place.bucket, "Key": copies[0].key}
    store.ask(copies[0], "copy_object", "copy", **of_target, CopySource=source)
    assert store.get_tail(copies[0], len(BODY))[1] == BODY
    other = CustomerKeyStore(s3, OneCustomerKey(OTHER)).copying_from(DerivedCustomerKeys(KEY))
    other.ask(
        copies[1], "copy_object", "copy", **of_target | {"Key": copies[1].key}, CopySource=f"{place.bucket}/{place.key}"
    )
    assert other.get_tail(copies[1], len(BODY))[1] == BODY
    s3.put_object(**source, Body=b"plain")
    other.copying_from(None).ask(
        copies[2], "copy_object", "copy", **of_target | {"Key": copies[2].key}, CopySource=source
    )
    assert other.get_tail(copies[2], 100)[1] == b"plain"


def test_a_store_that_sends_more_keeps_its_keys(store: CustomerKeyStore, place: Location) -> None:
    """What a caller says of an object comes beside the key."""
    sending = store.sending({"put_object": {"CacheControl": "no-store"}}).sending({}, about=place)
    sending.put(place, BODY)
    assert isinstance(sending, CustomerKeyStore)
    stored = store.head(place)
    assert stored is not None
    assert stored.details["CacheControl"] == "no-store"


def test_listing_and_deleting_need_no_key(s3: Any, place: Location) -> None:
    """What needs no key is asked without one."""
    CustomerKeyStore(s3, OneCustomerKey(KEY)).put(place.child("a"), BODY)
    keyless = CustomerKeyStore(s3, CustomerKeysByPrefix({"s3://another": KEY}))
    assert [row.size for row in keyless.list(place)] == [len(BODY)]
    keyless.delete([place.child("a")])
    assert not list(keyless.list(place))


def test_no_key_for_the_object(s3: Any, place: Location) -> None:
    """Where no key is for the object, nothing is sent."""
    with pytest.raises(KeyringError, match="no customer key is for this object"):
        CustomerKeyStore(s3, CustomerKeysByPrefix({"s3://another": KEY})).put(place, BODY)
    assert S3Store(s3).head(place) is None


def test_wrong_key(store: CustomerKeyStore, s3: Any, place: Location) -> None:
    """Another key than the object's is an error of keys, and S3's own as well, with its code."""
    store.put(place, BODY)
    wrong = CustomerKeyStore(s3, OneCustomerKey(OTHER))
    for ask in (lambda: wrong.get_tail(place, 10), lambda: wrong.head(place)):
        with pytest.raises(CustomerKeyError, match=rf"{place.key}: S3 refused access with this customer key") as caught:
            ask()
        assert isinstance(caught.value, KeyringError)
        assert isinstance(caught.value, ClientError)
        assert caught.value.status == 403


def test_missing_key(store: CustomerKeyStore, s3: Any, place: Location) -> None:
    """Without a key, S3's refusal is explained: what a GET says, and for a HEAD what it may be."""
    store.put(place, BODY)
    with pytest.raises(TransferError, match=r"The object is under a customer key \(SSE-C\): send it"):
        S3Store(s3).get_tail(place, 10)
    with pytest.raises(TransferError, match="If the object is under a customer key"):
        S3Store(s3).head(place)


def test_object_without_a_customer_key(store: CustomerKeyStore, s3: Any, place: Location) -> None:
    """SeaweedFS sends a plain object whatever key comes with the request: here it is an error."""
    S3Store(s3).put(place, BODY)
    for ask in (lambda: store.get_tail(place, 10), lambda: store.head(place)):
        with pytest.raises(CustomerKeyError, match="the object is not under a customer key"):
            ask()


def test_server_that_ignores_the_key() -> None:
    """An answer that does not confirm the key is an error: the server has stored in the clear."""

    class Ignoring(FakeClient):
        meta = boto3.client("s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:8333").meta

        def put_object(self, **arguments: Any) -> dict[str, Any]:
            return {"ETag": "x"}

        def upload_part(self, **arguments: Any) -> dict[str, Any]:
            return {"ETag": "x"}

    store = CustomerKeyStore(Ignoring(), OneCustomerKey(KEY))
    with pytest.raises(CustomerKeyError, match="NOT encrypted"):
        store.put(Location("b", "k"), BODY)
    with pytest.raises(CustomerKeyError, match="NOT encrypted"):
        store.upload_part(Location("b", "k"), "id", 1, BODY)


@pytest.mark.parametrize(
    ("code", "status", "method", "expected"),
    [
        ("AccessDenied", 403, "get_object", "refused access with this customer key"),
        ("AccessDenied", 403, "put_object", "S3 did not do it.*BlockedEncryptionTypes"),
        ("AccessDenied: user is not authorized to perform s3:PutObject", 403, "put_object", "expected no error"),
        (
            "InvalidRequest: The encryption parameters are not applicable to this object.",
            400,
            "get_object",
            "not under",
        ),
        ("InvalidRequest: The multipart upload initiate requested encryption.", 400, "upload_part", "did not take"),
        ("400: Bad Request", 400, "head_object", "not under"),
        ("NotImplemented", 501, "upload_part_copy", "does not copy parts"),
        ("NoSuchBucket", 404, "get_object", "S3 did not do it"),
    ],
)
def test_refusals_are_explained(code: str, status: int, method: str, expected: str) -> None:
    """What S3 says of keys is told in words, the code kept; what is not about keys stays as it is."""
    error, _, message = code.partition(": ")

    class Refusing(FakeClient):
        meta = boto3.client("s3", region_name="us-east-1", endpoint_url="http://127.0.0.1:8333").meta

        def __getattr__(self, name: str) -> Any:
            made = refusal(error, status)
            made.response["Error"]["Message"] = message
            raise made

        get_object = head_object = property(lambda self: self.__getattr__(""))  # type: ignore[assignment]

    store = CustomerKeyStore(Refusing(), OneCustomerKey(KEY))
    with pytest.raises(TransferError, match=expected) as caught:
        store.ask(Location("b", "k"), method, "do it", Bucket="b", Key="k", CopySource="b/k")
    assert caught.value.code == error


def test_not_over_plain_http(servers: Servers) -> None:
    """An endpoint that others can listen to is refused when the store is made: no request, no key."""
    client = boto3.client("s3", region_name="us-east-1", endpoint_url="http://s3.example.com:8333")
    with pytest.raises(SettingsError, match=r"over TLS only; found the endpoint http://s3.example.com:8333"):
        CustomerKeyStore(client, OneCustomerKey(KEY))


@pytest.mark.parametrize("text_key", [b"\x00'\"\\" * 8, KEY])
def test_no_key_in_logs_and_errors(s3: Any, place: Location, caplog: pytest.LogCaptureFixture, text_key: bytes) -> None:
    """With everything logged, neither botocore's log nor an error shows a key or its fingerprint."""
    shown = [base64.b64encode(text_key).decode(), repr(text_key)[2:-1]]
    with caplog.at_level(logging.DEBUG):
        store = CustomerKeyStore(s3, OneCustomerKey(text_key))
        store.put(place, b"x")
        store.ask(
            place,
            "copy_object",
            "copy",
            Bucket=place.bucket,
            Key=place.key + "2",
            CopySource=f"{place.bucket}/{place.key}",
        )
        with pytest.raises(TransferError) as caught:
            CustomerKeyStore(s3, OneCustomerKey(OTHER)).get_tail(place, 1)
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert "x-amz-server-side-encryption-customer-key': <hidden>" in logged
    for text in (logged, str(caught.value), repr(caught.value.__dict__), repr(store)):
        assert not any(key in text for key in (*shown, base64.b64encode(OTHER).decode()))
