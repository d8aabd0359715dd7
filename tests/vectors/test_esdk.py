"""Messages that the AWS Encryption SDKs wrote, and published as test vectors: 424 of them, on both backends.

Every case that the manifest says decrypts gives the recorded plaintext, every other one is refused. Counts are exact.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.crypto.secret import Secret
from s3cse.errors import EnvelopeError, IntegrityError, PolicyError, S3CSEError
from s3cse.keyrings import AesKeyring, EncryptedDataKey, MessageKey, MessageKeyring, MultiKeyring, RsaKeyring
from s3cse.message import SUITES, Decrypted, decrypt
from s3cse.message.derivation import derive

FOLDER = Path(__file__).parent / "esdk"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))["cases"]
DECRYPTED = [case for case in CASES if case["expect"] == "decrypt"]
REFUSED = [case for case in CASES if case["expect"] == "fail"]

both = pytest.mark.parametrize("backend", [native, oracle], ids=["native", "oracle"])


def by_name(cases: Sequence[dict[str, Any]]) -> pytest.MarkDecorator:
    """Run a test for each of the cases."""
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


class GivenKey:
    """A keyring for vectors whose wrapped keys are under KMS, and whose data key is published."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        raise NotImplementedError

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        raise NotImplementedError

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        return Secret(self._key[:key_bytes])


@cache
def rsa_pem() -> bytes:
    """The one RSA key of the vectors."""
    return (FOLDER / "keys" / "rsa-4096-private.pem").read_bytes()


@cache
def rsa_keyring(provider_id: str, key_id: str, padding: Any) -> RsaKeyring:
    """A keyring of that key; making it takes time."""
    return RsaKeyring(private_key=rsa_pem(), provider_id=provider_id, key_id=key_id, padding=padding)


def keyring_of(key: Mapping[str, str]) -> MessageKeyring:
    """The keyring for one of a case's keys."""
    if key["kind"] == "dek":
        return GivenKey(b64decode(key["b64"]))
    if key["kind"] == "aes":
        return AesKeyring(b64decode(key["b64"]), provider_id=key["provider_id"], key_id=key["key_id"])
    padding = "pkcs1" if key["padding"] == "pkcs1" else f"oaep-{key['hash']}"
    return rsa_keyring(key["provider_id"], key["key_id"], padding)


def message_of(case: Mapping[str, Any]) -> bytes:
    """The message, which is the one that the manifest was made for."""
    message = (FOLDER / case["message"]).read_bytes()
    assert hashlib.sha256(message).hexdigest() == case["message_sha256"]
    return message


def opened(case: Mapping[str, Any], keyring: MessageKeyring, **options: Any) -> Decrypted:
    """Decrypt a case, with the context that it wants reproduced."""
    options.setdefault("commitment", "allow")
    return decrypt(message_of(case), keyring, context=case.get("reproduced_context"), **options)


def test_every_case_is_here() -> None:
    """The manifest has lost none of its cases, and every suite is among those that decrypt."""
    assert (len(DECRYPTED), len(REFUSED)) == (388, 36)
    assert {int(case["suite"], 16) for case in DECRYPTED} == set(SUITES)


@both
@by_name(DECRYPTED)
def test_gives_the_recorded_plaintext(backend: Backend, case: dict[str, Any]) -> None:
    """Each of its keys opens the message, whose header says what the manifest says."""
    for key in case["keys"]:
        result = opened(case, keyring_of(key), backend=backend)
        assert len(result.plaintext) == case["plaintext_len"]
        assert hashlib.sha256(result.plaintext).hexdigest() == case["plaintext_sha256"]
    header = result.header
    assert (header.suite.version, f"{header.suite.id:04x}") == (case["version"], case["suite"])
    assert dict(header.context) == case["header_context"]
    assert len(header.encrypted_data_keys) == case["edk_count"]
    assert header.message_id.hex() == case["message_id_hex"]
    assert header.framed == (case["content_type"] == "framed")
    assert header.frame_length == (case["frame_length"] or 0)
    assert header.commitment.hex() == case.get("commitment_hex", "")


@both
@by_name(REFUSED)
def test_is_refused(backend: Backend, case: dict[str, Any]) -> None:
    """Whatever is wrong with it, no plaintext comes out."""
    for key in case["keys"]:
        with pytest.raises((EnvelopeError, IntegrityError)):
            opened(case, keyring_of(key), backend=backend)


@by_name([case for case in DECRYPTED if case["version"] == 1])
def test_is_refused_where_commitment_is_required(case: dict[str, Any]) -> None:
    """The default reads no suite that does not commit to its key."""
    with pytest.raises(PolicyError, match="does not commit"):
        opened(case, keyring_of(case["keys"][0]), commitment="require")


@by_name([case for case in DECRYPTED if case["version"] == 2])
def test_opens_by_default(case: dict[str, Any]) -> None:
    """Committing suites need no permission."""
    assert len(opened(case, keyring_of(case["keys"][0]), commitment="require").plaintext) == case["plaintext_len"]


@by_name([case for case in DECRYPTED if case.get("required_context_keys")])
def test_needs_the_context_that_is_not_stored(case: dict[str, Any]) -> None:
    """Without the pairs, with another value, or with one pair more, nothing opens."""
    message, keyring = message_of(case), keyring_of(case["keys"][0])
    right: dict[str, str] = case["reproduced_context"]
    name = case["required_context_keys"][0]
    without = {key: value for key, value in right.items() if key != name}
    for wrong in (without, {**right, name: "another"}, {**right, "one": "more"}):
        with pytest.raises(S3CSEError):
            decrypt(message, keyring, context=wrong, commitment="allow")


@by_name([case for case in DECRYPTED if case["edk_count"] > 1])
def test_counts_wrapped_keys(case: dict[str, Any]) -> None:
    """One key less allowed than there are refuses the message; as many do not."""
    keyring = keyring_of(case["keys"][0])
    assert opened(case, keyring, max_encrypted_data_keys=case["edk_count"])
    with pytest.raises(PolicyError, match="too many wrapped data keys"):
        opened(case, keyring, max_encrypted_data_keys=case["edk_count"] - 1)


@by_name([case for case in DECRYPTED if case["keys"][0]["kind"] != "dek"][::20])
def test_a_multi_keyring_finds_the_key(case: dict[str, Any]) -> None:
    """Among keyrings with other names the right one is asked."""
    other = AesKeyring(bytes(32), provider_id="other", key_id="key")
    keyring: Any = keyring_of(case["keys"][0])
    assert opened(case, MultiKeyring([other, keyring])).plaintext


@by_name([case for case in DECRYPTED if case.get("kat")])
def test_derives_the_published_keys(case: dict[str, Any]) -> None:
    """Content key and commitment are those of the known answers."""
    answers = {name: b64decode(value) for name, value in case["kat"].items()}
    suite = SUITES[int(case["suite"], 16)]
    keys = derive(suite, Secret(b64decode(case["keys"][0]["b64"])), answers["message-id"])
    assert keys.commitment == answers["commitment"]
    if "content-encryption-key" in answers:
        assert keys.content_key == Secret(answers["content-encryption-key"])
