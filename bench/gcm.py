"""How fast the compiled backend does AES-256-GCM from Python, next to `openssl speed` and `cryptography`.

    python bench/gcm.py [--json] [--rounds 9] [--seconds 1] [--bytes 1048576]

One call per chunk of 1 MiB, in a buffer that is used again, one core unless a case says threads. The rounds of all
variants are interleaved so that noise is shared; the numbers are medians. `openssl speed` is the ceiling: the library
that the extension runs on, in a C loop, in place. `cryptography` writes into another buffer, and brings an OpenSSL of
its own, which may be a newer one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from s3cse.crypto import native
from s3cse.crypto.ciphers import Cipher

KEY = os.urandom(32)
CPUS = len(os.sched_getaffinity(0))
ROTATE_BYTES = 1 << 35  # a new message well before GCM's limit of 2^36 - 32 bytes

Variant = Callable[[float], float]


@dataclass(frozen=True)
class Result:
    """One line: what, how much, and how it compares. ``ratio`` is value / the value of ``against``."""

    case: str
    value: float
    unit: str
    ratio: float | None
    against: str | None


def repeat(call: Callable[[], object], size: int, seconds: float) -> float:
    """Return bytes per second of a call that processes ``size`` bytes."""
    count = 0
    begin = now = time.perf_counter()
    while now - begin < seconds:
        for _ in range(16):
            call()
        count += 16
        now = time.perf_counter()
    return count * size / (now - begin)


def streaming(start: Callable[[], Cipher], data: bytes, *, in_place: bool) -> Variant:
    """Updates of one long message, in place as `openssl speed` does it, or into another buffer."""
    out = bytearray(data)
    source: bytes | bytearray = out if in_place else data

    def measure(seconds: float) -> float:
        with start() as cipher:
            return repeat(lambda: cipher.update_into(source, out), len(out), min(seconds, ROTATE_BYTES / 20e9))

    return measure


def messages(data: bytes) -> Variant:
    """Whole messages of the extension: start, one update, tag."""
    out = bytearray(len(data))
    nonce = iter(range(1 << 62))

    def seal() -> None:
        with native.gcm_encryptor(KEY, next(nonce).to_bytes(12, "big")) as cipher:
            cipher.update_into(data, out)
            cipher.finalize()

    return lambda seconds: repeat(seal, len(data), seconds)


def segments(data: bytes, *, known: bool | None) -> Variant:
    """One segment again and again: encrypted, or decrypted with its value known or not."""
    out = bytearray(len(data))
    cipher = native.object_cipher(KEY, bytes(12))
    value = cipher.hash_segment(0, data)
    if known is None:
        return lambda seconds: repeat(lambda: cipher.encrypt_segment(0, data, out), len(data), seconds)
    if known:
        return lambda seconds: repeat(lambda: cipher.verify_segment(value, data, out), len(data), seconds)
    return lambda seconds: repeat(lambda: cipher.decrypt_segment(0, data, out), len(data), seconds)


def in_threads(data: bytes, threads: int) -> Variant:
    """Segments of one object encrypted by several threads at once, each into a buffer of its own."""
    cipher = native.object_cipher(KEY, bytes(12))
    rooms = [bytearray(len(data)) for _ in range(threads)]
    pool = ThreadPoolExecutor(threads)

    def rate(room: bytearray, seconds: float) -> float:
        return repeat(lambda: cipher.encrypt_segment(0, data, room), len(data), seconds)

    return lambda seconds: sum(pool.map(rate, rooms, [seconds] * threads))


def one_shot(data: bytes, *, decrypt: bool) -> Variant:
    """Whole messages of `cryptography`'s AESGCM, into one buffer where its version can do that."""
    aead = AESGCM(KEY)
    sealed = aead.encrypt(bytes(12), data, None)
    room = bytearray(len(data) if decrypt else len(sealed))
    source = sealed if decrypt else data
    into = getattr(aead, "decrypt_into" if decrypt else "encrypt_into", None)
    if into is not None:
        return lambda seconds: repeat(lambda: into(bytes(12), source, None, room), len(data), seconds)
    plain = aead.decrypt if decrypt else aead.encrypt
    return lambda seconds: repeat(lambda: plain(bytes(12), source, None), len(data), seconds)


def openssl_speed(size: int, *, decrypt: bool) -> Variant:
    """`openssl speed` with the same block size; it measures for whole seconds only."""
    command = ["openssl", "speed", "-elapsed", "-mr", "-evp", "aes-256-gcm", "-bytes", str(size)]
    command += ["-decrypt"] if decrypt else []

    def measure(seconds: float) -> float:
        whole = max(1, round(seconds))
        told = subprocess.run([*command, "-seconds", str(whole)], check=True, capture_output=True, text=True).stdout
        line = next(line for line in told.splitlines() if line.startswith("+F:"))
        return float(line.split(":")[-1])

    return measure


def variants(size: int) -> dict[str, Variant]:
    """Every case; names that start with openssl or cryptography are what others reach."""
    data = os.urandom(size)
    found = {
        "s3cse encrypt": streaming(lambda: native.gcm_encryptor(KEY, bytes(12)), data, in_place=True),
        "s3cse decrypt": streaming(lambda: native.gcm_decryptor(KEY, bytes(12)), data, in_place=True),
        "s3cse encrypt, into another buffer": streaming(
            lambda: native.gcm_encryptor(KEY, bytes(12)), data, in_place=False
        ),
        "s3cse encrypt, a message each": messages(data),
        "s3cse encrypt, segments": segments(data, known=None),
        f"s3cse encrypt, segments, {CPUS} threads": in_threads(data, CPUS),
        "s3cse decrypt, segments, value known": segments(data, known=True),
        "s3cse decrypt, segments, value unknown": segments(data, known=False),
        "cryptography encrypt": one_shot(data, decrypt=False),
        "cryptography decrypt": one_shot(data, decrypt=True),
    }
    if shutil.which("openssl"):
        found["openssl speed encrypt"] = openssl_speed(size, decrypt=False)
        found["openssl speed decrypt"] = openssl_speed(size, decrypt=True)
    return found


def peers_of(name: str, cases: Iterable[str]) -> list[str]:
    """Return what a case of ours is compared with; for segments, one stream and one message each of our own too.

    Segments beside messages show what the field arithmetic costs: both start and finish a cipher for every chunk.
    """
    if not name.startswith("s3cse"):
        return []
    direction, _, how = name.removeprefix("s3cse ").partition(", ")
    others = [peer for peer in cases if not peer.startswith("s3cse") and peer.endswith(direction)]
    own = [f"s3cse {direction}", f"s3cse {direction}, a message each"] if "segments" in how else []
    if "threads" in how:
        own = ["s3cse encrypt, segments"]
    return others + [peer for peer in own if peer in cases]


def measure(size: int, rounds: int, seconds: float) -> Iterator[Result]:
    """Run the rounds and yield the medians, ours with their ratios."""
    cases = variants(size)
    seen: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            seen[name].append(case(seconds) / 1e9)
    for name in cases:
        value = statistics.median(seen[name])
        peers = peers_of(name, cases)
        if not peers:
            yield Result(name, round(value, 3), "GB/s", None, None)
        for peer in peers:
            # Round by round, so that both sides of a ratio met the same noise.
            ratio = statistics.median(ours / theirs for ours, theirs in zip(seen[name], seen[peer], strict=True))
            yield Result(name, round(value, 3), "GB/s", round(ratio, 3), peer)


def machine() -> str:
    """What the numbers were measured on."""
    cpu = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            cpu = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{cpu}, {CPUS} CPUs, OpenSSL {native.openssl_version():#x}, Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="one object per line")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=1.0, help="per case and round")
    parser.add_argument("--bytes", type=int, default=1 << 20, help="per call")
    options = parser.parse_args()
    print(f"{machine()}; calls of {options.bytes} bytes, {options.rounds} rounds", file=sys.stderr)
    for result in measure(options.bytes, options.rounds, options.seconds):
        if options.json:
            print(json.dumps(asdict(result)))
            continue
        compared = f"{result.ratio:6.3f} of {result.against}" if result.ratio is not None else ""
        print(f"{result.case:42}{result.value:8.2f} {result.unit}  {compared}")


if __name__ == "__main__":
    main()
