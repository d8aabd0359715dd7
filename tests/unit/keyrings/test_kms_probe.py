"""Asking KMS which key a data key is under."""

from __future__ import annotations

import os
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from s3cse.envelope.model import RESERVED_CONTEXT_KEY, ContentAlgorithm, Envelope, Format
from s3cse.envelope.profiles import find_profile
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings import KmsKeyring
from s3cse.keyrings.kms_probe import DECRYPT, DRY_RUN, RE_ENCRYPT, KmsProbe


def envelope(kms: Any, key: str) -> Envelope:
    """Return the envelope of an object whose data key is under this key."""
    made = KmsKeyring(kms, key, {"team": "flights"}).new_data_key(find_profile("emrfs-v2", "kms"))
    algorithm = ContentAlgorithm.AES_GCM
    return Envelope(Format.V2, algorithm, "kms+context", made.encrypted, bytes(12), made.materials_description)


@pytest.fixture(scope="module")
def other_key(servers: Any) -> str:
    """Another key."""
    return str(servers.create_key())


def test_each_way_finds_the_key(kms: Any, kms_key: str, other_key: str) -> None:
    """Decrypt and ReEncrypt name the key; a dry run finds it among candidates, whatever their order."""
    wrapped = envelope(kms, kms_key)
    for how, keys in ((DECRYPT, ()), (RE_ENCRYPT, (other_key,)), (DRY_RUN, (other_key, kms_key))):
        assert KmsProbe(kms, how, keys).key_of(wrapped) == kms_key


def test_none_of_the_candidates(kms: Any, kms_key: str, other_key: str) -> None:
    """A key that is not among the candidates is not guessed."""
    with pytest.raises(KeyringError):
        KmsProbe(kms, DRY_RUN, [other_key]).key_of(envelope(kms, kms_key))


class Scripted:
    """A KMS whose Decrypt answers by key: a code of an error, or an answer. ``asked`` are the requests."""

    def __init__(self, answers: dict[str | None, Any]) -> None:
        self._answers = answers
        self.asked: list[dict[str, Any]] = []

    def decrypt(self, **arguments: Any) -> Any:
        self.asked.append(arguments)
        answer = self._answers[arguments.get("KeyId")]
        if isinstance(answer, str):
            raise ClientError({"Error": {"Code": answer, "Message": "no"}}, "Decrypt")
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_dry_run_of_aws(kms: Any, kms_key: str) -> None:
    """As AWS answers it: DryRunOperationException is the key, IncorrectKeyException is not; no data key comes."""
    wrapped = envelope(kms, kms_key)
    scripted = Scripted({"a": "IncorrectKeyException", "b": "DryRunOperationException"})
    assert KmsProbe(scripted, DRY_RUN, ["a", "b"]).key_of(wrapped) == "b"
    assert all(request["DryRun"] is True for request in scripted.asked)
    assert scripted.asked[0]["EncryptionContext"][RESERVED_CONTEXT_KEY] == "AES/GCM/NoPadding"
    with pytest.raises(KeyringError, match="not under a"):
        KmsProbe(scripted, DRY_RUN, ["a"]).key_of(wrapped)


def test_refusals_are_told(kms: Any, kms_key: str) -> None:
    """What KMS refuses, and a KMS that is not there, are errors with its word; nothing is taken for an answer."""
    wrapped = envelope(kms, kms_key)
    for answer, said in (
        ("AccessDeniedException", "AccessDeniedException"),
        (EndpointConnectionError(endpoint_url="http://nowhere"), "nowhere"),
        ({}, "does not say which key"),
    ):
        with pytest.raises(KeyringError, match=said):
            KmsProbe(Scripted({None: answer}), DECRYPT).key_of(wrapped)
    with pytest.raises(KeyringError, match="AccessDeniedException"):
        KmsProbe(Scripted({"a": "AccessDeniedException"}), DRY_RUN, ["a"]).key_of(wrapped)


@pytest.mark.parametrize(
    ("how", "keys"), [("guess", ()), (DECRYPT, ("a",)), (RE_ENCRYPT, ()), (RE_ENCRYPT, ("a", "b")), (DRY_RUN, ())]
)
def test_ways_that_do_not_exist(how: str, keys: tuple[str, ...]) -> None:
    """A way that does not exist, or without the keys that it needs, is refused."""
    with pytest.raises(SettingsError):
        KmsProbe(None, how, keys)


def test_another_process(monkeypatch: pytest.MonkeyPatch, kms: Any, kms_key: str) -> None:
    """A probe is not used in a forked child, whose connections are its parent's."""
    wrapped = envelope(kms, kms_key)
    probe = KmsProbe(kms)
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(KeyringError, match="another process"):
        probe.key_of(wrapped)
