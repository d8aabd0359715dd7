"""KmsDiscoveryKeyring: KMS finds the key, the filters are checked on what KMS answers, and nothing is written."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from s3cse.envelope.profiles import find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import Claim, DataKey, KmsDiscoveryKeyring, KmsKeyring

from .envelopes import envelope_of, old_envelope, profile_id, profiles_of
from .fake_kms import KEY, FakeKms

EMRFS, EMRFS_V2 = find_profile("emrfs", "kms"), find_profile("emrfs-v2", "kms")
ACCOUNT, REGION = "111122223333", "us-east-1"


class AnswerKms(FakeKms):
    """Decrypts without a KeyId, as KMS does, and names the key as ``key``."""

    key: object = KEY

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        assert "KeyId" not in arguments
        answer = super().decrypt(**{**arguments, "KeyId": KEY})
        self.calls[-1] = ("Decrypt", arguments)
        answer["KeyId"] = self.key
        return answer if self.key is not None else {"Plaintext": answer["Plaintext"]}


@pytest.fixture
def fake() -> AnswerKms:
    """A KMS in memory."""
    return AnswerKms()


@pytest.fixture
def key(fake: AnswerKms) -> DataKey:
    """A data key under KEY."""
    return KmsKeyring(fake, KEY, {"team": "a"}).new_data_key(EMRFS_V2)


@pytest.mark.parametrize("profile", profiles_of("kms"), ids=profile_id)
def test_opens_without_naming_the_key(fake: AnswerKms, profile: Any) -> None:
    """One Decrypt, with the stored context and no KeyId."""
    key = KmsKeyring(fake, KEY).new_data_key(profile)
    assert KmsDiscoveryKeyring(fake).unwrap(envelope_of(key, profile)) == key.plaintext
    expected = {"CiphertextBlob": key.encrypted, "EncryptionContext": key.materials_description}
    assert fake.calls[-1] == ("Decrypt", expected)


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"accounts": [ACCOUNT]},
        {"regions": [REGION]},
        {"accounts": ["000000000000", ACCOUNT], "regions": ["eu-west-1", REGION]},
        {"accounts": {ACCOUNT}, "regions": (REGION,)},
        {"accounts": iter([ACCOUNT])},
    ],
)
def test_trusted_keys_open(fake: AnswerKms, key: DataKey, filters: Mapping[str, Any]) -> None:
    """Any list of names does; one match in each given filter is enough."""
    keyring = KmsDiscoveryKeyring(fake, **filters)
    for _ in range(2):
        assert keyring.unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"accounts": ["000000000000"]}, "account 000000000000"),
        ({"regions": ["eu-west-1", "us-east-11"]}, "Region eu-west-1 or us-east-11"),
        ({"accounts": [ACCOUNT], "regions": ["us-east"]}, f"account {ACCOUNT}, Region us-east"),
        ({"accounts": ["000000000000"], "regions": [REGION]}, f"account 000000000000, Region {REGION}"),
    ],
)
def test_foreign_keys_are_refused_by_name(
    fake: AnswerKms, key: DataKey, filters: Mapping[str, Any], expected: str
) -> None:
    """The message names the key and the filter."""
    with pytest.raises(KeyringError) as caught:
        KmsDiscoveryKeyring(fake, **filters).unwrap(envelope_of(key, EMRFS_V2))
    assert f"not trusted; found key {KEY}; expected {expected}. Name the" in str(caught.value)


@pytest.mark.parametrize(
    "answered",
    [None, "", 7, KEY.rpartition("/")[2], KEY.replace(":kms:", ":s3:"), KEY.replace(REGION, ""), "arn:aws:kms"],
)
def test_unnamed_key_is_refused_where_there_is_a_filter(fake: AnswerKms, key: DataKey, answered: object) -> None:
    """An answer that does not say where the key is passes no filter."""
    fake.key = answered
    for filters in ({"accounts": [ACCOUNT]}, {"regions": [REGION]}):
        with pytest.raises(KeyringError, match="found no key ARN in KMS's answer"):
            KmsDiscoveryKeyring(fake, **filters).unwrap(envelope_of(key, EMRFS_V2))  # type: ignore[arg-type]
    assert KmsDiscoveryKeyring(fake).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext


def test_context_is_compared_without_a_call(fake: AnswerKms, key: DataKey) -> None:
    """As for a named key: the caller's context must be the object's."""
    assert KmsDiscoveryKeyring(fake, context={"team": "a"}).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext
    fake.calls.clear()
    with pytest.raises(KeyringError, match=r"context is not the one given; found \{'team': 'a'\}"):
        KmsDiscoveryKeyring(fake, context={"team": "b"}).unwrap(envelope_of(key, EMRFS_V2))
    with pytest.raises(KeyringError, match="not wrapped by KMS"):
        KmsDiscoveryKeyring(fake).unwrap(old_envelope("AES/GCM", bytes(60)))
    assert fake.calls == []


def test_it_cannot_write(fake: AnswerKms) -> None:
    """New data keys need a named key; KMS is not asked."""
    keyring = KmsDiscoveryKeyring(fake)
    for write in (lambda: keyring.for_encryption("s3://b/k"), lambda: keyring.new_data_key(EMRFS_V2)):
        with pytest.raises(
            SettingsError, match=r"cannot write.*found KmsDiscoveryKeyring; expected KmsKeyring\. Write"
        ):
            write()
    assert fake.calls == []


@pytest.mark.parametrize(
    "filters",
    [
        {"accounts": []},
        {"accounts": ACCOUNT},
        {"accounts": [111122223333]},
        {"accounts": ["1111-2222-3333"]},
        {"accounts": ["٠" * 12]},
        {"regions": ()},
        {"regions": [""]},
        {"regions": REGION},
        {"regions": [None]},
    ],
)
def test_filters_that_mean_nothing_are_refused(fake: AnswerKms, filters: Any) -> None:
    """An empty filter, a single text, or no account is a mistake, not a rule."""
    with pytest.raises(SettingsError, match="found"):
        KmsDiscoveryKeyring(fake, **filters)


def test_bad_answer_is_refused(fake: AnswerKms, key: DataKey) -> None:
    """A short key is none."""
    fake.decrypt = lambda **_: {"Plaintext": bytes(16), "KeyId": KEY}  # type: ignore[assignment, method-assign]
    with pytest.raises(KeyringError, match="found a data key of 16 bytes; expected 32 bytes"):
        KmsDiscoveryKeyring(fake).unwrap(envelope_of(key, EMRFS_V2))


def test_text_form_claim_and_pickle(fake: AnswerKms, key: DataKey) -> None:
    """It shows its filters, asks KMS about KMS objects only, and does not travel."""
    keyring = KmsDiscoveryKeyring(fake, [ACCOUNT], [REGION])
    assert repr(keyring) == f"KmsDiscoveryKeyring(accounts=('{ACCOUNT}',), regions=('{REGION}',), context=None)"
    assert keyring.kind == "kms-discovery"
    assert keyring.claim(envelope_of(key, EMRFS_V2)) is Claim.ASK
    assert keyring.claim(old_envelope("AES/GCM", b"")) is Claim.NONE
    with pytest.raises(TypeError, match="one process"):
        pickle.dumps(keyring)


@mock_aws
def test_with_moto() -> None:
    """A boto3 client finds the key by itself, and its account and Region are checked."""
    client = boto3.client("kms", "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    arn = client.create_key()["KeyMetadata"]["Arn"]
    key = KmsKeyring(client, arn).new_data_key(EMRFS_V2)
    account = arn.split(":")[4]
    assert KmsDiscoveryKeyring(client, [account], ["us-east-1"]).unwrap(envelope_of(key, EMRFS_V2)) == key.plaintext
    with pytest.raises(KeyringError, match="not trusted"):
        KmsDiscoveryKeyring(client, [account], ["eu-west-1"]).unwrap(envelope_of(key, EMRFS_V2))
