"""Well-formed headers to damage."""

from __future__ import annotations

import base64
import json

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


V1 = {"x-amz-key": "a2V5", "x-amz-iv": "AAAAAAAAAAAAAAAAAAAAAA==", "x-amz-matdesc": "{}"}
V3 = {"x-amz-c": "115", "x-amz-3": "a2V5", "x-amz-w": "12", "x-amz-d": "ZA==", "x-amz-i": "aQ==", "x-amz-t": "{}"}


def _changed(headers: dict[str, str], changes: dict[str, str | None]) -> dict[str, str]:
    for name, value in changes.items():
        header = "x-amz-" + name.replace("_", "-")
        headers.pop(header, None)
        if value is not None:
            headers[header] = value
    return headers
