"""AWS Encryption SDK messages beside the official SDK for Python, and beside our own GCM; raw AES keyring.

    python bench/messages.py [--json] [--mib 256] [--rounds 5] [--cpu]

The official SDK runs in an environment of its own (.venv-esdk, which make interop makes), as a process that waits for
orders, so that rounds of both sides take turns and share the noise. Messages are in memory, whole, on both sides:

- ``new bytes``: encrypt and decrypt, one thread; the result is new memory, which costs as much as the cipher or more.
- ``into a buffer``: encrypt_into and decrypt_into, one thread and two, into memory that was used before.
- ``fused GCM``: one GCM object of the same size by our own core, one thread, into memory of the same kind, new or used:
  what frames cost beside it.

Signed messages are hashed as well (SHA-384), one byte after the other: that is their limit, and ``hash`` says what it
alone costs. Numbers are medians; ratios are medians of each round's ratio. ``--cpu`` counts seconds of the processor
instead of the clock's, on both sides: for a machine that others use too. Two threads then show what they cost.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parents[1] / ".venv-esdk" / "bin" / "python"
KEY, NAMESPACE, NAME = bytes(range(32)), "bench", "key"
UNSIGNED, SIGNED = 0x0478, 0x0578
#: frame length, suite: the SDK's defaults, its frames unsigned, and ours.
CASES = [(4096, SIGNED), (4096, UNSIGNED), (1 << 16, UNSIGNED), (1 << 16, SIGNED), (1 << 20, UNSIGNED)]
SUITES = {UNSIGNED: "unsigned", SIGNED: "signed"}
SDK = "aws-encryption-sdk 4.0.7"
FUSED_NEW, FUSED_USED = "fused GCM into new memory", "fused GCM into a buffer"
#: Seconds to encrypt and to decrypt, by variant.
Round = dict[str, tuple[float, float]]


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    clock = time.process_time if "--cpu" in sys.argv else time.perf_counter
    begin = clock()
    call()
    return clock() - begin


def peer_main() -> None:
    """The official SDK: reads one order a line (size, frame length, suite), prints both times."""
    import aws_encryption_sdk
    from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
    from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
    from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput
    from aws_encryption_sdk.identifiers import Algorithm

    wanted = CreateRawAesKeyringInput(
        key_namespace=NAMESPACE,
        key_name=NAME,
        wrapping_key=KEY,
        wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
    )
    keyring = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig()).create_raw_aes_keyring(wanted)
    client = aws_encryption_sdk.EncryptionSDKClient()
    for line in sys.stdin:
        size, frame_length, suite = map(int, line.split())
        data, made = os.urandom(size), []
        algorithm = Algorithm.get_by_id(suite)

        def encrypt(data: bytes = data, made: list[Any] = made, options: Any = (algorithm, frame_length)) -> None:
            algorithm, length = options
            made.append(client.encrypt(source=data, keyring=keyring, algorithm=algorithm, frame_length=length)[0])

        def decrypt(made: list[Any] = made) -> None:
            client.decrypt(source=made[0], keyring=keyring)

        print(seconds(encrypt), seconds(decrypt), flush=True)


class Ours:
    """Everything of ours that is measured for one case; a call of ``round_`` measures all of it once, in seconds."""

    def __init__(self, size: int, frame_length: int, suite: int) -> None:
        from s3cse.crypto import native
        from s3cse.keyrings import AesKeyring
        from s3cse.message import encrypt, message_room

        self._keyring = AesKeyring(KEY, provider_id=NAMESPACE, key_id=NAME)
        self._options: dict[str, Any] = {"suite": suite, "frame_length": frame_length}
        self._data = os.urandom(size)
        self._message = encrypt(self._data, self._keyring, **self._options)
        # Touched once, so that no page is new.
        self._sealed = bytearray(b"\1") * message_room(size, **self._options)
        self._opened = bytearray(b"\1") * size
        self._cipher = native.object_cipher(KEY, bytes(12))

    def round_(self) -> dict[str, tuple[float, float]]:
        """Seconds to encrypt and to decrypt, by variant."""
        from s3cse.message import decrypt, decrypt_into, encrypt, encrypt_into

        data, message, keyring, options = self._data, self._message, self._keyring, self._options
        self._fused(None, self._cipher.encrypt_segment)  # uncounted: the machine fetches what the peer has given back
        found = {
            FUSED_NEW: (
                self._fused(None, self._cipher.encrypt_segment),
                self._fused(None, self._cipher.decrypt_segment),
            ),
            FUSED_USED: (
                self._fused(self._opened, self._cipher.encrypt_segment),
                self._fused(self._opened, self._cipher.decrypt_segment),
            ),
            "new bytes": (
                seconds(lambda: encrypt(data, keyring, **options)),
                seconds(lambda: decrypt(message, keyring)),
            ),
        }
        for threads, name in ((1, "into a buffer"), (2, "into a buffer, 2 threads")):
            found[name] = (
                seconds(lambda: encrypt_into(data, self._sealed, keyring, threads=threads, **options)),  # noqa: B023
                seconds(lambda: decrypt_into(message, self._opened, keyring, threads=threads)),  # noqa: B023
            )
        if options["suite"] == SIGNED:
            found["hash"] = (seconds(lambda: hashed(data)), seconds(lambda: hashed(message)))
        return found

    def _fused(self, out: bytearray | None, segment: Callable[..., object]) -> float:
        from s3cse.crypto.memory import NewBytes

        def run() -> None:
            if out is not None:
                segment(0, self._data, out)
                return
            with NewBytes(len(self._data)).view() as view:
                segment(0, self._data, view)

        return seconds(run)


def hashed(data: bytes) -> None:
    """What a signature of P-384 hashes, by the library that we hash with."""
    from cryptography.hazmat.primitives import hashes

    hash_ = hashes.Hash(hashes.SHA384())
    hash_.update(data)
    hash_.finalize()


def rounds_of(peer: subprocess.Popen[str], size: int, frame_length: int, suite: int, rounds: int) -> list[Round]:
    """Measure all sides in turn, after one round that does not count."""
    assert peer.stdin is not None
    assert peer.stdout is not None
    ours, found = Ours(size, frame_length, suite), []
    for _ in range(rounds + 1):
        measured = ours.round_()
        peer.stdin.write(f"{size} {frame_length} {suite}\n")
        peer.stdin.flush()
        theirs = peer.stdout.readline().split()
        found.append({**measured, SDK: (float(theirs[0]), float(theirs[1]))})
    return found[1:]


def results(size: int, rounds: int) -> Iterator[dict[str, Any]]:
    """One line for each case, direction, variant and peer."""
    with subprocess.Popen(
        [PYTHON, __file__, "--peer", *(["--cpu"] if "--cpu" in sys.argv else [])],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as peer:
        for frame_length, suite in CASES:
            found = rounds_of(peer, size, frame_length, suite, rounds)
            for way, word in enumerate(("encrypt", "decrypt")):
                yield from lines_of(f"{word}, {frame_length >> 10} KiB frames, {SUITES[suite]}", way, size, found)
        assert peer.stdin is not None
        peer.stdin.close()


def lines_of(case: str, way: int, size: int, found: list[Round]) -> Iterator[dict[str, Any]]:
    """The lines of one case and direction."""
    for variant in found[0]:
        value = round(size / 1e6 / statistics.median(round_[variant][way] for round_ in found))
        line = {"case": f"{case}: {variant}", "value": value, "unit": "MB/s"}
        if variant in (SDK, FUSED_NEW, FUSED_USED, "hash"):
            yield {**line, "ratio": None, "against": None}
            continue
        for against in (SDK, FUSED_NEW if variant == "new bytes" else FUSED_USED):
            # Round by round, so that both sides of a ratio met the same noise.
            ratio = statistics.median(round_[against][way] / round_[variant][way] for round_ in found)
            yield {**line, "ratio": round(ratio, 2), "against": against}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--cpu", action="store_true", help="seconds of the processor, not of the clock")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer_main()
        return
    for line in results(options.mib << 20, options.rounds):
        if options.json:
            print(json.dumps(line), flush=True)
        else:
            ratio = "" if line["ratio"] is None else f"{line['ratio']:6} x {line['against']}"
            print(f"{line['case']:66} {line['value']:6} {line['unit']}  {ratio}", flush=True)


if __name__ == "__main__":
    main()
