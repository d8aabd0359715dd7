"""Data keys of messages under KMS keys: what is sent, whose keys are asked for, and what is believed of the answers."""

from __future__ import annotations

from typing import Any

import pytest

from s3cse.crypto.secret import Secret
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import EncryptedDataKey, KmsDiscoveryKeyring, KmsKeyring, MessageKeyring, MultiKeyring

from .message_kms import ACCOUNT, MULTI_REGION_ID, MessageKms, arn_of

CONTEXT = {"table": "flights"}
KEY_ID = "00000000-0000-4000-8000-000000000001"
HERE, THERE = "eu-west-1", "us-east-1"
KEY, OTHER_KEY = arn_of(HERE, KEY_ID), arn_of(HERE, "00000000-0000-4000-8000-000000000002")
RELATIVE_HERE, RELATIVE_THERE = arn_of(HERE, MULTI_REGION_ID), arn_of(THERE, MULTI_REGION_ID)


def wrapped(kms: MessageKms, key_id: str, key_bytes: int = 32) -> tuple[EncryptedDataKey, Secret]:
    """A new data key, wrapped once."""
    made = KmsKeyring(kms, key_id).new_message_key(CONTEXT, key_bytes)
    return made.encrypted[0], made.plaintext


def test_keyrings_of_kms_are_message_keyrings() -> None:
    """Both satisfy the port."""
    assert isinstance(KmsKeyring(MessageKms(HERE), KEY), MessageKeyring)
    assert isinstance(KmsDiscoveryKeyring(MessageKms(HERE)), MessageKeyring)


@pytest.mark.parametrize("key_bytes", [16, 24, 32])
def test_one_call_makes_and_one_opens_a_data_key(key_bytes: int) -> None:
    """With the length of the suite, the whole context, and the key's ARN as provider information."""
    kms = MessageKms(HERE)
    encrypted, plaintext = wrapped(kms, KEY, key_bytes)
    assert (encrypted.provider_id, encrypted.provider_info) == ("aws-kms", KEY.encode())
    assert kms.calls == [("GenerateDataKey", {"KeyId": KEY, "NumberOfBytes": key_bytes, "EncryptionContext": CONTEXT})]
    assert KmsKeyring(kms, KEY).unwrap_message_key([encrypted], CONTEXT, key_bytes) == plaintext
    assert kms.calls[1:] == [
        ("Decrypt", {"KeyId": KEY, "CiphertextBlob": encrypted.ciphertext, "EncryptionContext": CONTEXT})
    ]


@pytest.mark.parametrize(
    "name", [KEY_ID, "alias/flights", arn_of(HERE, KEY_ID).replace("key/" + KEY_ID, "alias/flights")]
)
def test_a_key_has_other_names(name: str) -> None:
    """By id or alias the ARN that KMS answers is stored, and the name opens the message again."""
    aliases = {"alias/flights": KEY, KEY.replace("key/" + KEY_ID, "alias/flights"): KEY}
    kms = MessageKms(HERE, aliases)
    encrypted, plaintext = wrapped(kms, name)
    assert encrypted.provider_info == KEY.encode()
    assert KmsKeyring(kms, name).unwrap_message_key([encrypted], CONTEXT, 32) == plaintext


def test_a_data_key_of_another_keyring_is_wrapped_by_encrypt() -> None:
    """A second KMS key for one message."""
    kms = MessageKms(HERE)
    keyring = MultiKeyring([KmsKeyring(kms, KEY)], also_wrap=[KmsKeyring(kms, OTHER_KEY)])
    made = keyring.new_message_key(CONTEXT, 32)
    assert [operation for operation, _ in kms.calls] == ["GenerateDataKey", "Encrypt"]
    assert [key.provider_info.decode() for key in made.encrypted] == [KEY, OTHER_KEY]
    for key in (KEY, OTHER_KEY):
        assert KmsKeyring(kms, key).unwrap_message_key(made.encrypted, CONTEXT, 32) == made.plaintext


def test_only_own_data_keys_are_asked_for() -> None:
    """Others cost no call; where there is none of its own the error names what there is."""
    kms = MessageKms(HERE)
    other, (own, plaintext) = wrapped(kms, OTHER_KEY)[0], wrapped(kms, KEY)
    raw = EncryptedDataKey("tests", KEY.encode(), own.ciphertext)
    kms.calls.clear()
    keyring = KmsKeyring(kms, KEY)
    assert keyring.unwrap_message_key([other, raw, own], CONTEXT, 32) == plaintext
    assert len(kms.calls) == 1
    with pytest.raises(KeyringError, match=OTHER_KEY):
        keyring.unwrap_message_key([other, raw], CONTEXT, 32)
    assert len(kms.calls) == 1


def test_the_next_data_key_is_tried_where_one_fails() -> None:
    """All refusals are told if none opens."""
    kms = MessageKms(HERE)
    (own, plaintext), (elsewhere, _) = wrapped(kms, KEY), wrapped(kms, OTHER_KEY)
    foreign = EncryptedDataKey("aws-kms", KEY.encode(), elsewhere.ciphertext)
    keyring = KmsKeyring(kms, KEY)
    assert keyring.unwrap_message_key([foreign, own], CONTEXT, 32) == plaintext
    with pytest.raises(KeyringError, match="IncorrectKeyException"):
        keyring.unwrap_message_key([foreign], CONTEXT, 32)
    with pytest.raises(KeyringError, match="none of the message's 2 data keys"):
        keyring.unwrap_message_key([foreign, foreign], CONTEXT, 32)


def test_the_context_is_bound() -> None:
    """KMS opens a data key with exactly its context."""
    kms = MessageKms(HERE)
    encrypted, _ = wrapped(kms, KEY)
    with pytest.raises(KeyringError, match="InvalidCiphertextException"):
        KmsKeyring(kms, KEY).unwrap_message_key([encrypted], {"table": "other"}, 32)


def test_a_data_key_of_another_length_is_refused() -> None:
    """A suite of 256 bits takes no 128-bit key."""
    kms = MessageKms(HERE)
    encrypted, _ = wrapped(kms, KEY, 16)
    with pytest.raises(KeyringError, match="16 bytes"):
        KmsKeyring(kms, KEY).unwrap_message_key([encrypted], CONTEXT, 32)


@pytest.mark.parametrize("info", [b"", b"key", b"arn:aws:kms:eu-west-1:111122223333:alias/flights", b"\xff\xfe"])
def test_a_kms_data_key_names_a_key(info: bytes) -> None:
    """One that does not makes the whole message invalid, as the specification says."""
    kms = MessageKms(HERE)
    encrypted, _ = wrapped(kms, KEY)
    broken = EncryptedDataKey("aws-kms", info, b"x")
    for keyring in (KmsKeyring(kms, KEY), KmsDiscoveryKeyring(kms)):
        with pytest.raises(KeyringError, match="names no KMS key"):
            keyring.unwrap_message_key([broken, encrypted], CONTEXT, 32)


@pytest.mark.parametrize(
    "answer", [{"KeyId": OTHER_KEY}, {"KeyId": "alias/x"}, {"KeyId": None}, {"CiphertextBlob": b""}]
)
def test_answers_that_kms_would_not_give_are_refused(answer: dict[str, Any]) -> None:
    """Another key, no ARN, no blob: the endpoint is not KMS."""

    class Wrong(MessageKms):
        def generate_data_key(self, **arguments: Any) -> dict[str, Any]:
            return {**super().generate_data_key(**arguments), **answer}

        def encrypt(self, **arguments: Any) -> dict[str, Any]:
            return {**super().encrypt(**arguments), **answer}

    keyring = KmsKeyring(Wrong(HERE), KEY)
    with pytest.raises(KeyringError, match="something else"):
        keyring.new_message_key(CONTEXT, 32)
    with pytest.raises(KeyringError, match="something else"):
        keyring.wrap_message_key(Secret(bytes(32)), CONTEXT)


def test_a_keyring_with_a_context_wants_it_in_the_message() -> None:
    """What a keyring adds to S3 objects a message must have among its own pairs: KMS is sent those, and only those."""
    kms = MessageKms(HERE)
    keyring = KmsKeyring(kms, KEY, {"a": "b"})
    assert keyring.context == {"a": "b"}
    made = keyring.new_message_key({**CONTEXT, "a": "b"}, 32)
    opened = keyring.unwrap_message_key(made.encrypted, {**CONTEXT, "a": "b"}, 32)
    assert opened.view() == made.plaintext.view()
    for context in (CONTEXT, {**CONTEXT, "a": "c"}):
        with pytest.raises(SettingsError, match="context of its own"):
            keyring.new_message_key(context, 32)
        with pytest.raises(SettingsError, match="context of its own"):
            keyring.wrap_message_key(Secret(bytes(32)), context)
        with pytest.raises(KeyringError, match="not the keyring's encryption context"):
            keyring.unwrap_message_key(made.encrypted, context, 32)
        with pytest.raises(KeyringError, match="not the keyring's encryption context"):
            KmsDiscoveryKeyring(kms, context={"a": "b"}).unwrap_message_key(made.encrypted, context, 32)


def test_a_message_has_no_context_to_replace() -> None:
    """A keyring that replaces stored contexts is refused: a message's is authenticated."""
    keyring = KmsKeyring(MessageKms(HERE), KEY, override_context={"a": "b"})
    for call in (
        lambda k: k.new_message_key(CONTEXT, 32),
        lambda k: k.wrap_message_key(Secret(bytes(32)), CONTEXT),
        lambda k: k.unwrap_message_key([], CONTEXT, 32),
    ):
        with pytest.raises(SettingsError, match="override_context"):
            call(keyring)


# --- multi-Region keys ------------------------------------------------------------------------------------------


def test_a_multi_region_key_opens_what_its_relative_wrapped() -> None:
    """By its own ARN, in its own Region."""
    encrypted, plaintext = wrapped(MessageKms(THERE), RELATIVE_THERE)
    kms = MessageKms(HERE)
    assert KmsKeyring(kms, RELATIVE_HERE).unwrap_message_key([encrypted], CONTEXT, 32) == plaintext
    assert kms.calls[0][1]["KeyId"] == RELATIVE_HERE


@pytest.mark.parametrize(
    "foreign",
    [
        arn_of(THERE, KEY_ID),
        arn_of(THERE, MULTI_REGION_ID, "999999999999"),
        arn_of(THERE, MULTI_REGION_ID[:-1] + "2"),
        RELATIVE_THERE.replace("arn:aws:", "arn:aws-cn:"),
    ],
)
def test_what_is_no_relative_is_not_asked_for(foreign: str) -> None:
    """Another account, partition or id; and keys of one Region have none."""
    kms = MessageKms(HERE)
    for own in (KEY, RELATIVE_HERE):
        with pytest.raises(KeyringError, match="is for this keyring"):
            KmsKeyring(kms, own).unwrap_message_key([EncryptedDataKey("aws-kms", foreign.encode(), b"")], {}, 32)
    assert kms.calls == []


# --- discovery --------------------------------------------------------------------------------------------------


def test_discovery_asks_for_the_key_that_is_named() -> None:
    """By its ARN, so that another key's wrapped key is refused by KMS."""
    kms = MessageKms(HERE)
    encrypted, plaintext = wrapped(kms, KEY)
    keyring = KmsDiscoveryKeyring(kms, accounts=[ACCOUNT])
    assert keyring.unwrap_message_key([encrypted], CONTEXT, 32) == plaintext
    assert kms.calls[-1][1]["KeyId"] == KEY
    with pytest.raises(KeyringError, match="IncorrectKeyException"):
        keyring.unwrap_message_key([EncryptedDataKey("aws-kms", OTHER_KEY.encode(), encrypted.ciphertext)], CONTEXT, 32)


def test_discovery_asks_nobody_outside_its_filters() -> None:
    """Unlike with S3 objects the key is known before KMS is asked: no foreign log sees the call."""
    kms = MessageKms(HERE)
    encrypted, _ = wrapped(kms, KEY)
    kms.calls.clear()
    for keyring in (KmsDiscoveryKeyring(kms, accounts=["999999999999"]), KmsDiscoveryKeyring(kms, regions=[THERE])):
        with pytest.raises(KeyringError, match="is for this keyring"):
            keyring.unwrap_message_key([encrypted], CONTEXT, 32)
    assert kms.calls == []


def test_discovery_looks_for_multi_region_keys_in_its_own_region() -> None:
    """Other keys of other Regions are left out."""
    kms = MessageKms(HERE)
    relative, plaintext = wrapped(MessageKms(THERE), RELATIVE_THERE)
    elsewhere, _ = wrapped(MessageKms(THERE), arn_of(THERE, KEY_ID))
    keyring = KmsDiscoveryKeyring(kms)
    assert keyring.unwrap_message_key([elsewhere, relative], CONTEXT, 32) == plaintext
    assert [arguments["KeyId"] for _, arguments in kms.calls] == [RELATIVE_HERE]
    with pytest.raises(KeyringError, match="is for this keyring"):
        keyring.unwrap_message_key([elsewhere], CONTEXT, 32)


def test_discovery_believes_no_other_key() -> None:
    """KMS answers with the key that was asked for."""

    class Wrong(MessageKms):
        def decrypt(self, **arguments: Any) -> dict[str, Any]:
            return {**super().decrypt(**arguments), "KeyId": OTHER_KEY}

    encrypted, _ = wrapped(MessageKms(HERE), KEY)
    with pytest.raises(KeyringError, match="something else"):
        KmsDiscoveryKeyring(Wrong(HERE)).unwrap_message_key([encrypted], CONTEXT, 32)


def test_discovery_does_not_write() -> None:
    """New data keys need a named key."""
    keyring = KmsDiscoveryKeyring(MessageKms(HERE))
    with pytest.raises(SettingsError, match="cannot write"):
        keyring.new_message_key(CONTEXT, 32)
    with pytest.raises(SettingsError, match="cannot write"):
        keyring.wrap_message_key(Secret(bytes(32)), CONTEXT)
