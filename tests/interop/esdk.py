"""What tests with official AWS Encryption SDKs share: orders for their drivers, and keyrings, ours and theirs."""

from __future__ import annotations

import io
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from s3cse.keyrings import AesKeyring, RsaKeyring
from s3cse.message import MessageWriter

CONTEXT = {"table": "flights", "ä": "ö", "empty": "x"}
LENGTHS = (0, 1, 4095, 4096, 4097, 3 * 4096 + 5)


class Sdk:
    """An official client; orders are collected, so that its long start is paid once.

    Args:
        command: runs its driver; the file with the orders goes behind it.
        folder: for files.
        required_keys: whether it knows pairs of the context that are not stored.
        least_frames: the shortest frame lengths that it writes; 0: it writes messages in one piece.
    """

    def __init__(
        self, command: Sequence[str | Path], folder: Path, *, required_keys: bool, least_frames: Sequence[int]
    ) -> None:
        self.required_keys = required_keys
        self.least_frames = least_frames
        self._command = command
        self._folder = folder
        self._orders: list[dict[str, Any]] = []

    def order(self, do: str, data: bytes, keys: Sequence[Mapping[str, str]], **options: Any) -> Path:
        """Note an order and return the file that it will make."""
        number = len(self._orders)
        source, target = self._folder / f"{number}.source", self._folder / f"{number}.target"
        source.write_bytes(data)
        places = {"source": str(source), "target": str(target)}
        self._orders.append({"do": do, "keyrings": keys, "context": {}, "required_keys": [], **places, **options})
        return target

    def answers(self) -> list[str]:
        """Carry all orders out and return what was said of each."""
        orders = self._folder / "orders.json"
        orders.write_text(json.dumps(self._orders), encoding="utf-8")
        done = subprocess.run([*self._command, orders], env=os.environ, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        # Node says so on its standard output if it is told to open PKCS#1 v1.5.
        return [line for line in done.stdout.splitlines() if not line.startswith("SECURITY WARNING: ")]


@cache
def private_key() -> rsa.RSAPrivateKey:
    """An RSA key."""
    return rsa.generate_private_key(65_537, 2048)


def aes_key(size: int = 32, key_id: str = "key") -> tuple[AesKeyring, dict[str, str]]:
    """A raw AES keyring, ours and theirs."""
    key = bytes(range(size))
    spec = {"kind": "aes", "key": key.hex(), "provider_id": "tests", "key_id": key_id}
    return AesKeyring(key, provider_id="tests", key_id=key_id), spec


def rsa_key(padding: Any) -> tuple[RsaKeyring, dict[str, str]]:
    """A raw RSA keyring, ours and theirs."""
    private = private_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    names = {"provider_id": "tests", "key_id": f"rsa {padding}"}
    spec = {"kind": "rsa", "padding": padding, "private": private, "public": public, **names}
    return RsaKeyring(private_key=private_key(), padding=padding, **names), spec


def written(plaintext: bytes, keyring: Any, **options: Any) -> bytes:
    """A message by the writer in pieces, the streaming twin of encrypt."""
    file = io.BytesIO()
    with MessageWriter(file, keyring, **options) as writer:
        for at in range(0, len(plaintext), 1000):
            writer.write(plaintext[at : at + 1000])
    return file.getvalue()
