"""The algorithm suites of Encryption SDK messages: all of them are read, the committing ones written.

Source: AWS Encryption SDK specification, framework/algorithm-suites.md. Every suite is AES-GCM with a 12-byte IV and a
16-byte tag.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from s3cse.errors import EnvelopeError, SettingsError

Hash = Literal["sha256", "sha384", "sha512"]
Curve = Literal["P-256", "P-384"]

COMMITMENT_BYTES = 32
_MESSAGE_ID_BYTES = {1: 16, 2: 32}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One algorithm suite.

    Attributes:
        id: the two-byte number in the header.
        key_bytes: length of the data key, and of the key derived from it.
        hash: HKDF's, None where the data key is used as it is.
        commits: whether the header holds a value that commits to the data key; messages of version 2 do.
        curve: of the signature in the footer, None where there is none.
    """

    id: int
    key_bytes: int
    hash: Hash | None = None
    commits: bool = False
    curve: Curve | None = None

    @property
    def version(self) -> int:
        """The message format's version, 1 or 2."""
        return 2 if self.commits else 1

    @property
    def id_bytes(self) -> bytes:
        """The number as the header holds it."""
        return self.id.to_bytes(2, "big")

    @property
    def message_id_bytes(self) -> int:
        """Length of the message id."""
        return _MESSAGE_ID_BYTES[self.version]

    def __str__(self) -> str:
        return f"{self.id:#06x}"


AES_128 = Suite(id=0x0014, key_bytes=16)
AES_192 = Suite(id=0x0046, key_bytes=24)
AES_256 = Suite(id=0x0078, key_bytes=32)
AES_128_HKDF = Suite(id=0x0114, key_bytes=16, hash="sha256")
AES_192_HKDF = Suite(id=0x0146, key_bytes=24, hash="sha256")
AES_256_HKDF = Suite(id=0x0178, key_bytes=32, hash="sha256")
AES_128_HKDF_SIGNED = Suite(id=0x0214, key_bytes=16, hash="sha256", curve="P-256")
AES_192_HKDF_SIGNED = Suite(id=0x0346, key_bytes=24, hash="sha384", curve="P-384")
AES_256_HKDF_SIGNED = Suite(id=0x0378, key_bytes=32, hash="sha384", curve="P-384")
#: ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY: what is written where nothing else is asked for (docs/messages.md).
COMMITTING = Suite(id=0x0478, key_bytes=32, hash="sha512", commits=True)
#: ALG_AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384.
COMMITTING_SIGNED = Suite(id=0x0578, key_bytes=32, hash="sha512", commits=True, curve="P-384")

SUITES: Mapping[int, Suite] = MappingProxyType(
    {
        suite.id: suite
        for suite in (
            AES_128,
            AES_192,
            AES_256,
            AES_128_HKDF,
            AES_192_HKDF,
            AES_256_HKDF,
            AES_128_HKDF_SIGNED,
            AES_192_HKDF_SIGNED,
            AES_256_HKDF_SIGNED,
            COMMITTING,
            COMMITTING_SIGNED,
        )
    }
)


def suite_of(number: int, version: int) -> Suite:
    """Return the suite of a header.

    Raises:
        EnvelopeError: there is no such suite, or not in this version of the format.
    """
    suite = SUITES.get(number)
    if suite is None or suite.version != version:
        raise EnvelopeError(
            "the message's algorithm suite is not valid",
            found=f"{number:#06x} in a message of version {version}",
            expected=", ".join(str(known) for known in SUITES.values() if known.version == version),
            fix="restore the message from a copy you trust",
        )
    return suite


def writable_suite(suite: Suite | int) -> Suite:
    """Return the suite to write with.

    Raises:
        SettingsError: it does not commit to its key, or there is no such suite.
    """
    known = SUITES.get(suite.id if isinstance(suite, Suite) else suite)
    if known is None or not known.commits:
        raise SettingsError(
            "messages are written with committing suites only",
            found=str(suite) if isinstance(suite, Suite) else hex(suite),
            expected=f"{COMMITTING} or {COMMITTING_SIGNED} (signed)",
            fix="the other suites let one message open to two plaintexts under two keys: they are for reading",
        )
    return known
