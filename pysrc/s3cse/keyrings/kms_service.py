"""What KMS is asked, and what is believed of its answers; for the keyrings that use it.

Source: FORMATS.md sections 6, 7 and 25.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from s3cse.crypto.ciphers import KEY_BYTES
from s3cse.crypto.secret import Secret
from s3cse.errors import KeyringError
from s3cse.keyrings.kms_context import OtherKeyError

_REQUESTS = 8
_THROTTLED = "KMS is throttling: run fewer tasks at once, or ask AWS for a higher quota"
_FIXES = {
    "AccessDeniedException": "allow this identity kms:Decrypt (reading) and kms:GenerateDataKey (writing) on the key; "
    "to rotate, kms:ReEncryptFrom on the old and kms:ReEncryptTo on the new one",
    "IncorrectKeyException": "the data key was wrapped under another KMS key: name that key",
    "InvalidCiphertextException": "the wrapped key or its encryption context was changed, or belongs to another key",
    "NotFoundException": "check the key's id, Region and account",
    "DisabledException": "enable the key, or use another",
    "KMSInvalidStateException": "the key is pending deletion or import: see its state in KMS",
    "ThrottlingException": _THROTTLED,
    "LimitExceededException": _THROTTLED,
}
_OTHER_KEY = "IncorrectKeyException"
_OTHER_FIX = "look the error up in the KMS documentation; check the key, its Region and this identity's credentials"


def kms_client(region: str | None = None, endpoint_url: str | None = None) -> Any:
    """Return a KMS client, as boto3 makes it, that waits out throttling: up to 8 requests with growing, random pauses.

    Args:
        region: AWS Region; None: as boto3 finds it.
        endpoint_url: for another KMS; None: as boto3 finds it.
    """
    config = Config(retries={"mode": "standard", "total_max_attempts": _REQUESTS})
    return botocore.session.Session().create_client("kms", region_name=region, endpoint_url=endpoint_url, config=config)


class KmsService:
    """Calls of one process to KMS about one key, or about whatever key a data key is under.

    Args:
        kms: a boto3 KMS client.
        key: how messages name the key.
    """

    def __init__(self, kms: Any, key: str) -> None:
        self._kms = kms
        self._key = key
        self._process = os.getpid()

    def generate_data_key(self, **arguments: Any) -> Mapping[str, Any]:
        """Call GenerateDataKey.

        Raises:
            KeyringError: KMS refused or could not be asked, or this is another process.
        """
        return self._call("GenerateDataKey", "generate_data_key", arguments)

    def decrypt(self, **arguments: Any) -> Mapping[str, Any]:
        """Call Decrypt.

        Raises:
            KeyringError: as above.
        """
        return self._call("Decrypt", "decrypt", arguments)

    def encrypt(self, **arguments: Any) -> Mapping[str, Any]:
        """Call Encrypt.

        Raises:
            KeyringError: as above.
        """
        return self._call("Encrypt", "encrypt", arguments)

    def re_encrypt(self, **arguments: Any) -> Mapping[str, Any]:
        """Call ReEncrypt: KMS opens a data key under one key and wraps it under another; it never leaves KMS.

        Raises:
            OtherKeyError: the data key is not under the source key that was named.
            KeyringError: as above.
        """
        return self._call("ReEncrypt", "re_encrypt", arguments)

    @property
    def address(self) -> tuple[str | None, str | None]:
        """Region and endpoint of the client: two that are equal ask the same KMS."""
        meta = getattr(self._kms, "meta", None)
        return self.region, getattr(meta, "endpoint_url", None)

    @property
    def region(self) -> str | None:
        """The client's AWS Region, None where it does not say."""
        return getattr(getattr(self._kms, "meta", None), "region_name", None)

    def _call(self, operation: str, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        if os.getpid() != self._process:
            # Two processes on one TLS connection would read each other's answers.
            raise KeyringError(
                "the KMS client was made in another process",
                found=f"process {self._process}",
                expected=f"process {os.getpid()}",
                fix="make the client and the keyring after the fork",
            )
        try:
            answer: Mapping[str, Any] = getattr(self._kms, method)(**arguments)
        except ClientError as error:
            detail = error.response.get("Error", {})
            code = str(detail.get("Code", ""))
            refusal = OtherKeyError if code == _OTHER_KEY else KeyringError
            raise refusal(
                f"KMS refused {operation}",
                found=f"{code}: {detail.get('Message') or ''}".rstrip(": "),
                expected=f"a data key under {self._key}",
                fix=_FIXES.get(code, _OTHER_FIX),
            ) from error
        except BotoCoreError as error:
            raise KeyringError(
                f"KMS could not be asked to {operation}",
                found=str(error),
                expected=f"a data key under {self._key}",
                fix="check the network, the KMS endpoint, the Region and the credentials",
            ) from error
        return answer

    def data_key(self, operation: str, answer: Mapping[str, Any], key_bytes: int = KEY_BYTES) -> Secret:
        """Return the plaintext key of an answer.

        Raises:
            KeyringError: there is none, or it has another length.
        """
        plaintext = answer.get("Plaintext")
        if not isinstance(plaintext, bytes) or len(plaintext) != key_bytes:
            size = len(plaintext) if isinstance(plaintext, bytes) else 0
            raise self.bad_answer(operation, f"a data key of {size} bytes", f"{key_bytes} bytes")
        return Secret(plaintext)

    def wrapped_key(self, operation: str, answer: Mapping[str, Any]) -> bytes:
        """Return the wrapped key of an answer.

        Raises:
            KeyringError: there is none.
        """
        wrapped = answer.get("CiphertextBlob")
        if not isinstance(wrapped, bytes) or not wrapped:
            raise self.bad_answer(operation, "no wrapped key", "a wrapped key")
        return wrapped

    def bad_answer(self, operation: str, found: str, expected: str) -> KeyringError:
        """Return the error for an answer that KMS itself would not give."""
        return KeyringError(
            f"KMS answered {operation} with key {self._key} with something else than a data key of ours",
            found=found,
            expected=expected,
            fix="the wrapped key was swapped, or the KMS endpoint is not KMS: restore the object, check the endpoint",
        )
