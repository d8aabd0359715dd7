"""Runs the official aws-encryption-sdk in an environment of its own; this file imports nothing of ours.

    python encryption_sdk.py ORDERS

ORDERS is a JSON file with a list. Each order has ``do`` (encrypt, decrypt), ``source`` and ``target`` (files),
``keyrings`` (the first one makes the data key, all of them wrap), ``context``, ``required_keys``, and to encrypt
``suite`` and ``frame_length`` (0: in one piece). It prints one line per order: ``ok``, or what failed. Credentials for
KMS come from the environment.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import aws_encryption_sdk
import boto3
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateAwsKmsKeyringInput,
    CreateDefaultCryptographicMaterialsManagerInput,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
    CreateRawRsaKeyringInput,
    CreateRequiredEncryptionContextCMMInput,
    PaddingScheme,
)
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.identifiers import Algorithm

PROVIDERS = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
COMMITTING = (0x0478, 0x0578)
AES = {
    16: AesWrappingAlg.ALG_AES128_GCM_IV12_TAG16,
    24: AesWrappingAlg.ALG_AES192_GCM_IV12_TAG16,
    32: AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
}
PADDINGS = {
    "pkcs1": PaddingScheme.PKCS1,
    "oaep-sha1": PaddingScheme.OAEP_SHA1_MGF1,
    "oaep-sha256": PaddingScheme.OAEP_SHA256_MGF1,
    "oaep-sha384": PaddingScheme.OAEP_SHA384_MGF1,
    "oaep-sha512": PaddingScheme.OAEP_SHA512_MGF1,
}


def keyring_of(key: dict[str, Any]) -> Any:
    """One keyring."""
    if key["kind"] == "kms":
        client = boto3.client("kms", endpoint_url=key["endpoint_url"])
        return PROVIDERS.create_aws_kms_keyring(CreateAwsKmsKeyringInput(kms_key_id=key["key_id"], kms_client=client))
    names = {"key_namespace": key["provider_id"], "key_name": key["key_id"]}
    if key["kind"] == "aes":
        raw = bytes.fromhex(key["key"])
        wanted = CreateRawAesKeyringInput(**names, wrapping_key=raw, wrapping_alg=AES[len(raw)])
        return PROVIDERS.create_raw_aes_keyring(wanted)
    pair = {"public_key": key["public"].encode(), "private_key": key["private"].encode()}
    wanted = CreateRawRsaKeyringInput(**names, padding_scheme=PADDINGS[key["padding"]], **pair)
    return PROVIDERS.create_raw_rsa_keyring(wanted)


def materials_of(order: dict[str, Any]) -> dict[str, Any]:
    """The keyrings of an order, under a manager of required keys where it has some."""
    first, *others = map(keyring_of, order["keyrings"])
    keyring = first
    if others:
        keyring = PROVIDERS.create_multi_keyring(CreateMultiKeyringInput(generator=first, child_keyrings=others))
    if not order["required_keys"]:
        return {"keyring": keyring}
    inner = PROVIDERS.create_default_cryptographic_materials_manager(
        CreateDefaultCryptographicMaterialsManagerInput(keyring=keyring)
    )
    wanted = CreateRequiredEncryptionContextCMMInput(
        required_encryption_context_keys=order["required_keys"], underlying_cmm=inner
    )
    return {"materials_manager": PROVIDERS.create_required_encryption_context_cmm(wanted)}


def carry_out(order: dict[str, Any]) -> None:
    """Encrypt or decrypt one file."""
    source = Path(order["source"]).read_bytes()
    policy = CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT
    if order["do"] == "decrypt" or order["suite"] in COMMITTING:
        policy = CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT
    client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=policy)
    common = {"source": source, "encryption_context": order["context"], **materials_of(order)}
    if order["do"] == "decrypt":
        result, _ = client.decrypt(**common)
    else:
        suite = Algorithm.get_by_id(order["suite"])
        result, _ = client.encrypt(**common, algorithm=suite, frame_length=order["frame_length"])
    Path(order["target"]).write_bytes(result)


def main() -> None:
    """Carry all orders out."""
    for order in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        try:
            carry_out(order)
        except Exception as error:  # noqa: BLE001 - every failure is an answer
            print(f"{type(error).__name__}: {error}".replace("\n", " "), flush=True)  # noqa: T201
        else:
            print("ok", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
