"""S3Store against servers and proxies that do not keep to what was asked."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
    ResponseStreamingError,
)
from urllib3.exceptions import SSLError

from s3cse.errors import TransferError
from s3cse.storage.port import Location
from s3cse.storage.s3 import BODY_ATTEMPTS, S3Store
from s3cse.storage.s3_answers import stored_object

from .fake_client import BODY, ETAG, Body, FakeClient, refusal, status

PLACE = Location("bucket", "key")
SIZE = len(BODY)


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Pauses between attempts are noted and not made."""
    made: list[float] = []
    monkeypatch.setattr("s3cse.storage.s3.time.sleep", made.append)
    return made


def test_tail_is_one_suffix_request() -> None:
    """A proper server gets one GET with a suffix range and nothing else."""
    client = FakeClient()
    stored, tail = S3Store(client).get_tail(PLACE, 100)
    assert (stored.size, stored.etag, dict(stored.metadata)) == (SIZE, ETAG, {"a": "b"})
    assert tail == BODY[-100:]
    assert client.requests == [{"Bucket": "bucket", "Key": "key", "Range": "bytes=-100"}]


@pytest.mark.parametrize("length", [1, 100, SIZE - 1, SIZE, SIZE + 1])
def test_tail_of_a_server_without_ranges(length: int) -> None:
    """A 200 with the whole object gives the same tail."""
    client = FakeClient()
    client.bend = lambda arguments, answer: client.whole()
    stored, tail = S3Store(client).get_tail(PLACE, length)
    assert (stored.size, tail) == (SIZE, BODY[-length:])
    assert len(client.requests) == 1


def test_large_object_of_a_server_without_suffix_ranges_is_not_read_whole() -> None:
    """A 200 with a large body is dropped, and the end asked for by position under If-Match."""
    client = FakeClient(BODY * 1024)
    client.bend = lambda arguments, answer: client.whole() if arguments["Range"].startswith("bytes=-") else answer
    stored, tail = S3Store(client).get_tail(PLACE, 100)
    assert (stored.size, tail) == (SIZE * 1024, BODY[-100:])
    first = stored.size - 100
    assert client.requests[1] == {
        "Bucket": "bucket", "Key": "key", "Range": f"bytes={first}-{stored.size - 1}", "IfMatch": ETAG,
    }  # fmt: skip
    assert client.bodies[0].closed


def test_large_object_of_a_server_without_any_ranges_is_refused() -> None:
    """A server that ignores every Range is named as the problem."""
    client = FakeClient(BODY * 1024)
    client.bend = lambda arguments, answer: client.whole()
    with pytest.raises(TransferError, match=r"another range.*does not honour Range"):
        S3Store(client).get_tail(PLACE, 100)


def test_416_of_an_empty_object() -> None:
    """An empty object is empty, with the metadata that a HEAD tells."""
    client = FakeClient(b"")

    def refuse(arguments: Any, answer: Any) -> Any:
        raise refusal("InvalidRange", 416)

    client.bend = refuse
    stored, tail = S3Store(client).get_tail(PLACE, 100)
    assert (stored.size, stored.etag, dict(stored.metadata), tail) == (0, ETAG, {"a": "b"}, b"")


def test_416_of_an_object_that_is_not_empty() -> None:
    """A server that refuses suffix ranges does not make an object look empty."""
    client = FakeClient()

    def refuse(arguments: Any, answer: Any) -> Any:
        if arguments["Range"].startswith("bytes=-"):
            raise refusal("InvalidRange", 416)
        return answer

    client.bend = refuse
    stored, tail = S3Store(client).get_tail(PLACE, 100)
    assert (stored.size, tail) == (SIZE, BODY[-100:])


BAD_RANGES = [
    f"bytes 0-99/{SIZE}", f"bytes {SIZE - 101}-{SIZE - 2}/{SIZE}", f"bytes {SIZE - 99}-{SIZE - 1}/{SIZE}",
    "bytes 0-99/*", "bytes */100", "items 0-99/100", "bytes 99-0/100", "bytes 0-100/100", "", "bytes x-y/z",
]  # fmt: skip


@pytest.mark.parametrize("text", BAD_RANGES)
def test_tail_of_another_range_is_refused(text: str) -> None:
    """Bytes from elsewhere never pass for the end of the object."""
    client = FakeClient(bend=lambda arguments, answer: answer | {"ContentRange": text})
    with pytest.raises(TransferError, match="s3://bucket/key: the answer holds another range"):
        S3Store(client).get_tail(PLACE, 100)


def test_partial_answer_without_content_range_is_refused() -> None:
    """The length of a part never passes for the object's."""
    client = FakeClient()

    def bend(arguments: Any, answer: Any) -> Any:
        del answer["ContentRange"]
        return answer

    client.bend = bend
    with pytest.raises(TransferError, match="another range"):
        S3Store(client).get_tail(PLACE, 100)
    with pytest.raises(TransferError, match="another range"):
        S3Store(client).get_into(PLACE, 0, bytearray(100), ETAG)


def test_answer_without_etag_is_refused() -> None:
    """Without an ETag two requests cannot be known to meet one object."""
    client = FakeClient(bend=lambda arguments, answer: answer | {"ETag": ""})
    with pytest.raises(TransferError, match="no ETag"):
        S3Store(client).get_tail(PLACE, 100)


@pytest.mark.parametrize(("start", "length"), [(0, 1), (0, SIZE), (1, 16), (SIZE - 1, 1)])
def test_range_lands_in_the_callers_buffer(start: int, length: int) -> None:
    """The bytes asked for, under If-Match, in the buffer given."""
    client = FakeClient()
    out = bytearray(length)
    S3Store(client).get_into(PLACE, start, memoryview(out), ETAG)
    assert out == BODY[start : start + length]
    assert client.requests[0]["Range"] == f"bytes={start}-{start + length - 1}"
    assert client.requests[0]["IfMatch"] == ETAG


def test_empty_range_asks_for_nothing() -> None:
    """No bytes, no request."""
    client = FakeClient()
    S3Store(client).get_into(PLACE, 5, bytearray(), ETAG)
    assert client.requests == []


@pytest.mark.parametrize(
    "text", [f"bytes 0-99/{SIZE}", f"bytes 11-109/{SIZE}", "bytes 10-109/*", "bytes 10-109/50", "bytes 10-9/50"]
)
def test_other_range_than_asked_for_is_refused(text: str) -> None:
    """A proxy that answers with other bytes is found out."""
    client = FakeClient(bend=lambda arguments, answer: answer | {"ContentRange": text})
    with pytest.raises(TransferError, match="another range"):
        S3Store(client).get_into(PLACE, 10, bytearray(100), ETAG)


def test_whole_object_for_a_range_from_its_start_is_taken_and_closed() -> None:
    """A 200 in answer to a range from byte 0 has the right bytes first; the rest is not read."""
    client = FakeClient()
    client.bend = lambda arguments, answer: client.whole()
    out = bytearray(100)
    S3Store(client).get_into(PLACE, 0, out, ETAG)
    assert out == BODY[:100]
    assert client.bodies[0].closed
    with pytest.raises(TransferError, match="found bytes from 0 to 4096; expected bytes=1-100"):
        S3Store(client).get_into(PLACE, 1, out, ETAG)


def test_server_that_ignores_if_match_is_found_out() -> None:
    """An answer with another ETag is 412, as if the server had said it."""
    client = FakeClient(bend=lambda arguments, answer: answer | {"ETag": '"new"'})
    with pytest.raises(TransferError, match=r'found ETag "new"; expected ETag "etag".*replaced') as caught:
        S3Store(client).get_into(PLACE, 0, bytearray(100), ETAG)
    assert caught.value.status == 412


BREAKS = [
    None,
    ResponseStreamingError(error="x"),
    ReadTimeoutError(endpoint_url="x", error="x"),
    SSLError("x"),
]


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_cut_body_is_resumed_where_it_stopped(error: Exception | None, no_pauses: list[float]) -> None:
    """A body that breaks is continued from its last byte, under If-Match, after a pause."""
    goods = iter([0, 7, 50])
    client = FakeClient()

    def bend(arguments: Any, answer: Any) -> Any:
        good = next(goods, None)
        return answer if good is None else answer | {"Body": Body(answer["Body"].getvalue(), good, error)}

    client.bend = bend
    out = bytearray(100)
    S3Store(client).get_into(PLACE, 1000, out, ETAG)
    assert out == BODY[1000:1100]
    wanted = ["bytes=1000-1099", "bytes=1000-1099", "bytes=1007-1099", "bytes=1057-1099"]
    assert [request["Range"] for request in client.requests] == wanted
    assert {request["IfMatch"] for request in client.requests} == {ETAG}
    assert len(no_pauses) == 3
    assert all(body.closed for body in client.bodies)


@pytest.mark.parametrize("error", BREAKS, ids=lambda error: type(error).__name__)
def test_body_that_always_breaks_is_a_clear_error(error: Exception | None) -> None:
    """After the last attempt the caller hears what happened to which object."""
    client = FakeClient(bend=lambda arguments, answer: answer | {"Body": Body(b"", 0, error)})
    for read in (lambda store: store.get_into(PLACE, 0, bytearray(9), ETAG), lambda store: store.get_tail(PLACE, 9)):
        client.requests.clear()
        with pytest.raises(TransferError) as caught:
            read(S3Store(client))
        assert len(client.requests) == BODY_ATTEMPTS
        assert str(caught.value).startswith("s3://bucket/key: ")
        assert None not in (caught.value.found, caught.value.expected, caught.value.fix)


def test_cut_tail_is_asked_for_again() -> None:
    """A tail that breaks is fetched anew, headers included."""
    bodies = iter([Body(BODY[-100:], 50)])
    client = FakeClient(bend=lambda arguments, answer: answer | {"Body": next(bodies, answer["Body"])})
    assert S3Store(client).get_tail(PLACE, 100)[1] == BODY[-100:]
    assert len(client.requests) == 2


REQUEST_ERRORS: list[tuple[Exception, str]] = [
    (EndpointConnectionError(endpoint_url="https://s3.example"), "the connection broke; found EndpointConnectionError"),
    (ConnectTimeoutError(endpoint_url="x", error="x"), "the connection broke; found ConnectTimeoutError"),
    (NoCredentialsError(), "could not be asked to send the object; found Unable to locate credentials"),
    (refusal("AccessDenied", 403), "found AccessDenied: because; expected no error. Allow this identity s3:GetObject"),
    (refusal("NoSuchKey", 404), "list the table again"),
    (refusal("NoSuchBucket", 404), "check the bucket's name|Check the bucket's name"),
    (refusal("PreconditionFailed", 412), "expected the object as it was when it was opened. It was replaced"),
    (refusal("SlowDown", 503), "throttling"),
    (refusal("ExpiredToken", 400), "credentials"),
    (refusal("PermanentRedirect", 301), "Region"),
    (refusal("SomethingNew", 400), "S3 documentation"),
]


@pytest.mark.parametrize(("error", "text"), REQUEST_ERRORS, ids=lambda value: str(value)[:30])
def test_refused_requests_are_not_repeated_here(error: Exception, text: str) -> None:
    """botocore has already repeated what can be: each error is translated at once, with its cause and advice."""
    client = FakeClient()

    def refuse(arguments: Any, answer: Any) -> Any:
        raise error

    client.bend = refuse
    with pytest.raises(TransferError, match=text) as caught:
        S3Store(client).get_into(PLACE, 0, bytearray(9), ETAG)
    assert len(client.requests) == 1
    assert caught.value.__cause__ is error
    assert caught.value.uri == PLACE.uri
    assert None not in (caught.value.found, caught.value.expected, caught.value.fix)


def test_status_and_code_are_kept() -> None:
    """Callers can decide by HTTP status and S3 code."""
    client = FakeClient()

    def refuse(arguments: Any, answer: Any) -> Any:
        raise refusal("NoSuchKey", 404)

    client.bend = refuse
    with pytest.raises(TransferError) as caught:
        S3Store(client).get_tail(PLACE, 9)
    assert (caught.value.status, caught.value.code) == (404, "NoSuchKey")


def test_metadata_names_in_two_cases_are_reported() -> None:
    """Names that differ in case only are reported, not merged."""
    answer = {**status(200), "ContentLength": 1, "ETag": ETAG, "Metadata": {"Name": "x", "name": "y", "b": "z"}}
    stored = stored_object(PLACE, answer)
    assert (stored.doubled, stored.metadata["name"]) == (("name",), "y")


class Pages:
    """A client with one paginator, which fails after ``good`` pages."""

    def __init__(self, good: int) -> None:
        self.good = good

    def get_paginator(self, operation: str) -> Pages:
        return self

    def paginate(self, **arguments: str) -> Any:
        for index in range(self.good):
            yield {"Contents": [{"Key": f"k{index}", "Size": 1, "ETag": ETAG}]}
        raise refusal("AccessDenied", 403, "ListObjectsV2")


def test_listing_translates_its_own_errors_only() -> None:
    """What the consumer throws into a listing stays what it is; S3's refusal of a later page is translated."""
    rows = S3Store(Pages(2)).list(PLACE)
    next(rows)
    mine = refusal("SlowDown", 503)
    with pytest.raises(type(mine)) as caught:
        rows.throw(mine)  # type: ignore[attr-defined]
    assert caught.value is mine
    seen = []
    with pytest.raises(TransferError, match="did not list what is under the object; found AccessDenied"):
        seen.extend(S3Store(Pages(2)).list(PLACE))
    rows = S3Store(Pages(2)).list(PLACE)
    assert [next(rows).location.key, next(rows).location.key] == ["k0", "k1"]


class Deleter:
    """A client whose DeleteObjects answers with the given errors, one list per call."""

    def __init__(self, *answers: list[dict[str, str]]) -> None:
        self.answers = list(answers)
        self.asked: list[list[str]] = []

    def delete_objects(self, Bucket: str, Delete: Any) -> Any:  # noqa: N803 - boto3's names
        self.asked.append([row["Key"] for row in Delete["Objects"]])
        return {"Errors": self.answers.pop(0) if self.answers else []}


def test_keys_that_s3_was_too_busy_for_are_deleted_again() -> None:
    """Errors of single keys inside a 200 are repeated for those keys only."""
    client = Deleter([{"Key": "b", "Code": "SlowDown"}], [{"Key": "b", "Code": "InternalError"}])
    S3Store(client).delete([Location("bucket", key) for key in "abc"])
    assert client.asked == [["a", "b", "c"], ["b"], ["b"]]


def test_refused_delete_names_the_object() -> None:
    """A key that may not be deleted is named, even behind one that was only delayed."""
    client = Deleter([{"Key": "a", "Code": "SlowDown"}, {"Key": "b", "Code": "AccessDenied", "Message": "no"}])
    with pytest.raises(TransferError, match="s3://bucket/b: S3 did not delete the object; found AccessDenied: no"):
        S3Store(client).delete([Location("bucket", key) for key in "abc"])


def test_busy_for_ever_is_an_error() -> None:
    """Repeated deletes end."""
    client = Deleter(*[[{"Key": "a", "Code": "SlowDown"}]] * 99)
    with pytest.raises(TransferError, match=r"SlowDown.*throttling"):
        S3Store(client).delete([PLACE])
    assert len(client.asked) == BODY_ATTEMPTS


def test_delete_goes_by_bucket_and_thousand() -> None:
    """No request has more keys than S3 takes, and keys that are gone are no error."""
    client = Deleter([{"Key": "k0", "Code": "NoSuchKey"}])
    S3Store(client).delete([Location(bucket, f"k{index}") for index in range(1001) for bucket in ("x", "y")])
    assert [len(keys) for keys in client.asked] == [1000, 1, 1000, 1]
    S3Store(client).delete([])
    assert len(client.asked) == 4


class Teller:
    """A client that remembers what its methods were asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Any:
        def ask(**arguments: Any) -> Any:
            self.asked.append((method, arguments))
            return {"ETag": ETAG, **status(200)}

        return ask


class Conditional(Teller):
    """A client that refuses every request with a condition."""

    def __init__(self, code: str, http: int) -> None:
        super().__init__()
        self.error = refusal(code, http)

    def __getattr__(self, method: str) -> Any:
        tell = super().__getattr__(method)

        def ask(**arguments: Any) -> Any:
            answer = tell(**arguments)
            if {"IfMatch", "IfNoneMatch"} & arguments.keys():
                raise self.error
            return answer

        return ask


def test_servers_without_conditions_are_asked_without() -> None:
    """501 says that a server does not know them: then the look before is all that there is."""
    client = Conditional("NotImplemented", 501)
    store = S3Store(client)
    assert store.put_if(PLACE, b"x", etag=None).etag == ETAG
    assert store.put_if(PLACE, b"x", {"a": "b"}, etag=ETAG).etag == ETAG
    assert store.delete_if(PLACE, ETAG)
    put = {"Bucket": "bucket", "Key": "key", "Body": b"x", "Metadata": {}}
    assert client.asked == [
        ("put_object", {**put, "IfNoneMatch": "*"}),
        ("put_object", put),
        ("put_object", {**put, "Metadata": {"a": "b"}, "IfMatch": ETAG}),
        ("put_object", {**put, "Metadata": {"a": "b"}}),
        ("delete_object", {"Bucket": "bucket", "Key": "key", "IfMatch": ETAG}),
        ("delete_object", {"Bucket": "bucket", "Key": "key"}),
    ]


@pytest.mark.parametrize(
    ("code", "http"),
    [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409), ("NoSuchKey", 404), ("AccessDenied", 403)],
)
def test_refused_conditions(code: str, http: int) -> None:
    """A put whose condition does not hold is an error with S3's status; a deletion says that it was not done."""
    client = Conditional(code, http)
    store = S3Store(client)
    with pytest.raises(TransferError) as caught:
        store.put_if(PLACE, b"x", etag=ETAG)
    assert (caught.value.status, caught.value.code) == (http, code)
    if http == 403:
        with pytest.raises(TransferError, match="AccessDenied"):
            store.delete_if(PLACE, ETAG)
    else:
        assert not store.delete_if(PLACE, ETAG)
    assert len(client.asked) == 2


def test_further_arguments_go_where_they_belong() -> None:
    """Arguments about one object are not sent with requests about another; the call's own come first."""
    client, other = Teller(), Location("bucket", "other")
    store = S3Store(client).sending({"put_object": {"Tagging": "a", "Body": b"no"}})
    store = store.sending({"put_object": {"IfMatch": "x"}}, about=PLACE).sending({"put_object": {"ACL": "b"}})
    for place in (PLACE, other):
        assert store.put(place, b"1").etag == ETAG
    sent = {"Bucket": "bucket", "Body": b"1", "Metadata": {}, "Tagging": "a", "ACL": "b"}
    assert client.asked == [
        ("put_object", {**sent, "Key": "key", "IfMatch": "x"}),
        ("put_object", {**sent, "Key": "other"}),
    ]


def test_derived_stores_belong_to_the_same_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that is derived in a forked child still is its parent's."""
    store = S3Store(Teller())
    monkeypatch.setattr("s3cse.storage.s3.os.getpid", lambda: -1)
    with pytest.raises(TransferError, match="another process"):
        store.sending({}).put(PLACE, b"")
