"""A message in the making: keys, context and header.

Source: AWS Encryption SDK specification, client-apis/encrypt.md and framework/default-cmm.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.randomness import random_bytes
from s3cse.errors import SettingsError
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.message_keys import MessageKey, checked_message_keyring
from s3cse.keyrings.message_reuse import MessageKeyReuse
from s3cse.message.cipher import MessageCipher
from s3cse.message.derivation import derive
from s3cse.message.frames import REGULAR_OVERHEAD, Kind, front_of
from s3cse.message.header import Header, header_body
from s3cse.message.signature import PUBLIC_KEY_ENTRY, Signer, footer_bytes
from s3cse.message.suites import Suite

if TYPE_CHECKING:  # typing only
    from typing_extensions import Buffer

#: Names that the format keeps for itself.
RESERVED_PREFIX = "aws-crypto-"


class Sealing:
    """One message that is written: asks the keyring, makes the header, then seals frames in their order.

    Args:
        keyring: makes and wraps the data key; one call.
        suite: any; whoever calls decides what may be written.
        context: the encryption context.
        required_keys: names in it whose pairs are authenticated but not stored: a reader has to bring them.
        frame_length: bytes, checked.
        plaintext_bytes: length of the plaintext, None where it is not known; for keyrings that reuse data keys.
        backend: None: the default one.

    Raises:
        KeyringError: there is no data key to be had.
        SettingsError: the context or the keyring does not do.
    """

    def __init__(
        self,
        keyring: object,
        suite: Suite,
        context: Mapping[str, str],
        required_keys: Collection[str],
        frame_length: int,
        plaintext_bytes: int | None = None,
        backend: Backend | None = None,
    ) -> None:
        check_context(context, required_keys)
        self._signer = None if suite.curve is None else Signer(suite.curve)
        self.context = dict(context)
        if self._signer is not None:
            self.context[PUBLIC_KEY_ENTRY] = self._signer.public_key_entry
        made = _data_key(keyring, self.context, suite.key_bytes, plaintext_bytes)
        message_id = random_bytes(suite.message_id_bytes)
        keys = derive(suite, made.plaintext, message_id)
        stored = {name: value for name, value in self.context.items() if name not in required_keys}
        unstored = {name: value for name, value in self.context.items() if name in required_keys}
        self.header = Header(suite, message_id, stored, made.encrypted, frame_length, keys.commitment)
        self._cipher = MessageCipher(keys.content_key, message_id, backend)
        body = header_body(self.header)
        tag = self._cipher.header_tag(body + serialized(unstored))
        iv = b"" if suite.version == 2 else bytes(12)
        #: The whole header as the message begins with it.
        self.raw_header = body + iv + tag
        self.sign(self.raw_header)

    @property
    def footer_bytes(self) -> int:
        """Length of the footer."""
        return footer_bytes(self.header.suite)

    @property
    def signs(self) -> bool:
        """Whether the suite has a signature."""
        return self._signer is not None

    def seal(self, kind: Kind, sequence: int, plaintext: memoryview, out: memoryview) -> int:
        """Write one frame to ``out`` and return its length: that of the plaintext and the kind's overhead."""
        front = front_of(kind, sequence, len(plaintext))
        start, end = len(front), len(front) + len(plaintext)
        out[:start] = front
        tag = self._cipher.seal(kind, sequence, plaintext, out[start:end])
        size = end + len(tag)
        out[end:size] = tag
        self.sign(out[:size])
        return size

    def seal_regular(self, first_sequence: int, plaintext: memoryview, out: memoryview) -> int:
        """Write regular frames of a plaintext that fills them to ``out`` and return their length; one call for all."""
        size = len(plaintext) + len(plaintext) // self.header.frame_length * REGULAR_OVERHEAD
        self.seal_frames(first_sequence, plaintext, out[:size])
        self.sign(out[:size])
        return size

    def seal_frames(self, first_sequence: int, plaintext: memoryview, out: memoryview) -> None:
        """Write regular frames to ``out``, which has room for them, and leave it to the caller to ``sign`` them.

        Threads may seal several batches at once.
        """
        self._cipher.seal_frames(first_sequence, self.header.frame_length, plaintext, out)

    def sign(self, data: Buffer) -> None:
        """Take what was sealed into the signature, in the message's order; nothing where the suite signs nothing."""
        if self._signer is not None:
            self._signer.update(data)

    def footer(self) -> bytes:
        """End the message; return its footer, nothing where the suite signs nothing."""
        return b"" if self._signer is None else self._signer.footer()


def _data_key(keyring: object, context: Mapping[str, str], key_bytes: int, plaintext_bytes: int | None) -> MessageKey:
    checked = checked_message_keyring(keyring)
    if isinstance(checked, MessageKeyReuse):
        return checked.message_key_for(context, key_bytes, plaintext_bytes)
    return checked.new_message_key(context, key_bytes)


def check_context(context: Mapping[str, str], required_keys: Collection[str]) -> None:
    """Refuse reserved names, and required keys that are not there.

    Raises:
        SettingsError: with the names.
    """
    if isinstance(required_keys, str):
        raise SettingsError("required_keys is a text, no list of names", expected='["tenant"]')
    reserved = sorted(str(name) for name in context if str(name).startswith(RESERVED_PREFIX))
    if reserved:
        raise SettingsError(
            "the encryption context uses a reserved name",
            found=", ".join(reserved),
            expected=f"names that do not begin with {RESERVED_PREFIX!r}",
            fix="leave it out: it is added where it belongs",
        )
    missing = sorted(set(required_keys) - set(context))
    if missing:
        raise SettingsError(
            "required keys are not in the encryption context",
            found=", ".join(map(str, missing)) + " missing",
            expected="names of the context",
            fix="give their values in context: they are authenticated, but not stored",
        )
