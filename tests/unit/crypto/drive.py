"""How the tests run a cipher: in steps, apart from the input or in place, and what `cryptography` says in one shot."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher as Whole
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.padding import PKCS7

from s3cse.crypto.ciphers import BLOCK_BYTES, Backend, Cipher

KEY = bytes(range(32))
IV12 = bytes(range(100, 112))
IV16 = bytes(range(100, 116))
AAD = b"\x00\x73"

#: Around blocks and around the strides of the vector code in OpenSSL (8 and 16 blocks).
LENGTHS = [0, 1, 15, 16, 17, 31, 32, 33, 127, 128, 129, 255, 256, 257, 1000, 4101]
STEPS = [1, 15, 16, 17, 33, 128, 1000, 5000]

Start = Callable[[Backend], Cipher]

#: Every kind of cipher, at its beginning.
STARTS: dict[str, Start] = {
    "gcm_encryptor": lambda backend: backend.gcm_encryptor(KEY, IV12, AAD),
    "gcm_decryptor": lambda backend: backend.gcm_decryptor(KEY, IV12, AAD),
    "ctr_cipher": lambda backend: backend.ctr_cipher(KEY, IV12),
    "cbc_encryptor": lambda backend: backend.cbc_encryptor(KEY, IV16),
    "cbc_decryptor": lambda backend: backend.cbc_decryptor(KEY, IV16),
    "cbc_range": lambda backend: backend.cbc_decryptor(KEY, IV16, padding=False),
}


def text(length: int) -> bytes:
    """Return bytes without a short period."""
    return bytes((index * index // 7 + index) % 256 for index in range(length))


def feed(cipher: Cipher, data: bytes, step: int = 1 << 20, *, in_place: bool = False) -> bytes:
    """Pass ``data`` through in pieces of ``step`` bytes with an empty write before each, and return what came out."""
    parts = []
    for at in range(0, len(data), step):
        source: bytes | memoryview = data[at : at + step]
        out = bytearray(-(-len(source) // BLOCK_BYTES) * BLOCK_BYTES)
        if in_place:
            out[: len(source)] = source
            source = memoryview(out)[: len(source)]
        assert cipher.update_into(b"", bytearray()) == 0
        written = cipher.update_into(source, out)
        parts.append(bytes(out[:written]))
    return b"".join(parts)


def finish(cipher: Any) -> Any:
    """End a message of any kind, with a made-up tag where one is needed."""
    if not hasattr(cipher, "finalize"):
        return cipher.finalize_into(bytearray(16))
    try:
        return cipher.finalize()
    except TypeError:
        return cipher.finalize(bytes(16))


def gcm_whole(data: bytes, aad: bytes = AAD) -> bytes:
    """Ciphertext and tag, by `cryptography`."""
    return AESGCM(KEY).encrypt(IV12, data, aad)


def cbc_whole(data: bytes) -> bytes:
    """Padded ciphertext, by `cryptography`."""
    padder = PKCS7(128).padder()
    encryptor = Whole(algorithms.AES256(KEY), modes.CBC(IV16)).encryptor()
    return encryptor.update(padder.update(data) + padder.finalize()) + encryptor.finalize()


def in_child(work: Callable[[], bool]) -> bool:
    """Fork, run ``work`` in the child with ten seconds to live, and return whether it was true there."""
    pid = os.fork()
    if pid == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(10)
        code = 1
        try:
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
