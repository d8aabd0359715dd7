"""Opening objects that are messages, and what pretends to be one."""

from __future__ import annotations

import os
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.profiles import find_s3_profile
from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    SettingsError,
    TransferError,
)
from s3cse.keyrings import KmsKeyring, MultiKeyring
from s3cse.message import COMMITTING, COMMITTING_SIGNED, Suite
from s3cse.message.frames import FINAL_OVERHEAD
from s3cse.message.limits import DEFAULT_MAX_PIECE_BYTES
from s3cse.message.options import MessageOptions
from s3cse.message.suites import AES_256, AES_256_HKDF, AES_256_HKDF_SIGNED, SUITES
from s3cse.objects import message_open
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.message_front import FRONT_BYTES, is_message
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.put import put_object
from s3cse.objects.reader import read_whole

from .fakes import KEY, PLACE, FakeKms, RecordingStore, write_object
from .messages import FRAME, message_of, opened_message, raw_key

TEXT = os.urandom(5 * FRAME + 7)
ANY = Policy(legacy="allow")


def test_a_named_message_costs_two_requests_at_once(store: RecordingStore) -> None:
    """The front and the end; a small object is here then, and no instruction file is asked for."""
    opened = opened_message(store, message_of(TEXT))
    assert read_whole(opened).to_pybytes() == TEXT
    assert opened.plaintext_bytes == len(TEXT)
    assert store.log == [("PUT", PLACE.key), ("GET", PLACE.key), ("GET", PLACE.key)]


def test_a_message_that_nobody_named(store: RecordingStore) -> None:
    """Where a plain object would be refused, its front is looked at: it is in the end that came along."""
    store.put(PLACE, message_of(b"text"))
    opened = open_object(store, raw_key(), PLACE, Policy())
    assert read_whole(opened).to_pybytes() == b"text"
    assert store.log[1:] == [("GET", PLACE.key), ("GET", PLACE.key + ".instruction")]


def test_a_long_message_that_nobody_named(store: RecordingStore) -> None:
    """Costs one request more, for its front."""
    store.put(PLACE, message_of(bytes(200_000), frame_length=4096))
    opened = open_object(store, raw_key(), PLACE, Policy())
    assert opened.plaintext_bytes == 200_000
    assert store.count("GET") == 3


def test_pass_passes_messages_too(store: RecordingStore) -> None:
    """With plaintext=pass and no profile named, an object without an envelope is what is stored."""
    message = message_of(TEXT)
    opened = opened_message(store, message, policy=Policy(plaintext="pass"), profile=None)
    assert not opened.encrypted
    assert read_whole(opened).to_pybytes() == message


def test_pass_with_the_profile_named(store: RecordingStore) -> None:
    """The name is the stronger word."""
    opened = opened_message(store, message_of(TEXT), policy=Policy(plaintext="pass"))
    assert read_whole(opened).to_pybytes() == TEXT


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "0 bytes"),
        (b"PAR1 and more", "a plain Parquet file"),
        (b"AgR4abcd", "Base64"),
        (b"\x02\xff\xff\x00", "02ffff00"),
        (b"\x01\x80\x04\x78", "01800478"),
        (b"x", "78"),
    ],
)
def test_what_is_no_message(store: RecordingStore, body: bytes, found: str) -> None:
    """Where one was named, anything else is an error that says what was found."""
    with pytest.raises(EnvelopeError, match=f"{PLACE.key}: .*no AWS Encryption SDK message.*{found}"):
        opened_message(store, body)


def test_an_envelope_opens_as_always(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Any) -> None:
    """A client that names messages reads S3 objects as well."""
    write_object(store, keyring, profile, b"text")
    opened = opened_message(store, keyring=keyring, policy=ANY)
    assert opened.envelope is not None
    assert read_whole(opened).to_pybytes() == b"text"


def test_an_envelope_around_a_message(store: RecordingStore) -> None:
    """Headers that claim an S3 format make it one: a message inside cannot pass for the object."""
    store.put(PLACE, message_of(TEXT), {"x-amz-iv": "AAAA"})
    with pytest.raises(EnvelopeError):
        opened_message(store)


def test_no_message_and_an_instruction_file_opens_as_always(store: RecordingStore, kms: FakeKms) -> None:
    """The file is asked for where the body is no message."""
    keyring = KmsKeyring(kms, KEY)
    profile = find_s3_profile("emrfs-v2", "kms")
    put_object(store, PLACE, keyring, profile, b"text", storage=EnvelopeStorage(kind="instruction-file"))
    assert read_whole(opened_message(store, keyring=keyring)).to_pybytes() == b"text"


def test_the_policy_comes_before_the_key(store: RecordingStore, kms: FakeKms) -> None:
    """A refused suite costs no call."""
    keyring = KmsKeyring(kms, KEY)
    message = message_of(TEXT, suite=AES_256_HKDF, keyring=keyring)
    kms.operations.clear()
    with pytest.raises(PolicyError, match="legacy=wraps"):
        opened_message(store, message, keyring=keyring)
    assert kms.operations == []


_POLICIES = {
    "default": Policy(),
    "wraps": Policy(legacy="wraps"),
    "allow": Policy(legacy="allow"),
    "require": Policy(legacy="allow", commitment="require"),
}


@pytest.mark.parametrize("rules", _POLICIES)
@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
def test_what_the_rules_allow(store: RecordingStore, rules: str, suite: Suite) -> None:
    """Committing suites always; others that derive a key with legacy=wraps; all with allow; require takes no others."""
    allowed = suite.commits or rules == "allow" or (rules == "wraps" and suite.hash is not None)
    message = message_of(TEXT, suite=suite)
    for profile in ("encryption-sdk", None):
        if allowed:
            opened = opened_message(store, message, policy=_POLICIES[rules], profile=profile)
            assert read_whole(opened).to_pybytes() == TEXT
        else:
            with pytest.raises(PolicyError, match=str(suite)):
                opened_message(store, message, policy=_POLICIES[rules], profile=profile)


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED, AES_256_HKDF_SIGNED, AES_256])
@pytest.mark.parametrize("length", [0, 1, FRAME, 200])
def test_old_messages_in_one_piece(store: RecordingStore, suite: Suite, length: int) -> None:
    """Are read whole, signed and unsigned."""
    text = os.urandom(length)
    opened = opened_message(store, message_of(text, suite=suite, in_one_piece=True), policy=ANY)
    assert opened.plaintext_bytes == length
    assert not opened.ranges_verify
    assert read_whole(opened).to_pybytes() == text


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED])
@pytest.mark.parametrize("change", [-300, -150, -105, -100, -71, -64, -36, -1, 1, 16, 36, 96, 100, 200])
@pytest.mark.parametrize("in_one_piece", [False, True])
def test_truncated_and_extended(store: RecordingStore, suite: Suite, change: int, in_one_piece: bool) -> None:
    """No other length than its own opens: not even one that arithmetic takes for whole frames."""
    message = message_of(TEXT, suite=suite, in_one_piece=in_one_piece)
    changed = message[:change] if change < 0 else message + message[-change:]
    with pytest.raises((EnvelopeError, IntegrityError)):
        read_whole(opened_message(store, changed))


def test_whole_frames_cut_out(store: RecordingStore) -> None:
    """A message without its first or last regular frame has a valid length; its final frame knows better."""
    message = message_of(TEXT)
    stride, end = FRAME + 32, FINAL_OVERHEAD + len(TEXT) % FRAME
    front = len(message) - 5 * stride - end
    for gone in range(5):
        at = front + gone * stride
        with pytest.raises((EnvelopeError, IntegrityError)):
            opened_message(store, message[:at] + message[at + stride :])
        with pytest.raises((EnvelopeError, IntegrityError)):
            opened_message(store, message[:at] + message[at : at + stride] + message[at:])
    with pytest.raises((EnvelopeError, IntegrityError)):  # the final frame is lost, a regular one in its place
        opened_message(store, message[:-end])


def test_frames_in_another_order(store: RecordingStore) -> None:
    """Two frames that changed places: opening cannot see it, reading does."""
    message = message_of(TEXT)
    stride, end = FRAME + 32, FINAL_OVERHEAD + len(TEXT) % FRAME
    front = len(message) - 5 * stride - end
    frames = [message[front + i * stride : front + (i + 1) * stride] for i in range(5)]
    frames[1], frames[3] = frames[3], frames[1]
    opened = opened_message(store, b"".join([message[:front], *frames, message[-end:]]))
    with pytest.raises(IntegrityError, match="frame 2 does not verify"):
        read_whole(opened)


def test_frames_of_another_message(store: RecordingStore) -> None:
    """Of the same key and length: they verify under their own message's key and id only."""
    ours, other = message_of(TEXT), message_of(os.urandom(len(TEXT)))
    at = len(ours) - FINAL_OVERHEAD - len(TEXT) % FRAME
    with pytest.raises(IntegrityError, match="frame 6 does not verify"):
        opened_message(store, ours[:at] + other[at:])
    stride = FRAME + 32
    opened = opened_message(store, ours[: at - stride] + other[at - stride : at] + ours[at:])
    with pytest.raises(IntegrityError, match="frame 5 does not verify"):
        read_whole(opened)


@pytest.mark.parametrize("frame_length", [FRAME, 2 * FRAME, 5 * FRAME])
def test_another_valid_header(store: RecordingStore, frame_length: int) -> None:
    """Of a message under the same key: valid by itself, and nothing behind it opens."""
    ours, other = message_of(TEXT), message_of(TEXT, frame_length=frame_length)
    header_bytes = len(ours) - 5 * (FRAME + 32) - FINAL_OVERHEAD - len(TEXT) % FRAME
    with pytest.raises((EnvelopeError, IntegrityError)):
        opened_message(store, other[:header_bytes] + ours[header_bytes:])


@pytest.mark.parametrize("value", [0, 1, FRAME - 1, FRAME + 1, 2 * FRAME, DEFAULT_MAX_PIECE_BYTES, 2**32 - 1])
def test_another_frame_length_in_the_header(store: RecordingStore, kms: FakeKms, value: int) -> None:
    """The header's tag covers it: it is never believed, and nothing is allocated by it."""
    message = bytearray(message_of(TEXT))
    at = bytes(message).index(FRAME.to_bytes(4, "big"), 60)
    message[at : at + 4] = value.to_bytes(4, "big")
    with pytest.raises((EnvelopeError, IntegrityError, PolicyError)):
        opened_message(store, bytes(message))


def test_frames_longer_than_a_reader_holds(store: RecordingStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Are refused before any key is asked for; one short frame of such a message is fine."""
    monkeypatch.setattr(message_open, "DEFAULT_MAX_PIECE_BYTES", 1000)
    opened = opened_message(store, message_of(TEXT, frame_length=1001))
    assert read_whole(opened).to_pybytes() == TEXT
    for message in (message_of(bytes(2002), frame_length=1001), message_of(bytes(1001), in_one_piece=True)):
        with pytest.raises(PolicyError, match="longer than a reader holds in memory"):
            opened_message(store, message, keyring=raw_key("b"))


@pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED])
def test_any_flipped_byte(store: RecordingStore, suite: Suite) -> None:
    """In the header, in a frame, in the signature: each is an error before anything of it is released."""
    message = message_of(TEXT[:150], suite=suite)
    for at in range(0, len(message), 3):
        changed = bytearray(message)
        changed[at] ^= 4
        with pytest.raises(S3CSEError):
            read_whole(opened_message(store, bytes(changed)))


def test_footers_that_somebody_thought_out(store: RecordingStore) -> None:
    """An end that could be many footers costs no more requests than one; and does not open."""
    message = message_of(bytes(300_000), suite=COMMITTING_SIGNED, frame_length=100_000)
    thought_out = b"".join((length - 2).to_bytes(2, "big") + b"\x30" for length in range(207, 2, -3))
    store.put(PLACE, message[: -len(thought_out)] + thought_out)
    with pytest.raises((EnvelopeError, IntegrityError)):
        opened_message(store)
    assert store.count("GET") <= 4
    changed = message[:-105] + b"\x00\x46\x30" + message[-102:]
    with pytest.raises((EnvelopeError, IntegrityError)):
        read_whole(opened_message(store, changed))


@settings(max_examples=150, deadline=None)
@given(data=st.data(), signed=st.booleans(), named=st.booleans())
def test_no_change_goes_unnoticed(data: st.DataObject, signed: bool, named: bool) -> None:
    """Pieces of two messages of one key, cut and joined at will: a true beginning of a plaintext, and then an error."""
    suite = COMMITTING_SIGNED if signed else COMMITTING
    texts = [os.urandom(data.draw(st.integers(0, 4 * 16 + 5))) for _ in range(2)]
    messages = [message_of(text, suite=suite, frame_length=16) for text in texts]
    pieces = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 700), st.integers(0, 700)), max_size=4))
    body = b"".join(messages[which][start:end] for which, start, end in pieces)
    if body in messages:
        return
    store = RecordingStore()
    store.put(PLACE, body)
    with pytest.raises((EnvelopeError, IntegrityError, PolicyError)):
        read_whole(opened_message(store, profile="encryption-sdk" if named else None))


def test_a_header_longer_than_what_is_fetched(store: RecordingStore) -> None:
    """The rest of it is fetched as it is read."""
    message = message_of(bytes(300_000), frame_length=1000, context={"a": "x" * 3 * FRONT_BYTES})
    opened = opened_message(store, message)
    assert opened.plaintext_bytes == 300_000
    assert read_whole(opened).to_pybytes() == bytes(300_000)


def test_a_header_that_never_ends(store: RecordingStore) -> None:
    """A length field that promises more than the object has is an error, not a fetch."""
    with pytest.raises(EnvelopeError, match="ends within its"):
        opened_message(store, message_of(b"")[:40] + b"\xff" * 20)


def test_too_many_wrapped_keys(store: RecordingStore) -> None:
    """More than allowed are refused before any is tried; the options allow more, or less."""
    several = MultiKeyring([raw_key("a")], also_wrap=[raw_key(name) for name in "bcd"])
    message = message_of(TEXT, keyring=several)
    opened_message(store, message)
    with pytest.raises(PolicyError, match="too many wrapped data keys"):
        opened_message(store, message, message=MessageOptions(max_encrypted_data_keys=3))


def test_the_context_that_is_asked_for(store: RecordingStore) -> None:
    """What a reader names a message must have, with this value."""
    message = message_of(TEXT, context={"table": "flights", "more": "x"})
    assert opened_message(store, message, message=MessageOptions(context={"table": "flights"})).message
    with pytest.raises(PolicyError, match="encryption context is not the one given"):
        opened_message(store, message, message=MessageOptions(context={"table": "trains"}))
    with pytest.raises((IntegrityError, KeyringError)):
        opened_message(store, message, message=MessageOptions(context={"other": "x"}))


def test_another_key(store: RecordingStore) -> None:
    """Says which keys the message is under, and which was offered."""
    with pytest.raises(KeyringError, match=r"found 'tests' 'a.*expected a data key under AES key 'tests' 'b'"):
        opened_message(store, message_of(TEXT), keyring=raw_key("b"))


def test_replaced_between_front_and_end(store: RecordingStore) -> None:
    """Both must be of one object."""
    store.put(PLACE, message_of(TEXT))
    other = message_of(TEXT)

    class Replaced(RecordingStore):
        def get_tail(self, location: Any, length: int) -> Any:
            store.put(PLACE, other)
            return store.get_tail(location, length)

        def get_front(self, location: Any, length: int) -> Any:
            return stored

    stored = store.get_front(PLACE, 100)
    with pytest.raises(TransferError, match="replaced meanwhile") as caught:
        opened_message(Replaced())
    assert caught.value.status == 412


def test_replaced_after_it_was_opened(store: RecordingStore) -> None:
    """Every later request holds the ETag."""
    opened = opened_message(store, message_of(bytes(200_000)))
    store.put(PLACE, message_of(bytes(200_000)))
    with pytest.raises(TransferError) as caught:
        read_whole(opened)
    assert caught.value.status == 412


def test_both_backends(store: RecordingStore, backend: Backend) -> None:
    """Open and read alike."""
    opened = opened_message(store, message_of(TEXT), backend=backend)
    assert read_whole(opened).to_pybytes() == TEXT


def test_no_key_in_sight(store: RecordingStore) -> None:
    """An open message is neither shown with its key nor pickled, and has no S3 cipher."""
    opened = opened_message(store, message_of(TEXT))
    assert "6161" not in repr(opened)
    assert "aaaa" not in repr(opened)
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(opened)
    with pytest.raises(ValueError, match="no envelope"):
        opened.cipher()
    assert opened.protection == "Encryption SDK message, suite 0x0478"


def test_without_a_keyring(store: RecordingStore) -> None:
    """Only SSE-C goes without."""
    store.put(PLACE, b"text")
    with pytest.raises(SettingsError, match="needs a keyring"):
        open_object(store, None, PLACE, Policy())
    opened = open_object(store, None, PLACE, Policy(), profile="sse-c")
    assert (opened.customer_key, opened.encrypted, opened.authenticated) == (True, False, False)
    assert read_whole(opened).to_pybytes() == b"text"
    assert opened.protection.startswith("SSE-C")


def test_an_envelope_under_sse_c(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Any) -> None:
    """An object that was encrypted before is not passed for plaintext."""
    write_object(store, keyring, profile, b"text")
    with pytest.raises(PolicyError, match="encrypted before S3 encrypted it"):
        open_object(store, None, PLACE, Policy(), profile="sse-c")


@pytest.mark.parametrize("number", SUITES)
def test_how_messages_begin(number: int) -> None:
    """By a version and a suite that this version has."""
    suite = SUITES[number]
    front = (b"\x02" if suite.version == 2 else b"\x01\x80") + suite.id_bytes
    assert is_message(front)
    assert not is_message(front[:-1])
    other = (b"\x01\x80" if suite.version == 2 else b"\x02") + suite.id_bytes
    assert not is_message(other)
