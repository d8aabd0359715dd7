"""KmsKeyring: what is asked of KMS, what is refused without asking, and how refusals read."""

from __future__ import annotations

import pickle
import time
from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from faults.kms_stub import KmsFault, KmsStub
from s3cse.envelope.model import ContentAlgorithm, Envelope, Format
from s3cse.envelope.profiles import find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import Claim, DataKey, KmsKeyring, kms_client

from .fake_kms import KEY, OTHER_KEY, FakeKms, client_error
from .forked import in_a_forked_child

EMRFS, EMRFS_V2 = find_profile("emrfs", "kms"), find_profile("emrfs-v2", "kms")
CEK_ENTRY = {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}


def envelope_of(key: DataKey, wrap: str = "kms+context", **changes: Any) -> Envelope:
    gcm = ContentAlgorithm.AES_GCM
    envelope = Envelope(Format.V2, gcm, wrap, key.encrypted, bytes(12), key.materials_description)
    return replace(envelope, **changes)


@pytest.fixture
def fake() -> FakeKms:
    """A KMS in memory."""
    return FakeKms()


@pytest.fixture
def stub_keyring(kms_stub: KmsStub, monkeypatch: pytest.MonkeyPatch) -> KmsKeyring:
    """A keyring whose requests go over HTTP to the stub, through the client that we recommend."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    # The pauses are botocore's; what matters here is that there are more requests.
    monkeypatch.setattr("botocore.retries.standard.ExponentialBackoff.delay_amount", lambda self, context: 0.0)
    return KmsKeyring(kms_client("us-east-1", kms_stub.url), kms_stub.create_key("alias/data"))


def test_new_wrap_binds_the_algorithm(fake: FakeKms) -> None:
    """`kms+context`: one GenerateDataKey with the user's context and the reserved entry, both stored."""
    key = KmsKeyring(fake, KEY, {"team": "a"}).new_data_key(EMRFS_V2)
    context = {"team": "a", **CEK_ENTRY}
    assert fake.calls == [("GenerateDataKey", {"KeyId": KEY, "KeySpec": "AES_256", "EncryptionContext": context})]
    assert key.materials_description == context
    assert bytes(key.plaintext.view()) == fake.secrets[0]


def test_old_wrap_names_the_key_as_configured(fake: FakeKms) -> None:
    """`kms`: kms_cmk_id holds the configured name, alias included, and no reserved entry is there."""
    fake.generate_data_key = lambda **_: {"Plaintext": bytes(32), "CiphertextBlob": b"x", "KeyId": KEY}  # type: ignore[method-assign]
    key = KmsKeyring(fake, "alias/data", {"team": "a"}).new_data_key(EMRFS)
    assert key.materials_description == {"team": "a", "kms_cmk_id": "alias/data"}


@pytest.mark.parametrize(("profile", "wrap"), [(EMRFS, "kms"), (EMRFS_V2, "kms+context")])
def test_unwrap_is_one_call_with_key_and_stored_context(fake: FakeKms, profile: Any, wrap: str) -> None:
    """A stored key is opened in one Decrypt that names the key."""
    keyring = KmsKeyring(fake, KEY)
    key = keyring.new_data_key(profile)
    assert keyring.unwrap(envelope_of(key, wrap)) == key.plaintext
    operation, arguments = fake.calls[-1]
    assert (operation, arguments["KeyId"], arguments["EncryptionContext"]) == (
        "Decrypt",
        KEY,
        key.materials_description,
    )
    assert len(fake.calls) == 2


def test_lost_context_is_replaced_by_the_reserved_entry(fake: FakeKms) -> None:
    """A copied object without any stored context opens if only the reserved entry was bound."""
    keyring = KmsKeyring(fake, KEY)
    key = keyring.new_data_key(EMRFS_V2)
    assert keyring.unwrap(envelope_of(key, materials_description=None)) == key.plaintext
    assert fake.calls[-1][1]["EncryptionContext"] == CEK_ENTRY


def test_lost_context_with_user_entries_does_not_open(fake: FakeKms) -> None:
    """Where user entries were bound, KMS refuses a copy that lost them."""
    key = KmsKeyring(fake, KEY, {"team": "a"}).new_data_key(EMRFS_V2)
    with pytest.raises(KeyringError, match="InvalidCiphertextException"):
        KmsKeyring(fake, KEY).unwrap(envelope_of(key, materials_description=None))


@pytest.mark.parametrize("given", [{}, {"team": "b"}, {"team": "a", "x": "y"}, {"Team": "a"}])
def test_other_context_is_refused_without_a_call(fake: FakeKms, given: dict[str, str]) -> None:
    """A caller's context must equal the stored one exactly; KMS is not asked."""
    key = KmsKeyring(fake, KEY, {"team": "a"}).new_data_key(EMRFS_V2)
    with pytest.raises(KeyringError, match=r"found \{'team': 'a'\}; expected .*Give the context"):
        KmsKeyring(fake, KEY, given).unwrap(envelope_of(key))
    assert fake.count("Decrypt") == 0


@pytest.mark.parametrize("given", [{"team": "a"}, None])
def test_equal_or_no_context_opens(fake: FakeKms, given: dict[str, str] | None) -> None:
    """The stored context is used where the caller gives the same one or none."""
    key = KmsKeyring(fake, KEY, {"team": "a"}).new_data_key(EMRFS_V2)
    assert KmsKeyring(fake, KEY, given).unwrap(envelope_of(key)) == key.plaintext


def test_context_for_the_old_wrap_is_refused_without_a_call(fake: FakeKms) -> None:
    """The old wrap stores its own context; one given by the caller is an error, an empty one is none."""
    key = KmsKeyring(fake, KEY).new_data_key(EMRFS)
    with pytest.raises(KeyringError, match=r"old wrap 'kms'.*found .*team.*expected no context"):
        KmsKeyring(fake, KEY, {"team": "a"}).unwrap(envelope_of(key, "kms"))
    assert fake.count("Decrypt") == 0
    assert KmsKeyring(fake, KEY, {}).unwrap(envelope_of(key, "kms")) == key.plaintext


@pytest.mark.parametrize("wrap", ["AES/GCM", "AESWrap", "RSA-OAEP-SHA1", "RSA/ECB/OAEPWithSHA-256AndMGF1Padding"])
def test_other_wraps_are_refused_without_a_call(fake: FakeKms, wrap: str) -> None:
    """A key that KMS did not wrap is not sent to KMS."""
    with pytest.raises(KeyringError, match=f"not wrapped by KMS; found wrap '{wrap}'; expected"):
        KmsKeyring(fake, KEY).unwrap(Envelope(Format.V2, ContentAlgorithm.AES_GCM, wrap, b"x", bytes(12), None))
    assert fake.calls == []


def test_profile_of_another_keyring_is_refused_without_a_call(fake: FakeKms) -> None:
    """A profile that KMS cannot write is a settings error."""
    with pytest.raises(SettingsError, match="wrap 'AES/GCM'"):
        KmsKeyring(fake, KEY).new_data_key(replace(EMRFS_V2, wrap_algorithm="AES/GCM"))
    assert fake.calls == []


@pytest.mark.parametrize("context", [{"aws:x-amz-cek-alg": "x"}, {"kms_cmk_id": "x"}])
def test_reserved_names_are_refused(fake: FakeKms, context: dict[str, str]) -> None:
    """Nobody sets the entries that bind key and algorithm by hand."""
    with pytest.raises(SettingsError, match="reserved name; found " + next(iter(context))):
        KmsKeyring(fake, KEY, context)


@pytest.mark.parametrize("context", [{"a": 1}, {"a": None}, {1: "a"}, {"a": "\ud800"}])
def test_context_of_other_things_than_text_is_refused(fake: FakeKms, context: Any) -> None:
    """What could not be read back is not written."""
    with pytest.raises(SettingsError, match="no map of strings"):
        KmsKeyring(fake, KEY, context)


def test_key_must_be_named() -> None:
    """A keyring without a key is a settings error, not a discovery."""
    with pytest.raises(SettingsError, match=r"set kmsKeyId|Set kmsKeyId"):
        KmsKeyring(FakeKms(), "")


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("AccessDeniedException", "kms:Decrypt"),
        ("IncorrectKeyException", "name that key"),
        ("InvalidCiphertextException", "was changed"),
        ("NotFoundException", "Region"),
        ("DisabledException", "enable the key"),
        ("KMSInvalidStateException", "pending deletion"),
        ("ThrottlingException", "throttling"),
        ("UnheardOfException", "KMS documentation"),
    ],
)
def test_refusals_say_what_to_do_and_keep_the_cause(fake: FakeKms, code: str, advice: str) -> None:
    """Each refusal of KMS has found, expected and advice; KMS's own error is the cause."""
    key = KmsKeyring(fake, KEY).new_data_key(EMRFS_V2)

    def refuse(**_: Any) -> None:
        raise client_error(code, "Decrypt", "because")

    fake.decrypt = refuse  # type: ignore[assignment, method-assign]
    with pytest.raises(KeyringError) as caught:
        KmsKeyring(fake, KEY).unwrap(envelope_of(key))
    assert f"KMS refused Decrypt; found {code}: because; expected a data key under {KEY}. " in str(caught.value)
    assert advice.lower() in str(caught.value).lower()
    assert isinstance(caught.value.__cause__, ClientError)


def test_unreachable_kms_is_a_keyring_error(fake: FakeKms) -> None:
    """No connection reads as clearly as a refusal."""

    def fail(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://kms.example")

    fake.generate_data_key = fail  # type: ignore[assignment, method-assign]
    with pytest.raises(
        KeyringError, match=r"could not be asked to GenerateDataKey; found .*kms.example.*Check the net"
    ) as caught:
        KmsKeyring(fake, KEY).new_data_key(EMRFS_V2)
    assert isinstance(caught.value.__cause__, EndpointConnectionError)


BROKEN_ANSWERS: list[tuple[dict[str, Any], str]] = [
    ({}, "0 bytes"),
    ({"Plaintext": bytes(16), "KeyId": KEY}, "16 bytes"),
    ({"Plaintext": bytes(33), "KeyId": KEY}, "33 bytes"),
    ({"Plaintext": "x" * 32, "KeyId": KEY}, "0 bytes"),
    ({"Plaintext": bytes(32), "KeyId": OTHER_KEY}, OTHER_KEY),
]


@pytest.mark.parametrize(("answer", "found"), BROKEN_ANSWERS)
def test_answers_without_a_data_key_of_ours_are_refused(fake: FakeKms, answer: dict[str, Any], found: str) -> None:
    """A stand-in for KMS that checks nothing, or answers nonsense, does not get its key used."""
    key = KmsKeyring(fake, KEY).new_data_key(EMRFS_V2)
    fake.decrypt = lambda **_: answer  # type: ignore[assignment, method-assign]
    with pytest.raises(KeyringError, match="something else than a data key") as caught:
        KmsKeyring(fake, KEY).unwrap(envelope_of(key))
    assert found in str(caught.value)


@pytest.mark.parametrize("blob", [None, b""])
def test_new_key_without_wrapped_form_is_refused(fake: FakeKms, blob: bytes | None) -> None:
    """No object is written whose key could never be unwrapped."""
    answer = {"Plaintext": bytes(32), "CiphertextBlob": blob, "KeyId": KEY}
    fake.generate_data_key = lambda **_: answer  # type: ignore[assignment, method-assign]
    with pytest.raises(KeyringError, match="found no wrapped key"):
        KmsKeyring(fake, KEY).new_data_key(EMRFS_V2)


@pytest.mark.parametrize("name", [KEY, KEY.rpartition("/")[2], "alias/data", KEY.replace("key/", "alias/")])
def test_key_may_be_named_by_arn_id_or_alias(name: str) -> None:
    """KMS answers with the ARN whatever the key was called."""
    fake = FakeKms()
    key = KmsKeyring(fake, name).new_data_key(EMRFS_V2)
    assert KmsKeyring(fake, name).unwrap(envelope_of(key)) == key.plaintext


S3EC_V4 = find_profile("s3ec-v4", "kms")
V3 = {"format": Format.V3, "content_algorithm": ContentAlgorithm.AES_GCM_COMMITTING}


def test_format_v3_binds_its_suite(fake: FakeKms) -> None:
    """`kms+context` of format V3: the reserved entry is the suite, on write and on read."""
    keyring = KmsKeyring(fake, KEY, {"team": "a"})
    key = keyring.new_data_key(S3EC_V4)
    assert key.materials_description == {"team": "a", "aws:x-amz-cek-alg": "115"}
    assert keyring.unwrap(envelope_of(key, **V3)) == key.plaintext
    with pytest.raises(KeyringError, match="InvalidCiphertextException"):
        keyring.unwrap(envelope_of(key))


MRK = "arn:aws:kms:us-east-1:111122223333:key/mrk-0000000000004000800000000000000a"


def test_multi_region_key_may_answer_for_its_relative(fake: FakeKms) -> None:
    """The configured ARN is sent as it is; the answer may name the same key in another Region, and no other key."""
    answer = {"Plaintext": bytes(32), "CiphertextBlob": b"x", "KeyId": MRK.replace("us-east-1", "eu-west-1")}
    calls: list[Any] = []

    def generate(**arguments: Any) -> dict[str, Any]:
        calls.append(arguments["KeyId"])
        return answer

    fake.generate_data_key = generate  # type: ignore[method-assign]
    assert KmsKeyring(fake, MRK).new_data_key(EMRFS_V2).encrypted == b"x"
    assert calls == [MRK]
    answer["KeyId"] = MRK[:-1] + "b"
    with pytest.raises(KeyringError, match="something else than a data key"):
        KmsKeyring(fake, MRK).new_data_key(EMRFS_V2)


DAMAGED = {"team": "Z?rich"}
RIGHT = {"team": "Zürich"}


@pytest.mark.parametrize(("profile", "changes"), [(EMRFS_V2, {}), (S3EC_V4, V3)])
def test_override_replaces_a_damaged_context(fake: FakeKms, profile: Any, changes: dict[str, Any]) -> None:
    """The given map is sent instead of the stored one, with the object's own algorithm added."""
    key = KmsKeyring(fake, KEY, RIGHT).new_data_key(profile)
    envelope = envelope_of(key, materials_description={**key.materials_description, **DAMAGED}, **changes)
    with pytest.raises(KeyringError, match="InvalidCiphertextException"):
        KmsKeyring(fake, KEY).unwrap(envelope)
    assert KmsKeyring(fake, KEY, override_context=RIGHT).unwrap(envelope) == key.plaintext
    assert fake.calls[-1][1]["EncryptionContext"] == {**RIGHT, "aws:x-amz-cek-alg": profile.content_algorithm.value}


def test_override_of_the_old_wrap_keeps_the_keys_name(fake: FakeKms) -> None:
    """The stored kms_cmk_id is sent along, unless the given map has one; no reserved entry is added."""
    key = KmsKeyring(fake, KEY, RIGHT).new_data_key(EMRFS)
    damaged = {**key.materials_description, **DAMAGED}
    for override in (RIGHT, {**RIGHT, "kms_cmk_id": KEY}):
        keyring = KmsKeyring(fake, KEY, override_context=override)
        assert keyring.unwrap(envelope_of(key, "kms", materials_description=damaged)) == key.plaintext
    assert fake.calls[-1][1]["EncryptionContext"] == {**RIGHT, "kms_cmk_id": KEY}
    lost = envelope_of(key, "kms", materials_description=None)
    assert KmsKeyring(fake, KEY, override_context={**RIGHT, "kms_cmk_id": KEY}).unwrap(lost) == key.plaintext


def test_override_does_not_open_relabelled_objects(fake: FakeKms) -> None:
    """An object of the new wrap labelled as `kms` is refused without a call, and nobody can add the reserved entry."""
    key = KmsKeyring(fake, KEY, RIGHT).new_data_key(EMRFS_V2)
    for keyring in (KmsKeyring(fake, KEY), KmsKeyring(fake, KEY, override_context=RIGHT)):
        with pytest.raises(KeyringError, match="labelled as one of the old wrap"):
            keyring.unwrap(envelope_of(key, "kms"))
    assert fake.count("Decrypt") == 0
    lost = envelope_of(key, "kms", materials_description=None)
    with pytest.raises(KeyringError, match="InvalidCiphertextException"):
        KmsKeyring(fake, KEY, override_context=RIGHT).unwrap(lost)
    with pytest.raises(SettingsError, match="reserved name; found aws:x-amz-cek-alg"):
        KmsKeyring(fake, KEY, override_context={"aws:x-amz-cek-alg": "AES/GCM/NoPadding"})


def test_context_and_override_exclude_each_other(fake: FakeKms) -> None:
    """A context cannot both equal the stored one and replace it; the override shows, and is not written."""
    with pytest.raises(SettingsError, match=r"exclude each other; found context and override_context"):
        KmsKeyring(fake, KEY, {}, override_context={})
    keyring = KmsKeyring(fake, KEY, override_context=RIGHT)
    assert repr(keyring).endswith("context=None, override_context={'team': 'Zürich'})")
    assert keyring.new_data_key(EMRFS_V2).materials_description == CEK_ENTRY


def test_claim_is_to_ask(fake: FakeKms) -> None:
    """KMS decides about what KMS wrapped."""
    key = KmsKeyring(fake, KEY).new_data_key(EMRFS_V2)
    assert KmsKeyring(fake, KEY).claim(envelope_of(key)) is Claim.ASK
    assert KmsKeyring(fake, KEY).claim(envelope_of(key, "AES/GCM")) is Claim.NONE


@mock_aws
def test_round_trip_with_moto() -> None:
    """Both profiles work with a KMS client of boto3, and another key or context does not open."""
    client = boto3.client("kms", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    arn, other = (client.create_key()["KeyMetadata"]["Arn"] for _ in range(2))
    for profile, wrap in ((EMRFS, "kms"), (EMRFS_V2, "kms+context")):
        key = KmsKeyring(client, arn).new_data_key(profile)
        assert KmsKeyring(client, arn).unwrap(envelope_of(key, wrap)) == key.plaintext
        with pytest.raises(KeyringError, match="KMS refused Decrypt; found "):
            KmsKeyring(client, other).unwrap(envelope_of(key, wrap))
        changed = {**key.materials_description, "x": "y"}
        with pytest.raises(KeyringError, match="InvalidCiphertextException"):
            KmsKeyring(client, arn).unwrap(envelope_of(key, wrap, materials_description=changed))


def test_wrong_key_over_http(kms_stub: KmsStub, stub_keyring: KmsKeyring) -> None:
    """A data key under another KMS key is refused, with KMS's own error as the cause."""
    other = KmsKeyring(stub_keyring._service._kms, kms_stub.create_key())
    with pytest.raises(KeyringError, match=r"found IncorrectKeyException: .*Name that key|name that key") as caught:
        other.unwrap(envelope_of(stub_keyring.new_data_key(EMRFS_V2)))
    assert isinstance(caught.value.__cause__, ClientError)


def test_throttling_is_waited_out(kms_stub: KmsStub, stub_keyring: KmsKeyring) -> None:
    """A KMS that throttles for a while costs time, not the job."""
    key = stub_keyring.new_data_key(EMRFS_V2)
    kms_stub.fail(KmsFault("ThrottlingException", operation="Decrypt", times=5))
    assert stub_keyring.unwrap(envelope_of(key)) == key.plaintext
    assert kms_stub.count("Decrypt") == 6


def test_throttling_that_does_not_end_is_a_clear_error(kms_stub: KmsStub, stub_keyring: KmsKeyring) -> None:
    """After 8 requests the caller hears that KMS is throttling."""
    kms_stub.fail(KmsFault("ThrottlingException"))
    with pytest.raises(KeyringError, match=r"ThrottlingException.*KMS is throttling: run fewer tasks"):
        stub_keyring.new_data_key(EMRFS_V2)
    assert kms_stub.count("GenerateDataKey") == 8


def test_denied_access_is_not_repeated(kms_stub: KmsStub, stub_keyring: KmsKeyring) -> None:
    """A verdict of KMS is final: one request."""
    key = stub_keyring.new_data_key(EMRFS_V2)
    kms_stub.fail(KmsFault("AccessDeniedException"))
    with pytest.raises(KeyringError, match=r"AccessDeniedException.*(A|a)llow this identity kms:Decrypt"):
        stub_keyring.unwrap(envelope_of(key))
    assert kms_stub.count("Decrypt") == 1


def test_slow_kms_times_out_as_a_keyring_error(kms_stub: KmsStub) -> None:
    """An answer that never comes ends as a clear error under the client's own limits."""
    config = Config(read_timeout=0.1, retries={"total_max_attempts": 1})
    client = boto3.session.Session("x", "x", region_name="us-east-1").client(
        "kms", endpoint_url=kms_stub.url, config=config
    )
    key = kms_stub.create_key()
    kms_stub.fail(KmsFault(latency=0.5))
    started = time.monotonic()
    with pytest.raises(KeyringError, match=r"could not be asked.*Read timeout"):
        KmsKeyring(client, key).new_data_key(EMRFS_V2)
    assert time.monotonic() - started < 5


def test_keyring_shows_no_key_and_does_not_travel(fake: FakeKms) -> None:
    """Neither text form nor pickle of a keyring or data key gives key bytes away."""
    keyring = KmsKeyring(fake, KEY, {"team": "a"})
    key = keyring.new_data_key(EMRFS_V2)
    assert fake.secrets[0].hex() not in repr(key)
    assert repr(fake.secrets[0])[2:-1] not in repr(key) + str(key)
    assert repr(keyring) == f"KmsKeyring(key_id={KEY!r}, context={{'team': 'a'}})"
    for thing in (keyring, key):
        with pytest.raises(TypeError, match=r"pickled|process"):
            pickle.dumps(thing)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_forked_child_may_not_use_the_parents_client(fake: FakeKms) -> None:
    """Two processes never share one connection to KMS."""
    keyring = KmsKeyring(fake, KEY)

    def use() -> None:
        with pytest.raises(
            KeyringError, match=r"made in another process.*(M|m)ake the client and the keyring after the fork"
        ):
            keyring.new_data_key(EMRFS_V2)
        assert fake.calls == []

    assert in_a_forked_child(use) == 0
    keyring.new_data_key(EMRFS_V2)
