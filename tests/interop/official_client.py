"""Runs the official amazon-s3-encryption-client-python in an environment of its own; this file imports nothing of ours.

    python official_client.py ORDER

ORDER is JSON: ``s3_url``, ``kms_url``, ``kms_key``, ``bucket``, ``legacy``, and ``get`` and ``put``, which map keys in
the bucket to files: those objects are decrypted into these files, and these files become objects of format V2 (GCM).
Credentials come from the environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import boto3
from botocore.config import Config
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.materials.kms_keyring import KmsKeyring
from s3_encryption.materials.materials import AlgorithmSuite, CommitmentPolicy


def main() -> None:
    """Carry the order out."""
    order = json.loads(sys.argv[1])
    kms = boto3.client("kms", endpoint_url=order["kms_url"])
    s3 = boto3.client("s3", endpoint_url=order["s3_url"], config=Config(s3={"addressing_style": "path"}))
    config = S3EncryptionClientConfig(
        KmsKeyring(kms, order["kms_key"], enable_legacy_wrapping_algorithms=order["legacy"]),
        encryption_algorithm=AlgorithmSuite.ALG_AES_256_GCM_IV12_TAG16_NO_KDF,
        commitment_policy=CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT,
        enable_legacy_unauthenticated_modes=order["legacy"],
    )
    client = S3EncryptionClient(s3, config)
    for key, file in order["get"].items():
        Path(file).write_bytes(client.get_object(Bucket=order["bucket"], Key=key)["Body"].read())
    for key, file in order["put"].items():
        client.put_object(Bucket=order["bucket"], Key=key, Body=Path(file).read_bytes())


if __name__ == "__main__":
    main()
