"""Objects of every format, as official clients and attackers write them, through keyring, open and read.

Each case runs on both backends; the numbers of cases are asserted, so that none is left out by accident.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from s3cse.crypto import native, oracle
from s3cse.crypto.ciphers import Backend
from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, S3CSEError
from s3cse.keyrings import AesKeyring, Keyring, KmsKeyring, RsaKeyring
from s3cse.objects.open import open_object
from s3cse.objects.policy import Policy
from s3cse.objects.ranges import Span
from s3cse.objects.reader import read_unverified_ranges, read_whole
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location

Case = dict[str, Any]
PLACE = Location("bucket", "vector")
INSTRUCTION = Location("bucket", "vector.instruction")
FOLDER = Path(__file__).parent / "s3ec"
SHA256 = {
    "s3ec_adversarial.json": "7df86b1ad3794be82389ada0cd31e0da9c9512a27cac6d4dfdf8ca493c24b11e",
    "s3ec_kat.json": "1f749234593f1b3fdfb17b8ba7ff6782e5960de6be5a4633501fdb7e95a6bd37",
}
ADVERSARIAL: list[Case] = json.loads((FOLDER / "s3ec_adversarial.json").read_text())["cases"]
KAT: list[Case] = json.loads((FOLDER / "s3ec_kat.json").read_text())["objects"]

#: Cases of which either outcome is allowed, and what we do: accept what changes nothing, refuse what hints at a change.
EITHER = {
    "tolerance/v2-wrong-length-header": "accept",  # the header is a claim, never used
    "wrap/kms-context-to-kms-no-caller-context": "reject",  # relabelled
    "iv-tag/tag-len='128 '": "reject",  # another text than any client writes
    "iv-tag/tag-len=''": "accept",  # empty is absent
    "iv-tag/tag-len-missing": "accept",  # Go's objects have none
    "context/v2-none-given": "reject",  # the case gives the empty context, which is not the stored one
    "context/v3-none-given": "reject",
    "tolerance/v1-aes-no-matdesc": "accept",  # Redshift's objects may have none
    "tolerance/v2-instruction-json-null": "accept",  # Go's null is absent
    "matdesc/v2-aes-null": "reject",  # no map of strings
    "matdesc/v2-aes-number-value": "reject",
    "matdesc/v2-aes-nested": "reject",
    "matdesc/v2-aes-null-value": "reject",
}


class CaseKms:
    """The fake KMS of a case; counts calls."""

    def __init__(self, key: Case) -> None:
        self._key = key
        self.calls = 0

    def decrypt(self, **arguments: Any) -> dict[str, Any]:
        self.calls += 1
        exact = (
            arguments["CiphertextBlob"] == base64.b64decode(self._key["edk_b64"])
            and arguments["EncryptionContext"] == self._key["context"]
            and arguments.get("KeyId", self._key["key_id"]) == self._key["key_id"]
        )
        if not exact or self._key["dek_b64"] is None:
            raise ClientError({"Error": {"Code": "InvalidCiphertextException"}}, "Decrypt")
        return {"Plaintext": base64.b64decode(self._key["dek_b64"]), "KeyId": self._key["key_id"]}


def policy_of(options: Case) -> Policy:
    """Translate a case's options as DESIGN.md section 5 does; what a case leaves out is allowed."""
    wrapping, unauthenticated = options.get("legacy_wrapping", True), options.get("legacy_unauthenticated", True)
    legacy = "refuse" if not wrapping else "allow" if unauthenticated else "wraps"
    required = options.get("commitment_policy") == "REQUIRE_ENCRYPT_REQUIRE_DECRYPT"
    return Policy(legacy=legacy, commitment="require" if required else "allow")


def keyring_of(case: Case, kms: CaseKms) -> Keyring:
    """Return the keyring that the case's reader has."""
    key = case["key"]
    if key["kind"] == "kms":
        return KmsKeyring(kms, key["key_id"], case["options"].get("context"))
    if key["kind"] == "aes":
        return AesKeyring(base64.b64decode(key["b64"]))
    return RsaKeyring(private_key=(FOLDER / key["pem"]).read_bytes())


def read_case(case: Case, backend: Backend) -> tuple[bytes | S3CSEError, int]:
    """Return the plaintext or the error, and how often KMS was asked."""
    store = MemoryStore()
    store.put(PLACE, base64.b64decode(case["body_b64"]), case["headers"])
    if "instruction_file_raw_b64" in case:
        store.put(INSTRUCTION, base64.b64decode(case["instruction_file_raw_b64"]))
    elif case["instruction_file"] is not None:
        store.put(INSTRUCTION, json.dumps(case["instruction_file"]).encode())
    kms = CaseKms(case["key"])
    try:
        opened = open_object(store, keyring_of(case, kms), PLACE, policy_of(case["options"]), backend=backend)
        whole = read_whole(opened).to_pybytes()
        span = Span(0, opened.plaintext_bytes)
        assert read_unverified_ranges(opened, [span])[0].to_pybytes() == whole
    except S3CSEError as error:
        return error, kms.calls
    return whole, kms.calls


@pytest.fixture(params=[native, oracle], ids=["native", "oracle"])
def backend(request: pytest.FixtureRequest) -> Backend:
    """Run the cases on both backends."""
    return cast("Backend", request.param)


@pytest.mark.parametrize("name", SHA256)
def test_files_are_the_published_ones(name: str) -> None:
    """Nobody edited a vector."""
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == SHA256[name]


def test_no_case_is_lost() -> None:
    """A case that is added or dropped changes these numbers."""
    assert Counter(case["key"]["kind"] for case in ADVERSARIAL) == {"kms": 182, "aes": 40, "rsa": 15}
    assert Counter(case["key"]["kind"] for case in KAT) == {"kms": 9, "aes": 2}
    assert len({case["name"] for case in ADVERSARIAL}) == len(ADVERSARIAL) == 237


def test_every_free_choice_is_written_down() -> None:
    """Where either outcome is allowed, ours is a decision."""
    assert {case["name"] for case in ADVERSARIAL if case["expect"] == "either"} == set(EITHER)


@pytest.mark.parametrize("case", ADVERSARIAL, ids=lambda case: case["name"])
def test_adversarial(case: Case, backend: Backend) -> None:
    """Hostile objects are refused by a clear error that names the object; unusual ones give their plaintext."""
    expected = EITHER.get(case["name"], case["expect"])
    result, _ = read_case(case, backend)
    if expected == "accept":
        assert isinstance(result, bytes)
        # A free choice may come without a plaintext: verified by its tag, it is the right one.
        assert "plaintext_b64" in case or case["expect"] == "either"
        assert "plaintext_b64" not in case or result == base64.b64decode(case["plaintext_b64"])
        return
    assert isinstance(result, S3CSEError)
    assert str(result).startswith(f"{PLACE.uri}")
    assert None not in (result.found, result.expected, result.fix)
    for secret in (case["key"].get("dek_b64"), case["key"].get("b64")):
        assert secret is None or secret not in str(result)


#: What may fail only after KMS was asked; everything else in these categories must not cost a call.
FREE_CATEGORIES = ("collision", "wrap", "iv-tag", "matdesc", "policy", "instruction")


@pytest.mark.parametrize(
    "case",
    [case for case in ADVERSARIAL if case["key"]["kind"] == "kms" and case["category"] in FREE_CATEGORIES],
    ids=lambda case: case["name"],
)
def test_refused_headers_cost_no_kms_call(case: Case) -> None:
    """Contradictory headers and refused policies never reach the key service."""
    result, calls = read_case(case, oracle)
    if isinstance(result, (bytes, IntegrityError)):
        assert calls == 1
        return
    assert isinstance(result, (EnvelopeError, PolicyError, KeyringError))
    assert calls == 0


@pytest.mark.parametrize("case", KAT, ids=lambda case: case["name"])
def test_known_answers(case: Case, backend: Backend) -> None:
    """Objects that official clients wrote give their published plaintext."""
    result, _ = read_case(case, backend)
    if case["expect"] == "reject":
        assert isinstance(result, S3CSEError)
        return
    assert result == base64.b64decode(case["plaintext_b64"])


def test_headers_of_amazon_ses() -> None:
    """Objects that Amazon SES writes are of the old wrap with GCM: readable with legacy=wraps only."""
    ses = json.loads((FOLDER / "s3ec_kat.json").read_text())["headers_only"][0]
    case = {"headers": ses["headers"], "instruction_file": None, "body_b64": base64.b64encode(bytes(3962)).decode()}
    key = {"kind": "kms", "key_id": "k", "edk_b64": "", "context": {}, "dek_b64": None}
    refused, calls = read_case({**case, "key": key, "options": {"legacy_wrapping": False}}, oracle)
    assert (type(refused), calls) == (PolicyError, 0)
    asked, calls = read_case({**case, "key": key, "options": {"legacy_unauthenticated": False}}, oracle)
    assert (type(asked), calls) == (KeyringError, 1)
