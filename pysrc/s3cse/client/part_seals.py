"""Encrypting the parts of an upload that a caller cuts himself: in any order (GCM) or in their one order (CBC).

A part that comes again must have the same content, else it is refused before it is sent: other bytes under the same
key, IV and counters would be a two-time pad, and a CBC part is what the next one was chained to.

How a part is known again: GCM by its segment value S, compared in constant time, which is there anyway. CBC by the
SHA-256 of its ciphertext: encrypting is deterministic, so the same ciphertext means the same content, and the digest of
what S3 sees is no secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from threading import Lock
from typing import Protocol

from s3cse.crypto.ciphers import BLOCK_BYTES, Backend
from s3cse.crypto.secret import Secret
from s3cse.crypto.segments import ObjectCipher, SegmentValue
from s3cse.envelope.model import Envelope
from s3cse.errors import SettingsError
from s3cse.objects.body import body_encryptor


class PartSealer(Protocol):
    """Holds the key of one upload until it is closed. Parts are numbered from 1."""

    @property
    def last_waits(self) -> bool:
        """Whether the last part can be sealed only when all others are."""

    def seal(self, number: int, offset: int, part: bytearray) -> None:
        """Encrypt a part other than the last in place; ``offset`` is that of its first byte in the plaintext.

        Raises:
            SettingsError: it came before with another content, or it is not its turn. It must not be sent.
        """

    def seal_last(self, number: int, offset: int, part: bytearray) -> None:
        """Encrypt the last part in place, all others being sealed, and append the tag or the padding."""

    def close(self) -> None:
        """Wipe the key and what else is secret; idempotent. A part on its way ends well or is refused."""


class _Gcm:
    last_waits = True  # it carries the tag of all

    def __init__(self, cipher: ObjectCipher) -> None:
        self._cipher = cipher
        self._lock = Lock()
        self._values: dict[int, SegmentValue] = {}
        self._closed = False

    def seal(self, number: int, offset: int, part: bytearray) -> None:
        value = self._cipher.encrypt_segment(offset, part, part)
        # Noted before it is sent: of two contents for one part only the first can leave this process.
        with self._lock:
            if self._closed:  # what was noted is forgotten: nothing can be compared any more
                raise ValueError("the upload is completed or aborted")
            first = self._values.setdefault(number, value)
        if first is not value:
            same = first == value
            value.wipe()
            if not same:
                raise other_content(number)

    def seal_last(self, number: int, offset: int, part: bytearray) -> None:
        self.seal(number, offset, part)
        with self._lock:
            values = list(self._values.values())
        part += self._cipher.tag(values)

    def close(self) -> None:
        self._cipher.close()
        with self._lock:
            self._closed = True
            for value in self._values.values():
                value.wipe()
            self._values.clear()


class _Cbc:
    last_waits = True

    def __init__(self, backend: Backend, envelope: Envelope, key: Secret) -> None:
        self._backend = backend
        self._algorithm = envelope.content_algorithm
        self._key: Secret | None = Secret(key.view())
        self._lock = Lock()
        #: By number: the block that the part is chained to, which is the object's IV or ciphertext.
        self._ivs: dict[int, bytes] = {1: envelope.iv}
        self._digests: dict[int, bytes] = {}

    def seal(self, number: int, offset: int, part: bytearray) -> None:
        self._seal(number, offset, part, last=False)

    def seal_last(self, number: int, offset: int, part: bytearray) -> None:
        self._seal(number, offset, part, last=True)

    def _seal(self, number: int, offset: int, part: bytearray, *, last: bool) -> None:
        with self._lock:  # one at a time, and never while the key is wiped
            if number not in self._ivs:
                raise SettingsError(
                    "the parts of an AES-CBC object are uploaded in order",
                    found=f"part {number}",
                    expected=f"part {len(self._ivs)}",
                    fix="upload them one after the other, or choose a profile with AES-GCM",
                )
            if self._key is None:
                raise ValueError("the upload is completed or aborted")
            body = body_encryptor(self._backend, self._algorithm, self._key.view(), self._ivs[number])
            try:
                (body.seal_last if last else body.seal)(offset, part)
            finally:
                body.close()
            digest = hashlib.sha256(part).digest()
            if not hmac.compare_digest(self._digests.setdefault(number, digest), digest):
                raise other_content(number)
            self._ivs.setdefault(number + 1, bytes(part[-BLOCK_BYTES:]))

    def close(self) -> None:
        with self._lock:
            if self._key is not None:
                self._key.wipe()
                self._key = None


class Unsealed:
    """Parts that go as they are: S3 encrypts. A part that comes again may be another one."""

    last_waits = False

    def seal(self, number: int, offset: int, part: bytearray) -> None:
        """See PartSealer."""

    def seal_last(self, number: int, offset: int, part: bytearray) -> None:
        """See PartSealer."""

    def close(self) -> None:
        """See PartSealer."""


def part_sealer(backend: Backend, envelope: Envelope, key: Secret) -> PartSealer:
    """Return what encrypts the parts of a new object; ``key`` is the body's and is not needed afterwards.

    Raises:
        IntegrityError: the key is the one in 2^128 that authenticates nothing.
    """
    algorithm = envelope.content_algorithm
    if algorithm.authenticated:
        return _Gcm(backend.object_cipher(key.view(), envelope.iv, algorithm.aad))
    return _Cbc(backend, envelope, key)


def other_content(number: int) -> SettingsError:
    """Return the error for a part that came before with another content."""
    return SettingsError(
        f"part {number} has another content than before, and was not sent",
        found="other bytes",
        expected="the same bytes: others under the same key would reveal both",
        fix="abort this upload and start another one",
    )


def check_numbers(given: Mapping[int, str], uploaded: Mapping[int, str]) -> None:
    """Refuse a list of parts that is not that of the upload.

    Args:
        given: ETags by number, as the caller lists them.
        uploaded: ETags by number, as S3 gave them.
    """
    if given == uploaded:
        return
    wrong = sorted(number for number in {*given, *uploaded} if given.get(number) != uploaded.get(number))
    raise SettingsError(
        "MultipartUpload does not list the parts of this upload",
        found=f"another ETag, or none, for part {wrong[0]}",
        expected=f"parts 1 to {len(uploaded)} with the ETags that upload_part returned",
        fix="list them all, or leave MultipartUpload out: the client knows them",
    )
