"""AWS Encryption SDK messages beside the official SDK for Python, and beside our own GCM; one thread, raw AES keyring.

    python bench/messages.py [--json] [--mib 256] [--rounds 5]

The official SDK runs in an environment of its own (.venv-esdk, which make interop makes), as a process that waits for
orders, so that rounds of both sides take turns and share the noise. Whole messages in memory on both sides. ``fused``
is one GCM object of the same size by our own core, into new memory as well: what frames cost beside it. Memory that was
never touched costs as much as the cipher or more. Numbers are medians.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYTHON = Path(__file__).resolve().parents[1] / ".venv-esdk" / "bin" / "python"
KEY, NAMESPACE, NAME = bytes(range(32)), "bench", "key"
UNSIGNED, SIGNED = 0x0478, 0x0578
#: frame length, suite: the SDK's defaults, its frames unsigned, and ours.
CASES = [(4096, SIGNED), (4096, UNSIGNED), (1 << 16, UNSIGNED), (1 << 16, SIGNED), (1 << 20, UNSIGNED)]
SUITES = {UNSIGNED: "unsigned", SIGNED: "signed"}


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


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


@dataclass(frozen=True)
class Rates:
    """Seconds of one round: ours, theirs, and the fused core's, to encrypt and to decrypt."""

    ours: tuple[float, float]
    theirs: tuple[float, float]
    fused: tuple[float, float]


def rounds_of(peer: subprocess.Popen[str], size: int, frame_length: int, suite: int, rounds: int) -> list[Rates]:
    """Measure all sides in turn."""
    from s3cse.crypto import native
    from s3cse.keyrings import AesKeyring
    from s3cse.message import decrypt, encrypt

    assert peer.stdin is not None
    assert peer.stdout is not None
    keyring = AesKeyring(KEY, provider_id=NAMESPACE, key_id=NAME)
    data, found = os.urandom(size), []
    cipher = native.object_cipher(KEY, bytes(12))

    def fused(segment: Callable[..., object]) -> float:
        return seconds(lambda: segment(0, data, io.BytesIO(bytes(size)).getbuffer()))

    for _ in range(rounds):
        made: list[bytes] = []
        alone = fused(cipher.encrypt_segment), fused(cipher.decrypt_segment)
        sealed = seconds(lambda: made.append(encrypt(data, keyring, suite=suite, frame_length=frame_length)))  # noqa: B023
        back = seconds(lambda: decrypt(made[0], keyring))  # noqa: B023
        peer.stdin.write(f"{size} {frame_length} {suite}\n")
        peer.stdin.flush()
        theirs = tuple(map(float, peer.stdout.readline().split()))
        found.append(Rates((sealed, back), (theirs[0], theirs[1]), alone))
    return found


def results(size: int, rounds: int) -> Iterator[dict[str, Any]]:
    """One line for each case, direction and peer."""
    with subprocess.Popen(
        [PYTHON, __file__, "--peer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as peer:
        for frame_length, suite in CASES:
            found = rounds_of(peer, size, frame_length, suite, rounds)
            for way, word in enumerate(("encrypt", "decrypt")):
                case = f"s3cse.message {word}, {frame_length >> 10} KiB frames, {SUITES[suite]}"
                value = round(size / 1e6 / statistics.median(round_.ours[way] for round_ in found))
                for against in ("theirs", "fused"):
                    # Round by round, so that both sides of a ratio met the same noise.
                    ratio = statistics.median(getattr(round_, against)[way] / round_.ours[way] for round_ in found)
                    name = "aws-encryption-sdk 4.0.7" if against == "theirs" else "fused GCM of our core"
                    yield {"case": case, "value": value, "unit": "MB/s", "ratio": round(ratio, 2), "against": name}
        assert peer.stdin is not None
        peer.stdin.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer_main()
        return
    for line in results(options.mib << 20, options.rounds):
        if options.json:
            print(json.dumps(line), flush=True)
        else:
            print(
                f"{line['case']:58} {line['value']:6} {line['unit']}  {line['ratio']:6} x {line['against']}", flush=True
            )


if __name__ == "__main__":
    main()
