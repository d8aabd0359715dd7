"""Check that s3cse works in this interpreter: PYTHON -I check_install.py [--requirements FILE] [--json]

Loads the compiled extension, encrypts and decrypts blocks with known answers, sees a changed one refused, and says
which libcrypto did it. With --requirements also: exactly the pinned versions are installed. Needs no network and no
key. Exit code 0: all is well; 1: something is not, named on standard error.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import platform
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

#: AES-256-GCM: test case 15 of McGrew and Viega, "The Galois/Counter Mode of Operation" (2005), appendix B.
KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
IV = bytes.fromhex("cafebabefacedbaddecaf888")
PLAINTEXT = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255"
)
CIPHERTEXT = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
)
TAG = bytes.fromhex("b094dac5d93471bdec1a502270e3cc6c")
HALF = len(PLAINTEXT) // 2
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==(\S+)")


class CheckFailed(Exception):
    """What is wrong, in one line."""


@dataclass(frozen=True)
class Installation:
    """What was found.

    ``openssl`` is the version of the library in use, and ``libcrypto`` its file; ``fips`` says whether OpenSSL was told
    to use validated implementations only (it does not say that there is a certificate).
    """

    s3cse: str
    python: str
    interpreter: str
    openssl: str
    libcrypto: str
    fips: bool

    def __str__(self) -> str:
        fips = "on" if self.fips else "off"
        return (
            f"s3cse {self.s3cse} works in Python {self.python} ({self.interpreter}): compiled extension, "
            f"OpenSSL {self.openssl} ({self.libcrypto}), FIPS properties {fips}"
        )


def check() -> Installation:
    """Check the installation.

    Raises:
        CheckFailed: the package, its extension or its arithmetic is not as it should be.
    """
    try:
        version = metadata.version("s3cse")
        from s3cse.crypto import native
    except Exception as error:  # whatever keeps it from loading, a bad library included, is the answer
        raise CheckFailed(f"the compiled extension does not load: {error}") from error
    try:
        _check_message(native)
        _check_segments(native)
    except CheckFailed:
        raise
    except Exception as error:
        raise CheckFailed(f"the compiled extension does not encrypt: {error}") from error
    number = native.openssl_version()
    libcrypto = _libcrypto()
    return Installation(
        s3cse=version,
        python=platform.python_version(),
        interpreter=sys.executable,
        openssl=f"{number >> 28}.{number >> 20 & 0xFF}.{number >> 4 & 0xFFFF}",
        libcrypto=libcrypto,
        fips=_fips(libcrypto),
    )


def _check_message(native: Any) -> None:
    """One GCM message, as small objects are written and read."""
    out = bytearray(len(PLAINTEXT))
    with native.gcm_encryptor(KEY, IV) as cipher:
        cipher.update_into(PLAINTEXT, out)
        tag = cipher.finalize()
    if (bytes(out), tag) != (CIPHERTEXT, TAG):
        raise CheckFailed("AES-GCM does not give the known answer")
    with native.gcm_decryptor(KEY, IV) as cipher:
        cipher.update_into(CIPHERTEXT, out)
        cipher.finalize(TAG)
    if bytes(out) != PLAINTEXT:
        raise CheckFailed("AES-GCM does not decrypt what it encrypted")
    with native.gcm_decryptor(KEY, IV) as cipher:
        cipher.update_into(CIPHERTEXT, out)
        _expect_refusal(lambda: cipher.finalize(bytes(16)))


def _check_segments(native: Any) -> None:
    """The same object in two segments, last one first, as tables are written."""
    first, second = bytearray(HALF), bytearray(HALF)
    with native.object_cipher(KEY, IV) as cipher:
        last = cipher.encrypt_segment(HALF, PLAINTEXT[HALF:], second)
        values = [cipher.encrypt_segment(0, PLAINTEXT[:HALF], first), last]
        if (bytes(first + second), cipher.tag(values)) != (CIPHERTEXT, TAG):
            raise CheckFailed("AES-GCM in segments does not give the known answer")
        _expect_refusal(lambda: cipher.verify_tag(values, bytes(16)))


def _expect_refusal(verify: Callable[[], object]) -> None:
    from s3cse.errors import IntegrityError

    try:
        verify()
    except IntegrityError:
        return
    raise CheckFailed("a wrong authentication tag was accepted")


def _libcrypto() -> str:
    """Return the file of the libcrypto that the extension uses: the dynamic linker's choice, seen in the process's map.

    Nothing here imports Python's ssl module, which may bring another one; were there several, all are named.
    """
    mapped = (line.split(maxsplit=5)[-1].strip() for line in Path("/proc/self/maps").read_text().splitlines())
    return ", ".join(sorted({path for path in mapped if Path(path).name.startswith("libcrypto")})) or "unknown"


def _fips(libcrypto: str) -> bool:
    """Whether OpenSSL's default properties ask for FIPS implementations; False where nobody can say."""
    try:
        enabled = ctypes.CDLL(libcrypto).EVP_default_properties_is_fips_enabled
    except (OSError, AttributeError):
        return False
    enabled.argtypes = [ctypes.c_void_p]
    return bool(enabled(None))


def check_pins(lines: Iterable[str]) -> int:
    """Compare the installed versions with ``name==version`` lines and return how many there are.

    Raises:
        CheckFailed: a package is missing, or there in another version.
    """
    pins = [match.groups() for match in map(_PIN.match, lines) if match]
    for name, wanted in pins:
        try:
            found = metadata.version(name)
        except metadata.PackageNotFoundError:
            raise CheckFailed(f"{name} is not installed (expected {wanted})") from None
        if found != wanted:
            raise CheckFailed(f"{name} {found} is installed, expected {wanted}")
    if not pins:
        raise CheckFailed("the requirements name no version")
    return len(pins)


def main() -> int:
    """Check, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requirements", type=Path, metavar="FILE", help="name==version lines that must be installed")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    try:
        found = check()
        if arguments.requirements is not None:
            check_pins(arguments.requirements.read_text(encoding="utf-8").splitlines())
    except (CheckFailed, OSError) as error:
        print(f"check_install: {error}", file=sys.stderr)
        return 1
    print(json.dumps(asdict(found)) if arguments.json else found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
