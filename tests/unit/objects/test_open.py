"""Opening objects: one GET, checks in order, and clear refusals that cost no KMS call."""

from __future__ import annotations

from typing import Any

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.envelope.model import Format
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import (
    EnvelopeError,
    IntegrityError,
    KeyringError,
    PolicyError,
    S3CSEError,
    TransferError,
)
from s3cse.keyrings import CachingKeyring, KmsKeyring
from s3cse.objects.open import TAIL_BYTES, open_object
from s3cse.objects.policy import Policy
from s3cse.objects.reader import read_whole
from s3cse.storage.memory import MemoryStore

from .fakes import ALLOW, KEY, PLACE, FakeKms, RecordingStore, refusal, write_object

TEXT = bytes(range(256)) * 3 + b"end"
GCM, CBC = find_profile("emrfs-v2", "kms"), find_profile("emrfs", "kms")
V1 = {"x-amz-key": "a2V5", "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==", "x-amz-matdesc": "{}"}
V3 = {"x-amz-c": "115", "x-amz-3": "a2V5", "x-amz-w": "12", "x-amz-d": "ZA==", "x-amz-i": "aQ==", "x-amz-t": "{}"}


def assert_clear(error: S3CSEError) -> None:
    """The message names the object, what was found, what was expected and what to do."""
    assert error.uri == PLACE.uri
    assert str(error).startswith(f"{PLACE.uri}: ")
    assert None not in (error.found, error.expected, error.fix)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 31, 32, 33, 1000])
@pytest.mark.parametrize("tail_bytes", [1, 32, 33, 48, TAIL_BYTES])
def test_opening_is_one_get_and_one_decrypt(
    store: RecordingStore,
    kms: FakeKms,
    keyring: KmsKeyring,
    profile: Profile,
    backend: Backend,
    size: int,
    tail_bytes: int,
) -> None:
    """Any object opens with one request to S3 and one to KMS, and its plaintext length is exact."""
    staged = write_object(store, keyring, profile, bytes(size))
    store.log.clear()
    kms.operations.clear()
    opened = open_object(store, keyring, PLACE, ALLOW, tail_bytes=tail_bytes, backend=backend)
    assert store.log == [("GET", PLACE.key)]
    assert kms.operations == ["Decrypt"]
    assert opened.plaintext_bytes == size
    assert opened.stored.size == staged.stored_bytes == len(store.body())
    assert opened.tail == store.body()[-len(opened.tail) :]
    assert len(opened.tail) % 16 == 0 or len(opened.tail) == opened.stored.size
    assert opened.uri == PLACE.uri


def test_length_header_is_not_trusted(store: RecordingStore, keyring: KmsKeyring, profile: Profile) -> None:
    """A lying length header changes nothing."""
    write_object(store, keyring, profile, TEXT)
    for lie in ("0", "1", "99999999", "-5", "abc", ""):
        store.damage(metadata=store.metadata() | {"x-amz-unencrypted-content-length": lie})
        opened = open_object(store, keyring, PLACE, ALLOW)
        assert opened.plaintext_bytes == len(TEXT)
        assert read_whole(opened).to_pybytes() == TEXT


def test_cached_key_opens_again_without_kms(store: RecordingStore, kms: FakeKms, profile: Profile) -> None:
    """One KMS call per object and process."""
    keyring = CachingKeyring(KmsKeyring(kms, KEY))
    write_object(store, keyring, profile, TEXT)
    for _ in range(5):
        assert read_whole(open_object(store, keyring, PLACE, ALLOW)).to_pybytes() == TEXT
    assert kms.operations == ["GenerateDataKey", "Decrypt"]


def _without(name: str) -> Any:
    return lambda old: {key: value for key, value in old.items() if key != name}


def _with(**changes: str) -> Any:
    return lambda old: old | {"x-amz-" + name.replace("_", "-"): value for name, value in changes.items()}


REFUSED: list[tuple[str, Any, type[S3CSEError]]] = [
    *((f"without {name}", _without(name), EnvelopeError) for name in
      ("x-amz-key-v2", "x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg")),
    *((f"empty {name}", _with(**{name: ""}), EnvelopeError) for name in ("key_v2", "iv", "wrap_alg", "cek_alg")),
    *((f"malformed {name}", _with(**{name: "=?UTF-8?B?YQ==?="}), EnvelopeError) for name in
      ("key_v2", "iv", "wrap_alg", "cek_alg", "tag_len", "matdesc")),
    *((f"doubled {name}", lambda old, name=name: old | {name.upper(): old.get(name, "128"), name: "x"}, EnvelopeError)
      for name in ("x-amz-key-v2", "x-amz-iv", "x-amz-wrap-alg", "x-amz-cek-alg", "x-amz-tag-len", "x-amz-matdesc",
                   "x-amz-unencrypted-content-length")),
    ("short tag", _with(tag_len="96"), EnvelopeError),
    ("short IV", _with(iv="AAAA"), EnvelopeError),
    ("key of V1 beside", _with(key="a2V5"), EnvelopeError),
    *((f"V3 {name} beside", _with(**{name: V3[f"x-amz-{name}"]}), EnvelopeError) for name in ("c", "d", "i", "3")),
    ("V1", lambda old: V1, EnvelopeError),
    ("V3", lambda old: V3, EnvelopeError),
    ("length only", lambda old: {"x-amz-unencrypted-content-length": "5"}, EnvelopeError),
    ("no envelope", lambda old: {}, PolicyError),
    ("other metadata only", lambda old: {"owner": "x"}, PolicyError),
    ("context relabelled", _with(wrap_alg="kms", matdesc='{"aws:x-amz-cek-alg":"AES/GCM/NoPadding"}'), EnvelopeError),
    ("context of V3", _with(wrap_alg="kms+context", matdesc='{"aws:x-amz-cek-alg":"115"}'), EnvelopeError),
    ("lone surrogate", _with(matdesc='{"a":"\\ud800"}'), EnvelopeError),
]  # fmt: skip


@pytest.mark.parametrize("profile", [GCM, CBC], ids=lambda profile: profile.name)
@pytest.mark.parametrize(("change", "kind"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_bad_headers_are_a_clear_error_and_cost_no_kms_call(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile, change: Any, kind: type[S3CSEError]
) -> None:
    """Whatever is wrong with the headers, the error is clear, KMS hears nothing, and the object stays."""
    write_object(store, keyring, profile, TEXT)
    store.damage(metadata=change(store.metadata()))
    body, metadata = store.body(), store.metadata()
    store.log.clear()
    with pytest.raises(kind) as caught:
        open_object(store, keyring, PLACE, ALLOW)
    assert_clear(caught.value)
    assert kms.operations == ["GenerateDataKey"]
    assert store.log[:1] == [("GET", PLACE.key)]
    assert store.log[1:] in ([], [("GET", PLACE.key + ".instruction")])
    assert (store.body(), store.metadata()) == (body, metadata)


@pytest.mark.parametrize(
    ("profile", "policy", "remedy"),
    [
        (CBC, Policy(), "legacy=allow"),
        (CBC, Policy(legacy="wraps"), "legacy=allow"),
        (GCM, Policy(commitment="require"), "commitment=allow"),
    ],
)
def test_policy_refuses_before_kms(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile, policy: Policy, remedy: str
) -> None:
    """An object that the rules refuse costs no KMS call and names the rule."""
    write_object(store, keyring, profile, TEXT)
    with pytest.raises(PolicyError, match=remedy) as caught:
        open_object(store, keyring, PLACE, policy)
    assert_clear(caught.value)
    assert kms.operations == ["GenerateDataKey"]


def test_checks_come_in_order(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring) -> None:
    """Consistency, policy, size, key: of several things that are wrong the first is reported."""
    write_object(store, keyring, CBC, TEXT)
    kms.refusal = refusal("AccessDeniedException")
    good = store.metadata()
    store.damage(body=store.body()[:-1], metadata=good | {"x-amz-tag-len": "128"})
    with pytest.raises(EnvelopeError):
        open_object(store, keyring, PLACE, Policy())
    store.damage(metadata=good)
    with pytest.raises(PolicyError):
        open_object(store, keyring, PLACE, Policy())
    with pytest.raises(IntegrityError):
        open_object(store, keyring, PLACE, ALLOW)
    assert kms.operations == ["GenerateDataKey"]
    store.damage(body=store.body()[:-15])
    with pytest.raises(KeyringError):
        open_object(store, keyring, PLACE, ALLOW)
    assert kms.operations == ["GenerateDataKey", "Decrypt"]


@pytest.mark.parametrize("headers", ["kept", "lost"])
def test_empty_object(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile, headers: str) -> None:
    """0 bytes are never an encrypted object, with headers or without."""
    write_object(store, keyring, profile, b"")
    store.damage(body=b"", metadata=None if headers == "kept" else {})
    with pytest.raises(EnvelopeError, match=r"empty.*found 0 bytes; expected at least 16 bytes") as caught:
        open_object(store, keyring, PLACE, ALLOW)
    assert_clear(caught.value)
    assert kms.operations == ["GenerateDataKey"]


def test_empty_object_with_envelope_does_not_pass_for_plain(store: RecordingStore, keyring: KmsKeyring) -> None:
    """An encrypted object that lost its body is an error, also where plain objects pass."""
    write_object(store, keyring, GCM, b"")
    store.damage(body=b"")
    with pytest.raises(EnvelopeError):
        open_object(store, keyring, PLACE, Policy(plaintext="pass"))


@pytest.mark.parametrize("body", [b"", b"x", bytes(100_000)])
def test_plain_objects_pass_where_they_may(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, body: bytes
) -> None:
    """With plaintext=pass a plain object is read as it is, without KMS; asking for its cipher is an error."""
    store.put(PLACE, body, {"owner": "x"})
    opened = open_object(store, keyring, PLACE, Policy(plaintext="pass"))
    assert (opened.envelope, opened.key, opened.plaintext_bytes) == (None, None, len(body))
    assert read_whole(opened).to_pybytes() == body
    assert kms.operations == []
    with pytest.raises(ValueError, match="no envelope"):
        opened.cipher()


@pytest.mark.parametrize("length", range(17))
def test_truncated_gcm_object(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, length: int) -> None:
    """A body shorter than a tag is refused before KMS is asked; one of exactly a tag only by the tag."""
    write_object(store, keyring, GCM, TEXT)
    store.damage(body=store.body()[:length])
    with pytest.raises((EnvelopeError, IntegrityError)) as caught:
        read_whole(open_object(store, keyring, PLACE, ALLOW))
    assert_clear(caught.value)
    assert kms.operations == ["GenerateDataKey"] + ["Decrypt"] * (length == 16)


@pytest.mark.parametrize("cut", [*range(1, 50), len(TEXT)])
def test_cbc_object_that_lost_its_end(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, backend: Backend, cut: int
) -> None:
    """A CBC body that is no whole number of blocks, or whose last block is no padding, is refused."""
    write_object(store, keyring, CBC, TEXT)
    store.damage(body=store.body()[:-cut])
    with pytest.raises((EnvelopeError, IntegrityError)) as caught:
        open_object(store, keyring, PLACE, ALLOW, backend=backend)
    assert_clear(caught.value)
    if len(store.body()) % 16:
        assert kms.operations == ["GenerateDataKey"]


def test_wrong_padding_looks_like_a_wrong_tag(store: RecordingStore, keyring: KmsKeyring, backend: Backend) -> None:
    """CBC and GCM failures are the same error to the last letter, and hide the cipher's own."""
    messages = set()
    for profile in (CBC, GCM):
        write_object(store, keyring, profile, b"x" * 100)
        store.flip(-17)  # in CBC this turns padding 0x0c into 0x0d
        with pytest.raises(IntegrityError) as caught:
            read_whole(open_object(store, keyring, PLACE, ALLOW, backend=backend))
        assert_clear(caught.value)
        assert caught.value.__cause__ is None
        messages.add(str(caught.value))
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "kms:Decrypt"),
        ("ThrottlingException", "throttling"),
        ("KMSInternalException", "KMS documentation"),
    ],
)
def test_kms_refusals_name_the_object(
    store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile, code: str, advice: str
) -> None:
    """The error of KMS arrives as the cause, with the object's name and advice."""
    write_object(store, keyring, profile, TEXT)
    kms.refusal = refusal(code)
    with pytest.raises(KeyringError, match=f"found {code}: because") as caught:
        open_object(store, keyring, PLACE, ALLOW)
    assert_clear(caught.value)
    assert advice in str(caught.value)
    assert caught.value.__cause__ is kms.refusal


def test_wrong_kms_key(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile) -> None:
    """An object under another key says so."""
    write_object(store, keyring, profile, TEXT)
    with pytest.raises(
        KeyringError, match=r"IncorrectKeyException.*name that key|IncorrectKeyException.*Name that key|another KMS key"
    ) as caught:
        open_object(store, KmsKeyring(kms, KEY[:-1] + "2"), PLACE, ALLOW)
    assert_clear(caught.value)


def test_swapped_data_key(store: RecordingStore, kms: FakeKms, keyring: KmsKeyring, profile: Profile) -> None:
    """A data key from another object under the same KMS key opens, but nothing is released from GCM."""
    name = "x-amz-3" if profile.format is Format.V3 else "x-amz-key-v2"
    write_object(store, keyring, profile, b"other")
    foreign = store.metadata()[name]
    write_object(store, keyring, profile if profile.format is Format.V3 else GCM, TEXT)
    store.damage(metadata=store.metadata() | {name: foreign})
    with pytest.raises((KeyringError, IntegrityError)) as caught:
        read_whole(open_object(store, keyring, PLACE, ALLOW))
    assert_clear(caught.value)


def test_damaged_context_opens_with_an_override_only(store: RecordingStore, kms: FakeKms) -> None:
    """Java sends non-ASCII text as ISO-8859-1: the stored context is unreadable, and an explicit one replaces it."""
    context = {"team": "für"}
    for profile in (find_profile("s3ec-v4", "kms"), GCM, CBC):
        write_object(store, KmsKeyring(kms, KEY, context), profile, TEXT)
        name = "x-amz-t" if profile.content_algorithm.commits else "x-amz-matdesc"
        store.damage(metadata=store.metadata() | {name: store.metadata()[name].replace("\\u00fc", "\xfc")})
        asked = len(kms.operations)
        for keyring in (KmsKeyring(kms, KEY), KmsKeyring(kms, KEY, context)):
            with pytest.raises(EnvelopeError, match=name):
                open_object(store, keyring, PLACE, ALLOW)
        assert len(kms.operations) == asked
        override = CachingKeyring(KmsKeyring(kms, KEY, override_context=context))
        assert read_whole(open_object(store, override, PLACE, ALLOW)).to_pybytes() == TEXT


def test_missing_object(store: RecordingStore, keyring: KmsKeyring) -> None:
    """What is not there is a TransferError with status 404."""
    with pytest.raises(TransferError) as caught:
        open_object(store, keyring, PLACE, ALLOW)
    assert (caught.value.uri, caught.value.status) == (PLACE.uri, 404)


class ShortStore(MemoryStore):
    """Returns less than was asked for."""

    def get_tail(self, location: Any, length: int) -> Any:
        stored, tail = super().get_tail(location, length)
        return stored, tail[1:]


def test_store_that_returns_too_little(keyring: KmsKeyring, kms: FakeKms) -> None:
    """A store that breaks its promise is found out before anything is decrypted at the wrong place."""
    store = ShortStore()
    write_object(store, keyring, GCM, TEXT)
    with pytest.raises(TransferError, match="too little") as caught:
        open_object(store, keyring, PLACE, ALLOW)
    assert_clear(caught.value)
    assert kms.operations == ["GenerateDataKey"]
