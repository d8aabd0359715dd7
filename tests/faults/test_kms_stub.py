"""The KMS stub answers as AWS does, as far as s3cse can tell."""

from __future__ import annotations

import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from faults.kms_stub import KmsCall, KmsFault, KmsStub
from s3cse.local.clients import Credentials, kms_client

CONTEXT = {"aws:x-amz-cek-alg": "AES/GCM/NoPadding", "team": "é"}


def client(stub: KmsStub, region: str = "us-east-1") -> Any:
    """Return a client that does not repeat failed calls."""
    return kms_client(stub.url, Credentials("id", "secret"), retries=0, region=region)


def code(error: pytest.ExceptionInfo[ClientError]) -> str:
    """Return the service's error code."""
    return str(error.value.response["Error"]["Code"])


@pytest.fixture
def key(kms_stub: KmsStub) -> str:
    """The ARN of a key with an alias."""
    return kms_stub.create_key("alias/data")


@pytest.fixture
def kms(kms_stub: KmsStub) -> Any:
    """A client of the stub."""
    return client(kms_stub)


def test_generate_and_decrypt(kms: Any, key: str) -> None:
    """A data key comes back from its 184-byte blob, which names the key."""
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext=CONTEXT)
    opened = kms.decrypt(CiphertextBlob=made["CiphertextBlob"], EncryptionContext=CONTEXT)
    assert (len(made["Plaintext"]), len(made["CiphertextBlob"])) == (32, 184)
    assert (opened["Plaintext"], opened["KeyId"]) == (made["Plaintext"], key)


@pytest.mark.parametrize(("size", "length"), [({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 64}, 64)])
def test_data_key_lengths(kms: Any, key: str, size: dict[str, Any], length: int) -> None:
    """The length follows KeySpec or NumberOfBytes."""
    assert len(kms.generate_data_key(KeyId=key, **size)["Plaintext"]) == length


@pytest.mark.parametrize("size", [{}, {"KeySpec": "AES_256", "NumberOfBytes": 32}], ids=["none", "both"])
def test_data_key_needs_one_length(kms: Any, key: str, size: dict[str, Any]) -> None:
    """Neither or both ways to say the length are refused."""
    with pytest.raises(ClientError) as error:
        kms.generate_data_key(KeyId=key, **size)
    assert code(error) == "ValidationException"


def test_encrypt_and_decrypt(kms: Any, key: str) -> None:
    """What Encrypt takes, Decrypt gives back."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=blob, KeyId=key)["Plaintext"] == b"text"


def test_re_encrypt(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """ReEncrypt moves a blob to another key and context."""
    other = kms_stub.create_key()
    blob = kms.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext=CONTEXT)["CiphertextBlob"]
    moved = kms.re_encrypt(
        CiphertextBlob=blob,
        SourceEncryptionContext=CONTEXT,
        DestinationKeyId=other,
        DestinationEncryptionContext={"new": "one"},
    )
    opened = kms.decrypt(CiphertextBlob=moved["CiphertextBlob"], KeyId=other, EncryptionContext={"new": "one"})
    assert (opened["Plaintext"], moved["SourceKeyId"], moved["KeyId"]) == (b"text", key, other)


def test_every_name_of_a_key(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """Id, ARN, alias and alias ARN mean the same key, and the answer has its ARN."""
    alias_arn = f"{key.rpartition(':')[0]}:alias/data"
    for name in (key, key.rpartition("/")[2], "alias/data", alias_arn):
        assert kms.encrypt(KeyId=name, Plaintext=b"text")["KeyId"] == key


@pytest.mark.parametrize("context", [{}, {**CONTEXT, "more": "x"}, {"team": "e"}])
def test_another_context_is_refused(kms: Any, key: str, context: dict[str, str]) -> None:
    """A blob opens with the context that it was made with, and no other."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text", EncryptionContext=CONTEXT)["CiphertextBlob"]
    with pytest.raises(ClientError) as error:
        kms.decrypt(CiphertextBlob=blob, EncryptionContext=context)
    assert code(error) == "InvalidCiphertextException"


@pytest.mark.parametrize("at", [0, 5, 60, 130, 140, -1])
def test_a_changed_blob_is_refused(kms: Any, key: str, at: int) -> None:
    """No byte of a blob can change; a changed key id is a key that does not exist."""
    blob = bytearray(kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"])
    blob[at] ^= 1
    with pytest.raises(ClientError) as error:
        kms.decrypt(CiphertextBlob=bytes(blob))
    assert code(error) == ("AccessDeniedException" if at == 5 else "InvalidCiphertextException")


def test_another_key_id_is_refused(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """Decrypt with the id of a key that did not make the blob is an IncorrectKeyException."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    with pytest.raises(ClientError) as error:
        kms.decrypt(CiphertextBlob=blob, KeyId=kms_stub.create_key())
    assert code(error) == "IncorrectKeyException"


def test_an_unknown_key_is_not_found(kms: Any) -> None:
    """A KeyId that means nothing is a NotFoundException."""
    with pytest.raises(ClientError) as error:
        kms.generate_data_key(KeyId="alias/nothing", KeySpec="AES_256")
    assert code(error) == "NotFoundException"


def test_a_deleted_key_denies_access(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """A blob whose key is gone says AccessDeniedException, as AWS does."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    kms_stub.delete_key(key)
    with pytest.raises(ClientError) as error:
        kms.decrypt(CiphertextBlob=blob)
    assert code(error) == "AccessDeniedException"


@pytest.mark.parametrize(
    ("state", "expected"), [("Disabled", "DisabledException"), ("PendingDeletion", "KMSInvalidStateException")]
)
def test_a_key_that_is_not_enabled_does_nothing(
    kms: Any, kms_stub: KmsStub, key: str, state: str, expected: str
) -> None:
    """Neither direction works until the key is enabled again."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    kms_stub.set_state(key, state)
    for call in (
        lambda: kms.decrypt(CiphertextBlob=blob),
        lambda: kms.generate_data_key(KeyId=key, KeySpec="AES_256"),
    ):
        with pytest.raises(ClientError) as error:
            call()
        assert code(error) == expected
    kms_stub.set_state(key, "Enabled")
    assert kms.decrypt(CiphertextBlob=blob)["Plaintext"] == b"text"


def test_a_multi_region_replica_opens_the_blob(kms_stub: KmsStub) -> None:
    """A blob of a multi-Region key opens in the replica's region, with the replica's ARN."""
    primary = kms_stub.create_key(multi_region=True)
    replica = kms_stub.replicate_key(primary, "eu-west-1")
    blob = client(kms_stub).encrypt(KeyId=primary, Plaintext=b"text")["CiphertextBlob"]
    opened = client(kms_stub, "eu-west-1").decrypt(CiphertextBlob=blob, KeyId=replica)
    assert (opened["Plaintext"], opened["KeyId"]) == (b"text", replica)


def test_a_key_stays_in_its_region(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """A single-region key is not found, and its blob not opened, through another region."""
    blob = kms.encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    abroad = client(kms_stub, "eu-west-1")
    with pytest.raises(ClientError) as error:
        abroad.encrypt(KeyId=key, Plaintext=b"text")
    assert code(error) == "NotFoundException"
    with pytest.raises(ClientError) as error:
        abroad.decrypt(CiphertextBlob=blob)
    assert code(error) == "AccessDeniedException"


def test_throttling_for_the_next_calls(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """A fault with ``times`` ends by itself, and touches its operation only."""
    kms_stub.fail(KmsFault("ThrottlingException", operation="Encrypt", times=2))
    for _ in range(2):
        with pytest.raises(ClientError) as error:
            kms.encrypt(KeyId=key, Plaintext=b"text")
        assert code(error) == "ThrottlingException"
        kms.generate_data_key(KeyId=key, KeySpec="AES_256")
    kms.encrypt(KeyId=key, Plaintext=b"text")


def test_retries_get_past_throttling(kms_stub: KmsStub, key: str) -> None:
    """boto3 understands the error as throttling and tries again."""
    kms_stub.fail(KmsFault("ThrottlingException", times=1))
    patient = kms_client(kms_stub.url, Credentials("id", "secret"), retries=2)
    patient.encrypt(KeyId=key, Plaintext=b"text")
    assert [call.error for call in kms_stub.calls] == ["ThrottlingException", None]


def test_access_denied_for_one_key(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """A fault can be about one key, however the call names it."""
    other = kms_stub.create_key()
    kms_stub.fail(KmsFault("AccessDeniedException", key=key))
    kms.encrypt(KeyId=other, Plaintext=b"text")
    with pytest.raises(ClientError) as error:
        kms.encrypt(KeyId="alias/data", Plaintext=b"text")
    assert code(error) == "AccessDeniedException"


def test_internal_errors_have_status_500(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """KMSInternalException is the server's fault, the others are the caller's."""
    kms_stub.fail(KmsFault("KMSInternalException"))
    with pytest.raises(ClientError) as error:
        kms.encrypt(KeyId=key, Plaintext=b"text")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500


def test_latency(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """A fault without an error answers properly, but later."""
    kms_stub.fail(KmsFault(latency=0.2))
    before = time.monotonic()
    kms.encrypt(KeyId=key, Plaintext=b"text")
    assert time.monotonic() - before >= 0.2


def test_the_log_has_one_line_per_call(kms: Any, kms_stub: KmsStub, key: str) -> None:
    """Each call is logged with operation, key ARN, context and error, and never with a plaintext."""
    made = kms.generate_data_key(KeyId="alias/data", KeySpec="AES_256", EncryptionContext=CONTEXT)
    with pytest.raises(ClientError):
        kms.decrypt(CiphertextBlob=made["CiphertextBlob"])
    assert kms_stub.calls == [
        KmsCall("GenerateDataKey", key, CONTEXT, "us-east-1"),
        KmsCall("Decrypt", key, {}, "us-east-1", "InvalidCiphertextException"),
    ]
    assert kms_stub.count("Decrypt") == 1
    kms_stub.clear()
    assert kms_stub.calls == []


def test_an_unknown_operation_is_refused(kms: Any) -> None:
    """What the stub cannot do it says so."""
    with pytest.raises(ClientError) as error:
        kms.list_keys()
    assert code(error) == "UnknownOperationException"
