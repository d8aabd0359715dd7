"""Asking KMS which key a data key is under, where the object does not say.

Three ways, each costs a call per object and is in CloudTrail: Decrypt (the data key comes here and is dropped at
once), ReEncrypt (it does not leave KMS; needs kms:ReEncryptFrom, and a key to encrypt to, whose result is dropped), or
a dry run of Decrypt for each key that may be it. A dry run names no key in its answer, so candidates are needed.

Source: KMS API reference, Decrypt, ReEncrypt and "Testing your permissions".
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from s3cse.envelope.model import Envelope
from s3cse.errors import KeyringError, SettingsError
from s3cse.keyrings.kms_arn import may_be_same_key
from s3cse.keyrings.kms_context import decryption_context

DECRYPT, RE_ENCRYPT, DRY_RUN = "decrypt", "re-encrypt", "dry-run"
PROBES = (DECRYPT, RE_ENCRYPT, DRY_RUN)

_WOULD_WORK = "DryRunOperationException"
#: The data key is under another key than the one that was named.
_ANOTHER_KEY = "IncorrectKeyException"


class KmsProbe:
    """Asks one KMS; used from several threads, in the process that made it.

    Args:
        kms: a boto3 KMS client.
        how: one of PROBES.
        keys: id, ARN or alias: of ``re-encrypt`` the one to encrypt to, of ``dry-run`` those that may be it.

    Raises:
        SettingsError: no such way, or not the keys that it needs.
    """

    def __init__(self, kms: Any, how: str = DECRYPT, keys: Sequence[str] = ()) -> None:
        needed = {DECRYPT: not keys, RE_ENCRYPT: len(keys) == 1, DRY_RUN: bool(keys)}
        if how not in needed:
            raise SettingsError("no such way to ask KMS", found=repr(how), expected=" | ".join(PROBES))
        if not needed[how]:
            raise SettingsError(
                f"asking KMS by {how} needs other keys",
                found=f"{len(keys)} keys",
                expected={DECRYPT: "none", RE_ENCRYPT: "one, to encrypt to", DRY_RUN: "one or more that may be it"}[
                    how
                ],
            )
        self._kms = kms
        self._how = how
        self._keys = tuple(keys)
        self._process = os.getpid()

    def key_of(self, envelope: Envelope) -> str:
        """Return the key that the object's data key is under: an ARN as KMS answers it, or a candidate as it was given.

        Raises:
            KeyringError: KMS does not open it, or none of the candidates is the key.
        """
        if os.getpid() != self._process:
            raise KeyringError("the KMS client was made in another process", fix="make the probe after the fork")
        context = decryption_context(envelope, None, None)
        blob = envelope.encrypted_data_key
        if self._how == DECRYPT:
            return self._answer("Decrypt", "decrypt", "KeyId", CiphertextBlob=blob, EncryptionContext=context)
        if self._how == RE_ENCRYPT:
            return self._answer(
                "ReEncrypt",
                "re_encrypt",
                "SourceKeyId",
                CiphertextBlob=blob,
                SourceEncryptionContext=context,
                DestinationKeyId=self._keys[0],
                DestinationEncryptionContext=context,
            )
        return self._one_of_the_candidates(blob, context)

    def _answer(self, operation: str, method: str, field: str, **arguments: Any) -> str:
        try:
            key = self._call(method, arguments).get(field)
        except ClientError as error:
            raise _refused(operation, error) from error
        if not isinstance(key, str) or not key:
            raise KeyringError("KMS does not say which key it used", found=repr(key), expected=f"{field}, a key's ARN")
        return key

    def _one_of_the_candidates(self, blob: bytes, context: Mapping[str, str]) -> str:
        last: ClientError | None = None
        for candidate in self._keys:
            arguments = {"CiphertextBlob": blob, "EncryptionContext": dict(context), "KeyId": candidate, "DryRun": True}
            try:
                used = self._call("decrypt", arguments).get("KeyId")
            except ClientError as error:
                if _code(error) == _WOULD_WORK:
                    return candidate
                last = error
                continue
            # No AWS KMS answers a dry run so; a stand-in that knows none has decrypted, and names the key.
            if used is not None and may_be_same_key(candidate, used):
                return candidate
        tried = f"{len(self._keys)} keys" if len(self._keys) > 1 else self._keys[0]
        if last is not None and _code(last) != _ANOTHER_KEY:
            raise _refused("a dry run of Decrypt", last) from last
        raise KeyringError(f"the data key is not under {tried}", expected="a key that was named") from last

    def _call(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: Mapping[str, Any] = getattr(self._kms, method)(**arguments)
        except BotoCoreError as error:
            raise KeyringError(
                "KMS could not be asked", found=str(error), fix="check the network, the endpoint and the credentials"
            ) from error
        return answer


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _refused(operation: str, error: ClientError) -> KeyringError:
    message = error.response.get("Error", {}).get("Message") or ""
    return KeyringError(f"KMS refused {operation}", found=f"{_code(error)}: {message}".rstrip(": "))
