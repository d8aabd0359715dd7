"""A small KMS that speaks the real HTTP API, is strict where moto is not, and fails on demand.

    with KmsStub() as stub:
        key = stub.create_key("alias/data")
        stub.fail(KmsFault("ThrottlingException", operation="Decrypt", times=2))
        client = boto3.client("kms", endpoint_url=stub.url, …)
        assert [call.operation for call in stub.calls] == […]

Like AWS: a blob names its key, the encryption context has to match, another ``KeyId`` than the blob's gives
IncorrectKeyException, multi-Region keys open each other's blobs. A request belongs to the region that it is signed for.
Signatures are not verified.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler
from typing import Any

from faults.kms_keys import ACCOUNT, KmsError, StubKey, key_id_of
from faults.loopback import LoopbackServer

_TARGET = "TrentService."
_LONGEST_PLAINTEXT = 4096
_KEY_BYTES = {"AES_256": 32, "AES_128": 16}
_ERRORS_500 = ("KMSInternalException", "DependencyTimeoutException")


@dataclass(frozen=True, slots=True)
class KmsCall:
    """One line of the log: ``key`` is the ARN that was used, if any; ``error`` the code that was answered."""

    operation: str
    key: str | None
    context: Mapping[str, str]
    region: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class KmsFault:
    """What goes wrong, for which calls, how often.

    Args:
        error: the code to answer with; None answers properly, after ``latency``.
        operation: such as Decrypt; None means any.
        key: the ARN of the key that the call is about; None means any.
        times: for the next so many matching calls; None means all.
        latency: seconds before the answer.
    """

    error: str | None = None
    operation: str | None = None
    key: str | None = None
    times: int | None = None
    latency: float = 0.0
    message: str = "on demand"

    def matches(self, call: KmsCall) -> bool:
        """Tell whether it is about the call."""
        return self.operation in (None, call.operation) and self.key in (None, call.key) and self.times != 0


class KmsStub:
    """The service, running from construction to the end of its ``with`` block; safe to use from several threads."""

    def __init__(self, region: str = "us-east-1") -> None:
        self.region = region
        self.calls: list[KmsCall] = []
        self._keys: list[StubKey] = []
        self._faults: list[KmsFault] = []
        self._lock = threading.Lock()
        self._server = LoopbackServer(type("_BoundHandler", (_Handler,), {"stub": self}))
        self.url = self._server.url

    def __enter__(self) -> KmsStub:
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.stop()

    def create_key(self, *aliases: str, region: str | None = None, multi_region: bool = False) -> str:
        """Create a key with the given aliases (``alias/…``) and return its ARN."""
        name = f"mrk-{uuid.uuid4().hex}" if multi_region else str(uuid.uuid4())
        key = StubKey(f"arn:aws:kms:{region or self.region}:{ACCOUNT}:key/{name}", aliases=aliases)
        self._keys.append(key)
        return key.arn

    def replicate_key(self, arn: str, region: str) -> str:
        """Give a multi-Region key a replica and return the replica's ARN."""
        source = next(key for key in self._keys if key.arn == arn)
        replica = replace(source, arn=source.arn.replace(f":{source.region}:", f":{region}:", 1), aliases=())
        self._keys.append(replica)
        return replica.arn

    def set_state(self, arn: str, state: str) -> None:
        """Make a key Enabled, Disabled or PendingDeletion."""
        self._keys = [replace(key, state=state) if key.arn == arn else key for key in self._keys]

    def delete_key(self, arn: str) -> None:
        """Forget a key: its blobs cannot be opened any more."""
        self._keys = [key for key in self._keys if key.arn != arn]

    def fail(self, *faults: KmsFault) -> None:
        """Put faults in force in place of those before; the first one that matches a call acts."""
        with self._lock:
            self._faults = list(faults)

    def count(self, operation: str) -> int:
        """Return how many calls of an operation there were, failed ones included."""
        return sum(call.operation == operation for call in self.calls)

    def clear(self) -> None:
        """Forget the calls and the faults, not the keys."""
        with self._lock:
            self.calls, self._faults = [], []

    def answer(self, operation: str, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        """Answer one call and log it.

        Raises:
            KmsError: as the service would.
        """
        context = request.get("EncryptionContext") or request.get("SourceEncryptionContext") or {}
        call = KmsCall(operation, self._subject(request, region), context, region)
        try:
            self._apply_faults(call)
            if operation not in _OPERATIONS:
                raise KmsError("UnknownOperationException")
            result = _OPERATIONS[operation](self, request, region)
        except KmsError as error:
            self._log(replace(call, error=error.code))
            raise
        self._log(call)
        return result

    def _log(self, call: KmsCall) -> None:
        with self._lock:
            self.calls.append(call)

    def _apply_faults(self, call: KmsCall) -> None:
        with self._lock:
            at = next((at for at, fault in enumerate(self._faults) if fault.matches(call)), None)
            if at is None:
                return
            fault = self._faults[at]
            if fault.times is not None:
                self._faults[at] = replace(fault, times=fault.times - 1)
        time.sleep(fault.latency)
        if fault.error is not None:
            raise KmsError(fault.error, fault.message)

    def _subject(self, request: Mapping[str, Any], region: str) -> str | None:
        """Return the ARN of the key that a call is about, without judging the call."""
        try:
            if "CiphertextBlob" in request:
                return self._blob_key(_binary(request, "CiphertextBlob"), region).arn
            return self._key(request.get("KeyId", ""), region).arn
        except KmsError:
            return None

    def _key(self, name: str, region: str) -> StubKey:
        for key in self._keys:
            if key.region == region and key.answers_to(name):
                return key
        raise KmsError("NotFoundException", f"Key '{name}' does not exist in {region}")

    def _blob_key(self, blob: bytes, region: str) -> StubKey:
        key_id = key_id_of(blob)
        try:
            return self._key(key_id, region)
        except KmsError:
            # What AWS says for a key that is gone, in another region, or not ours.
            raise KmsError("AccessDeniedException", "The ciphertext refers to a customer master key …") from None

    def _generate(self, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        if ("KeySpec" in request) == ("NumberOfBytes" in request):
            raise KmsError("ValidationException", "Please specify either number of bytes or key spec.")
        size = request.get("NumberOfBytes") or _KEY_BYTES.get(request.get("KeySpec", ""))
        if not isinstance(size, int) or not 1 <= size <= 1024:
            raise KmsError("ValidationException", "no such length")
        plaintext = os.urandom(size)
        return {**self._seal(plaintext, request, region), "Plaintext": _text(plaintext)}

    def _encrypt(self, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        plaintext = _binary(request, "Plaintext")
        if not 1 <= len(plaintext) <= _LONGEST_PLAINTEXT:
            raise KmsError("ValidationException", "Plaintext has no allowed length")
        return {**self._seal(plaintext, request, region), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    def _seal(self, plaintext: bytes, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        key = self._key(request.get("KeyId", ""), region)
        key.check_usable()
        blob = key.seal(plaintext, request.get("EncryptionContext", {}))
        return {"CiphertextBlob": _text(blob), "KeyId": key.arn}

    def _decrypt(self, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        blob = _binary(request, "CiphertextBlob")
        named = self._key(request["KeyId"], region) if "KeyId" in request else None
        key = self._blob_key(blob, region)
        if named not in (None, key):
            raise KmsError("IncorrectKeyException", "The key ID in the request does not identify a CMK that can …")
        key.check_usable()
        plaintext = key.open(blob, request.get("EncryptionContext", {}))
        return {"Plaintext": _text(plaintext), "KeyId": key.arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    def _re_encrypt(self, request: Mapping[str, Any], region: str) -> dict[str, Any]:
        source = {name.removeprefix("Source"): value for name, value in request.items()}
        opened = self._decrypt(source, region)
        target = {name.removeprefix("Destination"): value for name, value in request.items()}
        sealed = self._seal(_binary(opened, "Plaintext"), target, region)
        return {**sealed, "SourceKeyId": opened["KeyId"]}


_OPERATIONS: dict[str, Callable[[KmsStub, Mapping[str, Any], str], dict[str, Any]]] = {
    "GenerateDataKey": KmsStub._generate,
    "Encrypt": KmsStub._encrypt,
    "Decrypt": KmsStub._decrypt,
    "ReEncrypt": KmsStub._re_encrypt,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body are two writes; Nagle's algorithm would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    stub: KmsStub

    def do_POST(self) -> None:
        """Answer one call."""
        request = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        operation = self.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        try:
            self._reply(200, self.stub.answer(operation, request, self._region()))
        except KmsError as error:
            status = 500 if error.code in _ERRORS_500 else 400
            message = {} if error.message is None else {"message": error.message}
            self._reply(status, {"__type": error.code, **message})

    def _region(self) -> str:
        """Return the region in the signature's scope: ``Credential=ID/date/region/kms/aws4_request``."""
        scope = self.headers.get("Authorization", "").partition("Credential=")[2].split("/")
        return scope[2] if len(scope) > 2 else self.stub.region

    def _reply(self, status: int, result: Mapping[str, Any]) -> None:
        body = json.dumps(result).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("x-amzn-RequestId", str(uuid.uuid4()))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing: the stub has a log of its own."""


def _binary(request: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(request.get(name, ""), validate=True)
    except ValueError:
        raise KmsError("SerializationException", f"{name} is not base64") from None


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
