"""A message that is read, up to its verified header.

Source: AWS Encryption SDK specification, client-apis/decrypt.md and framework/default-cmm.md.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.secret import Secret
from s3cse.errors import IntegrityError, KeyringError, PolicyError
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.message_keys import checked_message_keyring
from s3cse.message.cipher import MessageCipher
from s3cse.message.derivation import derive
from s3cse.message.header import Header, read_header
from s3cse.message.input import Input
from s3cse.message.limits import Commitment
from s3cse.message.sealing import check_context
from s3cse.message.signature import SIGNATURE_BYTES, Verifier, verifier_of
from s3cse.message.suites import Suite


@dataclass(frozen=True, slots=True)
class Opened:
    """A message whose header is verified; the body is not yet read.

    Attributes:
        header: as stored.
        context: the whole encryption context: the stored pairs, and those that the caller brought.
        cipher: opens the pieces.
        verifier: of the signature, None where there is none; it has seen the header.
    """

    header: Header
    context: Mapping[str, str]
    cipher: MessageCipher
    verifier: Verifier | None


def open_message(
    source: Input,
    keyring: object,
    context: Mapping[str, str] | None,
    commitment: Commitment,
    max_encrypted_data_keys: int,
    *,
    refuse_signed: bool = False,
    backend: Backend | None = None,
) -> Opened:
    """Read a header, unwrap the data key, verify the commitment and the header, in this order.

    Policies are checked before the keyring is asked.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError: see :func:`s3cse.message.decrypt`.
    """
    checked_message_keyring(keyring)
    check_context(context or {}, ())
    read = read_header(source, max_encrypted_data_keys)
    header = read.header
    _check_commitment(header.suite, commitment)
    if refuse_signed and header.suite.curve is not None:
        raise _signed(header.suite)
    verifier = verifier_of(header.suite, header.context)
    brought = _brought(header, context or {})
    whole = {**header.context, **brought}
    data_key = _data_key(keyring, header, whole)
    keys = derive(header.suite, data_key, header.message_id)
    if not hmac.compare_digest(keys.commitment, header.commitment):
        raise _other_key()
    cipher = MessageCipher(keys.content_key, header.message_id, backend)
    cipher.verify_header(read.iv, read.body + serialized(brought), read.tag)
    if verifier is not None:
        verifier.update(read.raw)
    return Opened(header, whole, cipher, verifier)


def read_footer(source: Input, suite: Suite, verifier: Verifier | None) -> None:
    """Read the footer and verify the signature, where the suite has one, and make sure that nothing follows.

    Raises:
        EnvelopeError: no footer, or something after it.
        IntegrityError: the signature does not verify.
    """
    if verifier is not None and suite.curve is not None:
        length = int.from_bytes(bytes(source.take(2, "footer")), "big")
        # DER integers vary by a byte or two; a signature can be nothing else than about this long.
        signature = bytes(source.take(min(length, 2 * SIGNATURE_BYTES[suite.curve]), "signature"))
        verifier.verify(signature)
    source.check_end()


def _check_commitment(suite: Suite, commitment: Commitment) -> None:
    if commitment == "require" and not suite.commits:
        raise PolicyError(
            "the message's suite does not commit to its key",
            found=f"suite {suite}",
            expected="0x0478 or 0x0578",
            fix='commitment="allow" reads it: such a message can be made to open to two plaintexts under two keys',
        )


def _signed(suite: Suite) -> PolicyError:
    return PolicyError(
        "a signed message would be released before its signature is verified, which stands at its end",
        found=f"suite {suite}",
        expected="a message without signature",
        fix='use decrypt, which verifies first; or signed="release-early", and undo what you did if the end fails',
    )


def _brought(header: Header, context: Mapping[str, str]) -> dict[str, str]:
    """Return the caller's pairs that are not stored; those that are must be equal."""
    other = sorted(name for name, value in context.items() if header.context.get(name, value) != value)
    if other:
        raise PolicyError(
            "the message's encryption context is not the one given",
            found=f"other values of {', '.join(other)}",
            expected="the values given",
            fix="this is another message than the one you asked for, or the context is wrong",
        )
    return {name: value for name, value in context.items() if name not in header.context}


def _data_key(keyring: object, header: Header, context: Mapping[str, str]) -> Secret:
    key_bytes = header.suite.key_bytes
    data_key = checked_message_keyring(keyring).unwrap_message_key(header.encrypted_data_keys, context, key_bytes)
    if len(data_key) != key_bytes:
        raise KeyringError(
            "the keyring gave a data key of another length than the suite's",
            found=f"{len(data_key)} bytes",
            expected=f"{key_bytes} bytes",
            fix="use the keyring that the message was written with",
        )
    return data_key


def _other_key() -> IntegrityError:
    return IntegrityError(
        "the data key is not the one that the message commits to",
        expected="the data key that the message was encrypted with",
        fix="use the right key; with it, the message was changed: restore it from a copy you trust",
    )
