"""Envelopes in instruction files, and the key commitment of format V3: written, read, swapped, lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import EnvelopeError, IntegrityError, PolicyError, S3CSEError, SettingsError, TransferError
from s3cse.keyrings import KmsKeyring
from s3cse.objects.envelope_storage import UPLOAD_MARK, EnvelopeStorage
from s3cse.objects.instruction_swap import InstructionSwap
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.put import publish, put_object
from s3cse.objects.reader import read_whole
from s3cse.objects.settlement import UnsettledError
from s3cse.objects.staged import StagedUpload, complete
from s3cse.objects.upload import ObjectWriter
from s3cse.storage.port import Location

from .fakes import ALLOW, PLACE, FakeKms, RecordingStore

TEXT = bytes(range(250)) * 2
FILE = Location(PLACE.bucket, PLACE.key + ".instruction")
IN_FILE = "instruction-file"
V3 = find_profile("s3ec-v4", "kms")
GCM = find_profile("emrfs-v2", "kms")


def put(store: RecordingStore, keyring: KmsKeyring, profile: Profile, text: bytes = TEXT, **storage: Any) -> None:
    """Write an object whose envelope is in a file."""
    chosen = EnvelopeStorage(**{"kind": IN_FILE, **storage})
    put_object(store, PLACE, keyring, profile, text, storage=chosen)


def read(store: RecordingStore, keyring: KmsKeyring, **opening: Any) -> bytes:
    """Read the object, which must verify."""
    return read_whole(open_object(store, keyring, PLACE, ALLOW, **opening)).to_pybytes()


@pytest.mark.parametrize("part_bytes", [16, 1 << 20])
@pytest.mark.parametrize("size", [0, 1, 16, 500])
def test_round_trip(store: RecordingStore, keyring: KmsKeyring, profile: Profile, size: int, part_bytes: int) -> None:
    """In one request or in parts, the file is there before the object, and opening costs two GETs."""
    storage = EnvelopeStorage(kind=IN_FILE, metadata={"owner": "x"})
    put_object(store, PLACE, keyring, profile, TEXT[:size], storage=storage, part_bytes=part_bytes)
    writes = [key for method, key in store.log if method in ("PUT", "COMPLETE")]
    assert writes == [FILE.key, PLACE.key]
    store.log.clear()
    assert read(store, keyring) == TEXT[:size]
    assert store.log == [("GET", PLACE.key), ("GET", FILE.key)]
    stays = {"x-amz-c", "x-amz-d", "x-amz-i"} if profile is V3 else {"x-amz-unencrypted-content-length"}
    assert set(store.metadata()) == {"owner", UPLOAD_MARK} | stays
    assert set(store.metadata(FILE)) == {"x-amz-crypto-instr-file"}


def test_custom_suffix(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """Another suffix is found by who knows it; who does not is told what is missing."""
    put(store, keyring, profile, suffix=".keys")
    assert read(store, keyring, instruction_suffix=".keys") == TEXT
    with pytest.raises((PolicyError, EnvelopeError), match="instruction file"):
        read(store, keyring)


def test_unknown_length_needs_no_spool(store: RecordingStore, keyring: KmsKeyring, tmp_path: Any) -> None:
    """Where no metadata names the length, parts go to S3 while the object is written."""
    for profile, kind in ((V3, "metadata"), (V3, IN_FILE)):
        store.sent.clear()
        with ObjectWriter(store, PLACE, keyring, profile, storage=EnvelopeStorage(kind=kind)) as writer:
            writer.write(bytes(9 << 20))
            staged = writer.finish()
        complete(store, staged)
        assert len(store.sent) == 2
        assert read(store, keyring) == bytes(9 << 20)
    assert list(tmp_path.iterdir()) == []


def test_user_metadata_is_not_the_envelopes(profile: Profile) -> None:
    """Names of the envelope cannot be smuggled in, whatever their case."""
    with pytest.raises(SettingsError, match="X-Amz-Iv"):
        EnvelopeStorage(metadata={"X-Amz-Iv": "x"})
    with pytest.raises(SettingsError, match="elsewhere"):
        EnvelopeStorage(kind="elsewhere")
    with pytest.raises(SettingsError, match="suffix"):
        EnvelopeStorage(suffix="")


@pytest.mark.parametrize("part_bytes", [16, 1 << 20])
def test_redshift_reads_no_instruction_files(store: RecordingStore, keyring: KmsKeyring, part_bytes: int) -> None:
    """Refused before a key or S3 is asked."""
    with pytest.raises(SettingsError, match=f"{PLACE.uri}: Redshift"):
        put_object(
            store,
            PLACE,
            keyring,
            find_profile("redshift", "aes"),
            TEXT,
            storage=EnvelopeStorage(kind=IN_FILE),
            part_bytes=part_bytes,
        )
    assert store.log == []


class Incomplete(RecordingStore):
    """Refuses to make an object visible, in one request or by Complete."""

    lost = False
    refusal: dict[str, Any] = {"status": 403}  # noqa: RUF012 - of the instance, where it is another

    def put(self, location: Location, body: Any, metadata: Any = None) -> Any:
        if location == PLACE:
            raise TransferError("S3 said no", uri=location.uri, **self.refusal)
        return super().put(location, body, metadata)

    def complete_upload(self, location: Location, upload_id: str, parts: Any) -> Any:
        raise TransferError("S3 said no", uri=location.uri, **self.refusal)

    def head(self, location: Location) -> Any:
        if self.lost:
            raise TransferError("nor that", uri=location.uri, status=403)
        return super().head(location)


@pytest.mark.parametrize("part_bytes", [16, 1 << 20])
def test_failed_replacement_keeps_the_old_object_readable(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, part_bytes: int
) -> None:
    """The old instruction file is put back, or the new one taken away where there was none."""
    put(store, keyring, profile)
    broken = Incomplete()
    broken._objects = store._objects
    with pytest.raises(TransferError, match="S3 said no"):
        put_object(
            broken, PLACE, keyring, profile, b"new" * 9, storage=EnvelopeStorage(kind=IN_FILE), part_bytes=part_bytes
        )
    assert read(store, keyring) == TEXT
    store.delete([PLACE, FILE])
    with pytest.raises(TransferError):
        put_object(broken, PLACE, keyring, profile, b"new", storage=EnvelopeStorage(kind=IN_FILE))
    assert store.head(FILE) is None


class LostAnswer(RecordingStore):
    """Stores the object, and loses the answer."""

    def put(self, location: Location, body: Any, metadata: Any = None) -> Any:
        receipt = super().put(location, body, metadata)
        if location == PLACE:
            raise TransferError("the connection broke", uri=location.uri)
        return receipt


def test_lost_answer_of_a_put_keeps_the_new_file(keyring: KmsKeyring, profile: Profile) -> None:
    """The object is there, so the file that opens it stays."""
    store = LostAnswer()
    put(store, keyring, profile)
    assert read(store, keyring) == TEXT


CLEAR = [{"status": 400}, {"status": 403}, {"status": 412}, {"sent": False}]
HIDING = [{}, {"status": 404}, {"status": 412, "repeated": True}]


@pytest.mark.parametrize("part_bytes", [16, 1 << 20])
@pytest.mark.parametrize("refusal", CLEAR, ids=str)
def test_refusal_without_an_answer_to_the_look_puts_the_old_file_back(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, refusal: dict[str, Any], part_bytes: int
) -> None:
    """What S3 has refused it has not done: the same again would take the new file for the one before."""
    put(store, keyring, profile)
    broken = Incomplete()
    broken._objects, broken.lost, broken.refusal = store._objects, True, refusal
    with pytest.raises(TransferError, match="S3 said no") as caught:
        put_object(
            broken, PLACE, keyring, profile, b"new" * 9, storage=EnvelopeStorage(kind=IN_FILE), part_bytes=part_bytes
        )
    assert not isinstance(caught.value, UnsettledError)
    assert read(store, keyring) == TEXT


@pytest.mark.parametrize("refusal", HIDING, ids=str)
def test_put_that_may_be_done_keeps_the_new_file(
    store: RecordingStore, keyring: KmsKeyring, profile: Profile, refusal: dict[str, Any]
) -> None:
    """No answer, or a refusal that may come of the request before it."""
    put(store, keyring, profile)
    old = store.body(FILE)
    broken = Incomplete()
    broken._objects, broken.lost, broken.refusal = store._objects, True, refusal
    with pytest.raises(UnsettledError):
        put_object(broken, PLACE, keyring, profile, b"new", storage=EnvelopeStorage(kind=IN_FILE))
    assert store.body(FILE) != old


@pytest.mark.parametrize("refusal", [*HIDING, {"status": 403}], ids=str)
def test_unsettled_upload_keeps_the_new_file(keyring: KmsKeyring, profile: Profile, refusal: dict[str, Any]) -> None:
    """Where S3 does not say whether the object is visible, completing again must find its envelope.

    A refusal is clear only where no attempt before it may have succeeded.
    """
    store = Incomplete()
    store.lost, store.refusal = True, {}
    with ObjectWriter(store, PLACE, keyring, profile, storage=EnvelopeStorage(kind=IN_FILE)) as writer:
        writer.write(TEXT)
        staged = writer.finish()
    swap = InstructionSwap(staged.instruction)
    if refusal == {"status": 403}:
        with pytest.raises(UnsettledError):
            complete(store, staged, swap)
    store.refusal = refusal
    with pytest.raises(UnsettledError):
        complete(store, staged, swap)
    assert staged.instruction is not None
    assert store.body(FILE) == staged.instruction.body


def test_lost_answer_is_settled_without_an_envelope_on_the_object(keyring: KmsKeyring, profile: Profile) -> None:
    """A mark of its own says whose object it is: two uploads of one object never pass for each other."""
    store = RecordingStore()
    staged = []
    for _ in range(2):
        with ObjectWriter(store, PLACE, keyring, profile, storage=EnvelopeStorage(kind=IN_FILE)) as writer:
            writer.write(TEXT)
            staged.append(writer.finish())
    complete(store, staged[0])
    assert complete(store, staged[0]) is None  # no such upload any more, and the object there is this one
    store.abort_upload(PLACE, staged[1].upload_id)
    with pytest.raises(TransferError):
        complete(store, staged[1])
    assert read(store, keyring) == TEXT  # its own file was put back


def test_swapped_instruction_file(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """The file of another object opens nothing of this one."""
    put(store, keyring, profile, b"other" * 100)
    foreign = store.body(FILE)
    put(store, keyring, profile if profile.content_algorithm.authenticated else GCM)
    store.put(FILE, foreign, {})
    with pytest.raises(S3CSEError) as caught:
        read(store, keyring)
    assert isinstance(caught.value, (IntegrityError, EnvelopeError))
    assert caught.value.uri == PLACE.uri


def test_instruction_file_that_is_gone(store: RecordingStore, keyring: KmsKeyring, kms: FakeKms) -> None:
    """V3 says by its own headers that it is encrypted; without its file it is an error that names the file."""
    put(store, keyring, V3)
    store.delete([FILE])
    with pytest.raises(EnvelopeError, match="instruction file"):
        open_object(store, keyring, PLACE, Policy(plaintext="pass"))
    assert kms.operations == ["GenerateDataKey"]


def test_commitment_decides_before_the_body(store: RecordingStore, keyring: KmsKeyring, kms: FakeKms) -> None:
    """Commitment, message id and wrapped key belong together: none can be another object's."""
    put_object(store, PLACE, keyring, V3, b"other" * 100)
    other = store.metadata()
    put_object(store, PLACE, keyring, V3, TEXT)
    own = store.metadata()
    for name in ("x-amz-d", "x-amz-i", "x-amz-3"):
        store.damage(metadata=own | {name: other[name]})
        with pytest.raises(IntegrityError, match="commits to another key"):
            open_object(store, keyring, PLACE, ALLOW)
    store.damage(metadata=own)
    assert read(store, keyring) == TEXT
    assert kms.operations.count("Decrypt") == 4


def test_commitment_can_be_required(store: RecordingStore, keyring: KmsKeyring) -> None:
    """With commitment=require only format V3 opens."""
    put_object(store, PLACE, keyring, V3, TEXT)
    assert read_whole(open_object(store, keyring, PLACE, Policy(commitment="require"))).to_pybytes() == TEXT
    put_object(store, PLACE, keyring, GCM, TEXT)
    with pytest.raises(PolicyError, match="format V3"):
        open_object(store, keyring, PLACE, Policy(commitment="require"))


def test_v3_has_no_length_header(store: RecordingStore, keyring: KmsKeyring) -> None:
    """Format V3 has neither IV nor length among its headers."""
    put_object(store, PLACE, keyring, V3, TEXT)
    assert set(store.metadata()) == {"x-amz-c", "x-amz-3", "x-amz-w", "x-amz-t", "x-amz-d", "x-amz-i"}


def test_context_too_large_for_metadata_fits_a_file(store: RecordingStore, kms: FakeKms) -> None:
    """The error proposes the instruction file, and there it works."""
    keyring = KmsKeyring(kms, "key", {"note": "x" * 3000})
    with pytest.raises(SettingsError, match="storage=instruction-file"):
        put_object(store, PLACE, keyring, GCM, TEXT)
    put(store, keyring, GCM)
    assert json.loads(json.loads(store.body(FILE))["x-amz-matdesc"])["note"] == "x" * 3000
    assert read(store, keyring) == TEXT


class Interrupted(RecordingStore):
    """Ctrl-C in the request that makes an object visible, or a broken connection: before S3 has done it, or after.

    What is ``late`` is done when two HEADs have found nothing.
    """

    def __init__(self, when: str, error: BaseException) -> None:
        super().__init__()
        self._when = when
        self._error = error
        self._later: list[Any] = []

    def _broken(self, request: Any, location: Location) -> Any:
        if location != PLACE or not self._when:
            return request()
        if self._when == "after":
            request()
        elif self._when == "late":
            self._later = [lambda: None, request]
        self._when = ""
        raise self._error

    def put(self, location: Location, body: Any, metadata: Any = None) -> Any:
        return self._broken(lambda: RecordingStore.put(self, location, body, metadata), location)

    def complete_upload(self, location: Location, upload_id: str, parts: Any) -> Any:
        return self._broken(lambda: RecordingStore.complete_upload(self, location, upload_id, parts), location)

    def head(self, location: Location) -> Any:
        found = super().head(location)
        if self._later:
            self._later.pop(0)()
        return found


NEW = b"new" * 9
LOST = TransferError("the connection broke")


def replace_through(broken: Interrupted, keyring: KmsKeyring, profile: Profile, part_bytes: int) -> None:
    """Replace an object, with its instruction file, through a store that breaks."""
    put(whole := RecordingStore(), keyring, profile)
    broken._objects = whole._objects
    put_object(broken, PLACE, keyring, profile, NEW, storage=EnvelopeStorage(kind=IN_FILE), part_bytes=part_bytes)


@pytest.mark.parametrize("part_bytes", [16, 1 << 20])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), LOST], ids=["interrupt", "lost"])
def test_what_s3_has_not_done_leaves_the_old_object(
    keyring: KmsKeyring, profile: Profile, part_bytes: int, error: BaseException
) -> None:
    """Looked for several times, and an upload aborted, before the old file is put back."""
    broken = Interrupted("before", error)
    with pytest.raises(type(error)):
        replace_through(broken, keyring, profile, part_bytes)
    assert read(broken, keyring) == TEXT
    assert broken.count("HEAD") >= (1 if part_bytes == 16 and error is not LOST else 4)
    assert list(broken.list_uploads(PLACE)) == []


@pytest.mark.parametrize(("part_bytes", "when"), [(16, "after"), (1 << 20, "after"), (1 << 20, "late")])
def test_interrupt_leaves_the_file_of_what_s3_has_done(
    keyring: KmsKeyring, profile: Profile, part_bytes: int, when: str
) -> None:
    """The interrupt comes out, and the new object can be read."""
    broken = Interrupted(when, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        replace_through(broken, keyring, profile, part_bytes)
    assert read(broken, keyring) == NEW


@pytest.mark.parametrize("part_bytes", [16, 1 << 20])
@pytest.mark.parametrize("when", ["after", "late"])
def test_lost_answer_of_what_s3_has_done_is_none(
    keyring: KmsKeyring, profile: Profile, part_bytes: int, when: str
) -> None:
    """Also where S3 does it a little after the answer was lost."""
    broken = Interrupted(when, LOST)
    replace_through(broken, keyring, profile, part_bytes)
    assert read(broken, keyring) == NEW


def staged_over(broken: Interrupted, keyring: KmsKeyring, profile: Profile) -> StagedUpload:
    """Stage an upload that is to replace an object with an instruction file."""
    put(whole := RecordingStore(), keyring, profile)
    broken._objects = whole._objects
    with ObjectWriter(broken, PLACE, keyring, profile, storage=EnvelopeStorage(kind=IN_FILE)) as writer:
        writer.write(NEW)
        return writer.finish()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LOST], ids=["interrupt", "lost"])
def test_completing_again_finishes(keyring: KmsKeyring, profile: Profile, error: BaseException) -> None:
    """A Complete may take minutes: where nobody knows, the state stays that a repetition finishes."""
    broken = Interrupted("before", error)
    staged = staged_over(broken, keyring, profile)
    with pytest.raises(KeyboardInterrupt if error is not LOST else UnsettledError):
        complete(broken, staged)
    assert staged.instruction is not None
    assert broken.body(FILE) == staged.instruction.body
    complete(broken, staged)
    assert read(broken, keyring) == NEW


def test_publishing_what_s3_does_not_even_abort_leaves_the_file(
    keyring: KmsKeyring, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an answer to the abort the object may still come."""
    broken = Interrupted("before", LOST)
    staged = staged_over(broken, keyring, profile)

    def silent(*_: Any) -> None:
        raise TransferError("no answer")

    monkeypatch.setattr(broken, "abort_upload", silent)
    with pytest.raises(UnsettledError):
        publish(broken, staged)
    complete(broken, staged)
    assert read(broken, keyring) == NEW
