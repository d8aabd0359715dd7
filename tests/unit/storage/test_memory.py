"""The public fake behaves as S3 does where it matters."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from s3cse.errors import TransferError
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, UploadedPart

PLACE = Location("bucket", "a/b")


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


def test_tail_is_the_end_of_the_object(store: MemoryStore) -> None:
    """Headers and the last bytes come in one request."""
    store.put(PLACE, b"0123456789", {"Name": "x"})
    stored, tail = store.get_tail(PLACE, 4)
    assert (stored.size, stored.metadata, tail) == (10, {"name": "x"}, b"6789")
    assert store.get_tail(PLACE, 100)[1] == b"0123456789"
    assert store.log == [("PUT", "a/b"), ("GET", "a/b"), ("GET", "a/b")]


def test_names_in_two_cases_are_reported(store: MemoryStore) -> None:
    """Doubled metadata is not silently merged."""
    store.put(PLACE, b"", {"Name": "x", "name": "y", "other": "z"})
    assert store.get_tail(PLACE, 1)[0].doubled == ("name",)


def test_range_needs_the_same_object(store: MemoryStore) -> None:
    """A replaced object is 412, a missing one 404, a short one an error."""
    etag = store.put(PLACE, b"0123456789").etag
    out = bytearray(4)
    store.get_into(PLACE, 3, out, etag)
    assert out == b"3456"
    with pytest.raises(TransferError, match="ended early"):
        store.get_into(PLACE, 8, out, etag)
    store.put(PLACE, b"replaced!!")
    with pytest.raises(TransferError) as caught:
        store.get_into(PLACE, 3, out, etag)
    assert caught.value.status == 412
    store.delete([PLACE, PLACE])
    with pytest.raises(TransferError) as caught:
        store.get_tail(PLACE, 1)
    assert (caught.value.status, caught.value.code, caught.value.uri) == (404, "NoSuchKey", PLACE.uri)
    assert store.head(PLACE) is None


def test_conditions_are_on_what_is_there(store: MemoryStore) -> None:
    """A put or a deletion changes only the object that was looked at; a put without one, only nothing."""
    first = store.put_if(PLACE, b"first", {"a": "b"}, etag=None).etag
    for etag in (None, '"another"'):
        with pytest.raises(TransferError) as caught:
            store.put_if(PLACE, b"lost", etag=etag)
        assert caught.value.status == 412
    second = store.put_if(PLACE, b"second", etag=first).etag
    assert not store.delete_if(PLACE, first)
    assert store.get_tail(PLACE, 9)[1] == b"second"
    assert store.delete_if(PLACE, second)
    assert store.head(PLACE) is None
    assert not store.delete_if(PLACE, second)
    with pytest.raises(TransferError):
        store.put_if(PLACE, b"gone", etag=second)
    assert [method for method, _ in store.log] == [
        *("PUT", "PUT", "PUT", "PUT"), *("DELETE", "GET", "DELETE", "HEAD", "DELETE"), "PUT"
    ]  # fmt: skip


def test_upload_is_visible_when_complete_and_not_before(store: MemoryStore) -> None:
    """Parts show nothing; the same number sent again replaces the part."""
    upload = store.create_upload(PLACE, {"x": "y"})
    second = store.upload_part(PLACE, upload, 2, memoryview(b"cd"))
    store.upload_part(PLACE, upload, 1, b"xx")
    first = store.upload_part(PLACE, upload, 1, bytearray(b"ab"))
    assert store.head(PLACE) is None
    assert [pending.upload_id for pending in store.list_uploads(Location("bucket", "a/"))] == [upload]
    store.complete_upload(PLACE, upload, [first, second])
    assert store.get_tail(PLACE, 9)[1] == b"abcd"
    assert list(store.list_uploads(Location("bucket", ""))) == []


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([], "InvalidPartOrder"),
        ([2, 1], "InvalidPartOrder"),
        ([1, 1], "InvalidPartOrder"),
        ([1, 3], "InvalidPart"),
    ],
)
def test_wrong_parts_are_refused(store: MemoryStore, parts: list[int], code: str) -> None:
    """Complete takes what S3 would take."""
    upload = store.create_upload(PLACE, {})
    sent = {number: store.upload_part(PLACE, upload, number, b"x") for number in (1, 2)}
    with pytest.raises(TransferError) as caught:
        store.complete_upload(PLACE, upload, [sent.get(number, UploadedPart(number, "?")) for number in parts])
    assert caught.value.code == code


def test_aborted_upload_is_gone(store: MemoryStore) -> None:
    """After an abort the upload takes no part; a second abort is no error."""
    upload = store.create_upload(PLACE, {})
    store.abort_upload(PLACE, upload)
    store.abort_upload(PLACE, upload)
    with pytest.raises(TransferError) as caught:
        store.upload_part(PLACE, upload, 1, b"x")
    assert caught.value.code == "NoSuchUpload"


def test_unfinished_upload_says_when_it_began_and_what_it_has() -> None:
    """The clock tells the time of the start; parts are listed in order, as they are now."""
    began = datetime(2026, 11, 25, tzinfo=timezone.utc)
    store = MemoryStore(clock=lambda: began)
    upload = store.create_upload(PLACE, {})
    for number, body in ((2, b"xx"), (1, b"x"), (2, b"yyy")):
        store.upload_part(PLACE, upload, number, body)
    assert [row.initiated for row in store.list_uploads(PLACE)] == [began]
    assert [(part.number, part.size) for part in store.list_parts(PLACE, upload)] == [(1, 1), (2, 3)]
    store.abort_upload(PLACE, upload)
    with pytest.raises(TransferError) as caught:
        list(store.list_parts(PLACE, upload))
    assert caught.value.status == 404


def test_list_is_by_prefix_and_in_order(store: MemoryStore) -> None:
    """A listing may run while objects come and go."""
    for key in ("a/2", "a/1", "b"):
        store.put(Location("bucket", key), key.encode())
    store.put(Location("other", "a/3"), b"")
    seen = []
    for row in store.list(Location("bucket", "a/")):
        seen.append((row.location.key, row.size))
        store.delete([row.location])
    assert seen == [("a/1", 3), ("a/2", 3)]


def test_pages_of_a_listing() -> None:
    """Objects and folders come in pages of the size asked for, each once."""
    store = MemoryStore(page_rows=2)
    for key in ("t/a", "t/b/1", "t/b/2", "t/c", "t/d/1", "u"):
        store.put(Location("bucket", key), b"")
    first = store.list_page(Location("bucket", "t/"), folders=True)
    assert [row.location.key for row in first.objects] == ["t/a"]
    assert [row.key for row in first.folders] == ["t/b/"]
    second = store.list_page(Location("bucket", "t/"), first.token, folders=True)
    assert [row.location.key for row in second.objects] == ["t/c"]
    assert [row.key for row in second.folders] == ["t/d/"]
    assert second.token is None
    flat = store.list_page(Location("bucket", "t/b"))
    assert [row.location.key for row in flat.objects] == ["t/b/1", "t/b/2"]
    assert (flat.folders, flat.token) == ((), None)
