"""S3Store against a real server, and through a proxy that fails on demand."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from faults.s3_faults import SLOW_DOWN, Answer, Call, Fault, LoseAnswer, Reset, Truncate
from faults.s3_proxy import S3Proxy
from s3cse.errors import TransferError
from s3cse.local import Servers
from s3cse.storage.port import ListedPage, Location
from s3cse.storage.s3 import BODY_ATTEMPTS, S3Store, s3_client

MIB = 1 << 20
BODY = os.urandom(3 * MIB + 5)


@pytest.fixture(scope="module")
def store(servers: Servers) -> S3Store:
    """A store on the server."""
    return S3Store(servers.s3_client())


@pytest.fixture
def through_proxy(servers: Servers, s3_proxy: S3Proxy) -> S3Store:
    """A store whose requests pass the fault proxy."""
    return S3Store(servers.s3_client(s3_proxy.url))


@pytest.fixture
def place(shared_bucket: str) -> Location:
    """A place of the test's own."""
    return Location(shared_bucket, f"{uuid.uuid4().hex}/ключ a+b%20?#.bin")


def test_put_head_tail_and_delete(store: S3Store, place: Location) -> None:
    """A small object's whole life, with metadata."""
    assert store.head(place) is None
    etag = store.put(place, b"0123456789", {"x-amz-iv": "AA==", "Name": "v"}).etag
    stored, tail = store.get_tail(place, 4)
    assert (stored.size, stored.etag, tail) == (10, etag, b"6789")
    assert stored.metadata == {"x-amz-iv": "AA==", "name": "v"}
    assert store.head(place) == stored
    store.delete([place, place])
    store.delete([place])
    assert store.head(place) is None


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101])
def test_tail_of_any_size(store: S3Store, place: Location, size: int) -> None:
    """Shorter, equal and longer objects than the tail that is asked for, the empty one included."""
    store.put(place, BODY[:size])
    stored, tail = store.get_tail(place, 100)
    assert (stored.size, tail) == (size, BODY[:size][-100:])


def test_missing_object_is_404(store: S3Store, place: Location) -> None:
    """Opening what is not there names it and says what to do."""
    with pytest.raises(TransferError, match=r"NoSuchKey.*list the table again") as caught:
        store.get_tail(place, 100)
    assert (caught.value.status, caught.value.uri) == (404, place.uri)


def test_missing_bucket_is_404(store: S3Store) -> None:
    """A bucket that is not there is told from an object that is not there."""
    with pytest.raises(TransferError, match=r"NoSuchBucket.*bucket's name"):
        store.get_tail(Location(f"absent-{uuid.uuid4().hex}", "k"), 100)


@pytest.mark.parametrize(("start", "length"), [(0, 1), (0, len(BODY)), (17, 2 * MIB), (len(BODY) - 1, 1)])
def test_range_is_filled(store: S3Store, place: Location, start: int, length: int) -> None:
    """Any range arrives in the buffer given."""
    etag = store.put(place, BODY).etag
    out = bytearray(length)
    store.get_into(place, start, out, etag)
    assert out == BODY[start : start + length]


def test_replaced_object_is_412(store: S3Store, place: Location) -> None:
    """If-Match is sent and understood."""
    etag = store.put(place, b"old").etag
    store.put(place, b"new")
    with pytest.raises(TransferError, match="It was replaced while it was read") as caught:
        store.get_into(place, 0, bytearray(3), etag)
    assert caught.value.status == 412


def test_conditions_are_on_what_is_there(store: S3Store, place: Location) -> None:
    """The server heeds them: what came meanwhile is neither replaced nor deleted."""
    first = store.put_if(place, b"first", {"a": "b"}, etag=None).etag
    for etag in (None, '"00000000000000000000000000000000"'):
        with pytest.raises(TransferError) as caught:
            store.put_if(place, b"lost", etag=etag)
        assert caught.value.status == 412
    stored, body = store.get_tail(place, 9)
    assert (stored.metadata, body) == ({"a": "b"}, b"first")
    second = store.put_if(place, b"second", etag=first).etag
    assert not store.delete_if(place, first)
    assert store.get_tail(place, 9)[1] == b"second"
    assert store.delete_if(place, second)
    assert store.head(place) is None
    assert not store.delete_if(place, second)
    with pytest.raises(TransferError) as caught:
        store.put_if(place, b"gone", etag=second)
    assert caught.value.status in (404, 412)


def test_upload_in_parts_of_any_order(store: S3Store, place: Location) -> None:
    """Parts may be sent in any order and again; nothing shows before Complete."""
    first, second = BODY[:MIB] * 5, BODY[:7]
    upload = store.create_upload(place, {"x-amz-iv": "AA=="})
    parts = [store.upload_part(place, upload, 2, memoryview(second)), store.upload_part(place, upload, 1, b"x")]
    parts = [store.upload_part(place, upload, 1, bytearray(first)), parts[0]]
    assert store.head(place) is None
    assert [row.upload_id for row in store.list_uploads(place)] == [upload]
    store.complete_upload(place, upload, parts)
    stored, tail = store.get_tail(place, 10)
    assert (stored.size, tail) == (len(first) + 7, (first + second)[-10:])
    assert stored.metadata["x-amz-iv"] == "AA=="
    assert list(store.list_uploads(place)) == []


def test_unfinished_upload_says_when_it_began_and_what_it_has(store: S3Store, place: Location) -> None:
    """The server's time comes with its zone; parts are listed with their sizes."""
    upload = store.create_upload(place, {})
    for number, body in ((2, b"yyy"), (1, b"x")):
        store.upload_part(place, upload, number, body)
    (pending,) = store.list_uploads(place)
    assert abs(datetime.now(timezone.utc) - pending.initiated) < timedelta(minutes=5)
    assert [(part.number, part.size) for part in store.list_parts(place, upload)] == [(1, 1), (2, 3)]
    store.abort_upload(place, upload)
    with pytest.raises(TransferError, match="NoSuchUpload"):
        list(store.list_parts(place, upload))


def test_aborted_upload_is_gone(store: S3Store, place: Location) -> None:
    """After an abort nothing is listed, and a second one is no error."""
    upload = store.create_upload(place, {})
    store.upload_part(place, upload, 1, b"x")
    store.abort_upload(place, upload)
    store.abort_upload(place, upload)
    assert list(store.list_uploads(place)) == []
    with pytest.raises(TransferError, match="NoSuchUpload"):
        store.complete_upload(place, upload, [])


def test_more_than_a_thousand_objects(store: S3Store, s3: Any, bucket: str) -> None:
    """Listing goes on behind the first page, in order; deleting takes all of them."""
    for index in range(1005):
        s3.put_object(Bucket=bucket, Key=f"t/{index:04d}")
    s3.put_object(Bucket=bucket, Key="u")
    rows = list(store.list(Location(bucket, "t/")))
    assert [row.location.key for row in rows] == [f"t/{index:04d}" for index in range(1005)]
    store.delete([row.location for row in rows])
    assert [row.location.key for row in store.list(Location(bucket, ""))] == ["u"]


def pages(store: S3Store, prefix: Location, *, folders: bool = False) -> list[ListedPage]:
    """Return all pages of a listing."""
    found = [store.list_page(prefix, folders=folders)]
    while found[-1].token is not None:
        found.append(store.list_page(prefix, found[-1].token, folders=folders))
    return found


def test_pages_of_a_listing(s3: Any, bucket: str) -> None:
    """Page by page, by a prefix that ends within a name, and by folders, everything comes once."""
    keys = [f"t/p={folder}/{at} é+%" for folder in ("1", "1-2", "10", "2") for at in range(5)]
    for key in [*keys, "t/file", "u/p=1/0"]:
        s3.put_object(Bucket=bucket, Key=key)
    store = S3Store(s3, {"list_objects_v2": {"MaxKeys": 3}})
    found = [row.location.key for page in pages(store, Location(bucket, "t/p=1")) for row in page.objects]
    assert sorted(found) == sorted(keys[:15])
    by_folder = pages(store, Location(bucket, "t/"), folders=True)
    assert len(by_folder) > 1
    named = sorted(folder.key for page in by_folder for folder in page.folders)
    assert named == ["t/p=1-2/", "t/p=1/", "t/p=10/", "t/p=2/"]
    assert [row.location.key for page in by_folder for row in page.objects] == ["t/file"]


@pytest.mark.parametrize("fault", [Reset(after=MIB + 3), Truncate(after=MIB + 3)])
def test_cut_body_is_resumed(
    through_proxy: S3Store, s3_proxy: S3Proxy, place: Location, fault: Reset | Truncate
) -> None:
    """A connection that breaks within a body costs a request for the rest, not the read."""
    etag = through_proxy.put(place, BODY).etag
    s3_proxy.fail(Fault(fault, method="GET", nth=1), Fault(fault, method="GET", nth=2))
    out = bytearray(len(BODY))
    through_proxy.get_into(place, 0, out, etag)
    assert out == BODY
    ranges = [request.range for request in s3_proxy.find("GET")]
    assert len(ranges) == 3
    # A reset may take bytes with it that had already come; an orderly end does not.
    assert isinstance(fault, Reset) or len(set(ranges)) == 3


def test_body_that_never_comes_whole_is_an_error(through_proxy: S3Store, s3_proxy: S3Proxy, place: Location) -> None:
    """A read that makes no progress ends with a clear error."""
    etag = through_proxy.put(place, BODY).etag
    s3_proxy.fail(Fault(Truncate(after=0), method="GET"))
    with pytest.raises(TransferError, match=r"ended early|connection broke"):
        through_proxy.get_into(place, 0, bytearray(100), etag)
    assert s3_proxy.count("GET") == BODY_ATTEMPTS


def test_busy_server_is_waited_out(through_proxy: S3Store, s3_proxy: S3Proxy, place: Location) -> None:
    """SlowDown is repeated by botocore and does not show."""
    s3_proxy.fail(Fault(SLOW_DOWN, nth=1), Fault(SLOW_DOWN, method="GET", nth=1))
    through_proxy.put(place, b"x")
    assert through_proxy.get_tail(place, 10)[1] == b"x"


def test_object_replaced_within_a_cut_body(
    through_proxy: S3Store, s3_proxy: S3Proxy, store: S3Store, place: Location
) -> None:
    """A body that is cut while the object is replaced is an error, never a mix of both."""
    etag = through_proxy.put(place, BODY).etag
    s3_proxy.fail(
        Fault(Truncate(after=MIB), method="GET", nth=1),
        Fault(Call(before=lambda request: store.put(place, BODY[::-1])), method="GET", nth=2),
    )
    with pytest.raises(TransferError) as caught:
        through_proxy.get_into(place, 0, bytearray(len(BODY)), etag)
    assert caught.value.status == 412


def test_retried_part_sends_the_same_bytes(through_proxy: S3Store, s3_proxy: S3Proxy, place: Location) -> None:
    """A part whose answer was lost is sent again as it was."""
    part = bytearray(BODY[:MIB])
    upload = through_proxy.create_upload(place, {})
    s3_proxy.fail(Fault(LoseAnswer(), method="PUT", nth=1), Fault(SLOW_DOWN, method="PUT", nth=2))
    sent = through_proxy.upload_part(place, upload, 1, part)
    assert s3_proxy.count("PUT") == 3
    through_proxy.complete_upload(place, upload, [sent])
    assert through_proxy.get_tail(place, 2 * MIB)[1] == part


ERRORS = [
    (403, "AccessDenied", "allow this identity"),
    (400, "ExpiredToken", "credentials"),
    (404, "NoSuchBucket", "Region"),
]


@pytest.mark.parametrize(("status", "code", "advice"), ERRORS)
def test_every_method_translates_refusals(
    through_proxy: S3Store, s3_proxy: S3Proxy, place: Location, status: int, code: str, advice: str
) -> None:
    """Whatever is asked, a refusal is a TransferError with object, status, code, advice and cause."""
    s3_proxy.fail(Fault(Answer.error(status, code)))
    calls: list[Callable[[], object]] = [
        lambda: through_proxy.get_tail(place, 9),
        lambda: through_proxy.get_into(place, 0, bytearray(9), '"e"'),
        lambda: list(through_proxy.list(place)),
        lambda: through_proxy.list_page(place),
        lambda: through_proxy.put(place, b""),
        lambda: through_proxy.delete([place]),
        lambda: through_proxy.create_upload(place, {}),
        lambda: through_proxy.upload_part(place, "u", 1, b"x"),
        lambda: through_proxy.complete_upload(place, "u", []),
        lambda: list(through_proxy.list_uploads(place)),
        lambda: list(through_proxy.list_parts(place, "u")),
    ]
    for call in calls:
        with pytest.raises(TransferError) as caught:
            call()
        error = caught.value
        assert (error.status, error.code, error.uri) == (status, code, place.uri)
        assert code in str(error)
        assert advice.lower() in str(error).lower()
        assert error.__cause__ is not None


def test_refused_head_has_a_status_only(through_proxy: S3Store, s3_proxy: S3Proxy, place: Location) -> None:
    """HEAD has no body to tell an error code; the status gives the advice."""
    s3_proxy.fail(Fault(Answer(403)))
    with pytest.raises(TransferError, match="llow this identity") as caught:
        through_proxy.head(place)
    assert caught.value.status == 403


def test_error_inside_a_complete_of_status_200(through_proxy: S3Store, s3_proxy: S3Proxy, place: Location) -> None:
    """S3 may answer Complete with 200 and an error in the body: that is no success."""
    upload = through_proxy.create_upload(place, {})
    part = through_proxy.upload_part(place, upload, 1, b"x")
    s3_proxy.fail(Fault(Answer.error(200, "InternalError"), method="POST"))
    with pytest.raises(TransferError, match="InternalError"):
        through_proxy.complete_upload(place, upload, [part])


def test_recommended_client_works(servers: Servers, place: Location, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client that we recommend talks to the server, with default checksums on uploads."""
    for name, value in servers.environment().items():
        monkeypatch.setenv(name, value)
    store = S3Store(s3_client(servers.region, servers.s3_url))
    upload = store.create_upload(place, {"a": "b"})
    part = store.upload_part(place, upload, 1, b"x" * 100)
    store.complete_upload(place, upload, [part])
    assert store.get_tail(place, 10)[1] == b"x" * 10
    assert store._boto.meta.config.retries["total_max_attempts"] == 6


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_may_not_use_the_parents_client(store: S3Store, place: Location) -> None:
    """Two processes never share one connection to S3; the parent's goes on working."""
    store.put(place, b"x")
    pid = os.fork()
    if pid == 0:
        signal.alarm(20)  # a deadlock ends the child
        try:
            store.get_tail(place, 9)
        except TransferError as error:
            os._exit(0 if "made in another process" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert store.get_tail(place, 9)[1] == b"x"
