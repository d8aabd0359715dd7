"""Completing uploads: once is enough, and lost answers are settled by HEAD."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from s3cse.envelope.profiles import Profile
from s3cse.errors import TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects.put import put_object
from s3cse.objects.settlement import UnsettledError
from s3cse.objects.staged import StagedUpload, complete, is_complete
from s3cse.objects.upload import ObjectWriter

from .fakes import PLACE, FakeKms, RecordingStore, write_object


class Losing(RecordingStore):
    """Loses answers: of Complete after (``done``) or before (``undone``) it was done, or of HEAD.

    What is ``late`` is done between two HEADs.
    """

    lose: tuple[str, ...] = ()

    def complete_upload(self, location, upload_id, parts):  # type: ignore[no-untyped-def]
        if "late" in self.lose:
            self._later = lambda: RecordingStore.complete_upload(self, location, upload_id, parts)
        if {"undone", "late"} & set(self.lose):
            raise TransferError("the connection broke", uri=location.uri)
        etag = super().complete_upload(location, upload_id, parts)
        if "done" in self.lose:
            raise TransferError("the connection broke", uri=location.uri)
        return etag

    def head(self, location):  # type: ignore[no-untyped-def]
        if "head" in self.lose:
            raise TransferError("S3 did not describe the object", uri=location.uri, status=403)
        found = super().head(location)
        if "late" in self.lose:
            self._later()
            self.lose = ()
        return found


@pytest.fixture
def store() -> Losing:
    """A store that loses no answer yet."""
    return Losing()


def staged_in(store: RecordingStore, keyring: KmsKeyring, profile: Profile, text: bytes = b"text") -> StagedUpload:
    with ObjectWriter(store, PLACE, keyring, profile, part_bytes=64) as writer:
        writer.write(text)
        return writer.finish()


def test_complete_makes_visible_and_asks_nothing_else(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """The normal way is one request."""
    staged = staged_in(store, keyring, profile)
    assert not is_complete(store, staged)
    store.log.clear()
    complete(store, staged)
    assert store.log == [("COMPLETE", PLACE.key)]
    assert is_complete(store, staged)


def test_complete_may_be_repeated(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """NoSuchUpload for an upload that is done is no error, in this process or another."""
    staged = staged_in(store, keyring, profile)
    complete(store, staged)
    body = store.body()
    complete(store, pickle.loads(pickle.dumps(staged)))
    assert store.body() == body


def test_lost_answer_is_settled_by_head(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """A connection that breaks after Complete has worked costs a HEAD."""
    staged = staged_in(store, keyring, profile)
    store.lose = ("done",)
    store.log.clear()
    complete(store, staged)
    assert store.log == [("COMPLETE", PLACE.key), ("HEAD", PLACE.key)]


def test_late_completion_is_waited_for(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """S3 may still be at it when the first HEAD comes: that one is not the last."""
    staged = staged_in(store, keyring, profile)
    store.lose = ("late",)
    store.log.clear()
    assert complete(store, staged) is None
    assert [method for method, _ in store.log].count("HEAD") == 2
    assert is_complete(store, staged)


def test_object_that_nothing_tells_from_others_is_never_complete(store: Losing) -> None:
    """A plain object of the same length may be anybody's."""
    store.put(PLACE, b"text", {})
    assert not is_complete(store, StagedUpload(PLACE, "", (), {}, 4, 4))


def test_complete_that_failed_is_an_error(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """Where HEAD finds nothing, the first error is raised."""
    staged = staged_in(store, keyring, profile)
    store.lose = ("undone",)
    with pytest.raises(TransferError, match="the connection broke"):
        complete(store, staged)
    store.lose = ()
    complete(store, staged)


def test_object_of_somebody_else_does_not_count(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """An object of the same length at the same place is not ours: wrapped key and IV decide."""
    staged = staged_in(store, keyring, profile)
    write_object(store, keyring, profile, b"more")
    assert len(store.body()) == staged.stored_bytes
    store.lose = ("undone",)
    with pytest.raises(TransferError, match="the connection broke"):
        complete(store, staged)


@pytest.mark.parametrize("name", ["x-amz-key-v2", "x-amz-iv"])
def test_key_and_iv_both_count(store: Losing, keyring: KmsKeyring, profile: Profile, name: str) -> None:
    """One equal header is not enough, and neither is another length."""
    staged = staged_in(store, keyring, profile)
    complete(store, staged)
    assert not is_complete(store, replace(staged, stored_bytes=staged.stored_bytes + 16))
    store.damage(metadata=store.metadata() | {name: "AAAA"})
    assert not is_complete(store, staged)


def test_no_answer_at_all_says_so(store: Losing, keyring: KmsKeyring, profile: Profile) -> None:
    """Where HEAD is refused too, nobody knows: the error says that, keeps the first cause, and advises to repeat."""
    staged = staged_in(store, keyring, profile)
    store.lose = ("done", "head")
    with pytest.raises(UnsettledError, match=r"did not say whether.*Do the same again") as caught:
        complete(store, staged)
    assert caught.value.uri == PLACE.uri
    assert "connection broke" in str(caught.value.__cause__)
    store.lose = ()
    complete(store, staged)


def test_small_object_that_cannot_be_completed_leaves_nothing(
    store: Losing, keyring: KmsKeyring, profile: Profile
) -> None:
    """put_object aborts what it could not complete."""
    store.lose = ("undone",)
    with pytest.raises(TransferError, match="the connection broke"):
        put_object(store, PLACE, keyring, profile, b"text" * 5, part_bytes=16)
    assert list(store.list_uploads(PLACE)) == []
    assert store.head(PLACE) is None


def test_staged_upload_holds_no_secret(store: Losing, kms: FakeKms, keyring: KmsKeyring, profile: Profile) -> None:
    """What executors send to the driver has neither key nor plaintext in it."""
    staged = staged_in(store, keyring, profile, b"top secret text!" * 3)
    seen = pickle.dumps(staged) + repr(staged).encode() + str(staged).encode()
    assert pickle.loads(pickle.dumps(staged)) == staged
    assert b"top secret" not in seen
    assert kms.secrets[0] not in seen
