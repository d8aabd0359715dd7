"""Well-formed headers to damage."""

from __future__ import annotations

import base64
import json

from s3cse.envelope.model import WRAP_KMS_CONTEXT, ContentAlgorithm, Envelope, Format

CEK_ENTRY = "aws:x-amz-cek-alg"
KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/00000000-0000-4000-8000-000000000001"


def gcm(**changes: str | None) -> dict[str, str]:
    """Return V2 GCM headers; a keyword ``cek_alg="x"`` changes ``x-amz-cek-alg``, None removes it."""
    return _changed(
        {
            "x-amz-key-v2": base64.b64encode(b"wrapped data key").decode(),
            "x-amz-iv": base64.b64encode(bytes(range(12))).decode(),
            "x-amz-matdesc": json.dumps({CEK_ENTRY: "AES/GCM/NoPadding"}),
            "x-amz-wrap-alg": "kms+context",
            "x-amz-cek-alg": "AES/GCM/NoPadding",
            "x-amz-tag-len": "128",
            "x-amz-unencrypted-content-length": "5",
        },
        changes,
    )


def cbc(**changes: str | None) -> dict[str, str]:
    """Return V2 CBC headers as EMRFS writes them, changed like :func:`gcm`."""
    return _changed(
        {
            "x-amz-key-v2": base64.b64encode(b"wrapped data key").decode(),
            "x-amz-iv": base64.b64encode(bytes(range(16))).decode(),
            "x-amz-matdesc": json.dumps({"kms_cmk_id": KEY_ARN}),
            "x-amz-wrap-alg": "kms",
            "x-amz-cek-alg": "AES/CBC/PKCS5Padding",
            "x-amz-unencrypted-content-length": "5",
        },
        changes,
    )


def v1(**changes: str | None) -> dict[str, str]:
    """Return V1 headers with an AES key, changed like :func:`gcm`."""
    return _changed(
        {"x-amz-key": b64(48), "x-amz-iv": b64(16), "x-amz-matdesc": "{}", "x-amz-unencrypted-content-length": "5"},
        changes,
    )


def v3(**changes: str | None) -> dict[str, str]:
    """Return V3 headers with a KMS key, changed like :func:`gcm`; a keyword ``field_3="x"`` changes ``x-amz-3``."""
    return _changed(
        {
            "x-amz-c": "115",
            "x-amz-3": base64.b64encode(b"wrapped data key").decode(),
            "x-amz-w": "12",
            "x-amz-d": base64.b64encode(bytes(range(28))).decode(),
            "x-amz-i": base64.b64encode(bytes(range(1, 29))).decode(),
            "x-amz-t": json.dumps({CEK_ENTRY: "115"}),
        },
        changes,
    )


def big(context_bytes: int) -> Envelope:
    """Return a V2 envelope whose context has an entry of this length."""
    context = {CEK_ENTRY: "AES/GCM/NoPadding", "a": "x" * context_bytes}
    return Envelope(Format.V2, ContentAlgorithm.AES_GCM, WRAP_KMS_CONTEXT, bytes(184), bytes(12), context)


def b64(length: int) -> str:
    """Return base64 of this many zero bytes."""
    return base64.b64encode(bytes(length)).decode()


def _changed(headers: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    for name, value in changes.items():
        header = "x-amz-" + name.removeprefix("field_").replace("_", "-")
        headers.pop(header, None)
        if value is not None:
            headers[header] = value
    return headers


V1, V3 = v1(), v3()
