"""Drives the official amazon-s3-encryption-client-python, in an environment of its own; it imports nothing of ours.

Jobs come on standard input, results go to standard output, both one JSON object a line (tests/interop/jobs.py says what
the fields mean). A mode is the name of a commitment policy, with ``+legacy`` for both legacy switches.

With the argument ``--version``: prints the client's version instead.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.materials.kms_keyring import KmsKeyring
from s3_encryption.materials.materials import AlgorithmSuite, CommitmentPolicy

_LEGACY = "+legacy"


def client(job: dict[str, Any]) -> S3EncryptionClient:
    """Return a client with the job's mode and key."""
    kms = boto3.client("kms", endpoint_url=os.environ["AWS_ENDPOINT_URL_KMS"])
    s3 = boto3.client(
        "s3", endpoint_url=os.environ["AWS_ENDPOINT_URL_S3"], config=Config(s3={"addressing_style": "path"})
    )
    legacy = job["mode"].endswith(_LEGACY)
    policy = CommitmentPolicy[job["mode"].removesuffix(_LEGACY)]
    suite = (
        AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF
        if policy is CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
        else AlgorithmSuite.ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    )
    config = S3EncryptionClientConfig(
        KmsKeyring(kms, job["keyring"]["id"], enable_legacy_wrapping_algorithms=legacy),
        encryption_algorithm=suite,
        commitment_policy=policy,
        enable_legacy_unauthenticated_modes=legacy,
    )
    return S3EncryptionClient(s3, config)


def run(job: dict[str, Any]) -> bytes | None:
    """Carry a job out; return what it read."""
    place = {"Bucket": job["bucket"], "Key": job["key"]}
    context = {"EncryptionContext": job["context"]} if job["context"] else {}
    if job["op"] == "put":
        client(job).put_object(**place, **context, Body=Path(job["body"]).read_bytes())
        return None
    if job["op"] == "put-multipart":
        body = io.BytesIO(Path(job["body"]).read_bytes())
        client(job).upload_fileobj(body, job["bucket"], job["key"], multipart_chunksize=job["partSize"], **context)
        return None
    if job["op"] == "range":
        context["Range"] = f"bytes={job['first']}-{job['last']}"
    if job.get("suffix"):
        context["InstructionFileSuffix"] = job["suffix"]
    return bytes(client(job).get_object(**place, **context)["Body"].read())


def result(job: dict[str, Any]) -> dict[str, Any]:
    """Carry a job out and tell what came of it."""
    try:
        body = run(job)
    except Exception as error:  # noqa: BLE001 - whatever a client raises is a result
        return {"id": job["id"], "ok": False, "error": f"{type(error).__name__}: {error}"}
    done = {"id": job["id"], "ok": True}
    return done if body is None else done | {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def main() -> None:
    """Carry out all jobs."""
    if sys.argv[1:] == ["--version"]:
        print(importlib.metadata.version("amazon-s3-encryption-client-python"))  # noqa: T201
        return
    for line in sys.stdin:
        print(json.dumps(result(json.loads(line))), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
