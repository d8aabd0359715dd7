"""encrypt and decrypt: round trips, contexts, policies, and every way of changing a message."""

from __future__ import annotations

import os
from typing import Any

import pytest

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.secret import Secret
from s3cse.errors import EnvelopeError, IntegrityError, KeyringError, PolicyError, S3CSEError, SettingsError
from s3cse.keyrings import AesKeyring, MessageKey, MultiKeyring, ProviderKeyring
from s3cse.message import COMMITTING, COMMITTING_SIGNED, SUITES, Suite, decrypt, encrypt
from s3cse.message.frames import FINAL_OVERHEAD, REGULAR_OVERHEAD
from s3cse.message.signature import PUBLIC_KEY_ENTRY

from .messages import FRAME, KEY, aes_keyring, message_of, unframed_message_of

every_suite = pytest.mark.parametrize("suite", SUITES.values(), ids=str)
written_suite = pytest.mark.parametrize("suite", [COMMITTING, COMMITTING_SIGNED], ids=str)
LENGTHS = [0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 2 * FRAME + 3, 57]


@written_suite
@pytest.mark.parametrize("length", LENGTHS)
def test_round_trip(backend: Backend, suite: Suite, length: int) -> None:
    """What is encrypted is decrypted, by either backend, with the context and the suite that it was given."""
    plaintext = os.urandom(length)
    message = encrypt(plaintext, aes_keyring(), context={"a": "b"}, suite=suite, frame_length=FRAME, backend=backend)
    result = decrypt(message, aes_keyring())
    assert result.plaintext == plaintext
    assert result.header.suite is suite
    assert {name: value for name, value in result.context.items() if name != PUBLIC_KEY_ENTRY} == {"a": "b"}
    assert decrypt(bytearray(message), aes_keyring(), backend=backend).plaintext == plaintext


@every_suite
@pytest.mark.parametrize("length", LENGTHS)
def test_every_suite_is_read(backend: Backend, suite: Suite, length: int) -> None:
    """Also those that are not written."""
    plaintext = os.urandom(length)
    message = message_of(plaintext, suite, context={"a": "b"})
    assert decrypt(message, aes_keyring(), commitment="allow", backend=backend).plaintext == plaintext


@pytest.mark.parametrize("suite", [suite for suite in SUITES.values() if suite.curve is None], ids=str)
@pytest.mark.parametrize("length", [0, 1, 100])
def test_bodies_in_one_piece_are_read(backend: Backend, suite: Suite, length: int) -> None:
    """Old clients wrote them."""
    plaintext = os.urandom(length)
    message = unframed_message_of(plaintext, suite)
    result = decrypt(message, aes_keyring(), commitment="allow", backend=backend)
    assert (result.plaintext, result.header.framed) == (plaintext, False)


def test_a_message_has_the_length_of_its_parts() -> None:
    """Header, body and footer, nothing else: the memory for it is taken once."""
    message = encrypt(bytes(25), aes_keyring(), frame_length=10)
    header_bytes = 1 + 2 + 32 + 2 + 2 + (2 + 5) + (2 + 3 + 8 + 12) + (2 + 48) + 1 + 4 + 32 + 16
    assert len(message) == header_bytes + 25 + 2 * REGULAR_OVERHEAD + FINAL_OVERHEAD


def test_nothing_repeats() -> None:
    """Two messages of one plaintext have no id, key, commitment or ciphertext in common."""
    first, second = (decrypt(encrypt(b"same", aes_keyring()), aes_keyring()).header for _ in range(2))
    assert first.message_id != second.message_id
    assert first.commitment != second.commitment
    assert first.encrypted_data_keys != second.encrypted_data_keys


def test_the_result_does_not_show_its_plaintext() -> None:
    """Not by accident, in a log."""
    assert "secret text" not in repr(decrypt(encrypt(b"secret text", aes_keyring()), aes_keyring()))


# --- encryption context -----------------------------------------------------------------------------------------


def test_a_given_context_must_be_the_messages() -> None:
    """Equal pairs open; another value and a pair that the message has not do not."""
    message = encrypt(b"text", aes_keyring(), context={"tenant": "1", "table": "t"})
    assert decrypt(message, aes_keyring(), context={"tenant": "1"}).plaintext == b"text"
    with pytest.raises(PolicyError, match="other values of tenant"):
        decrypt(message, aes_keyring(), context={"tenant": "2"})
    with pytest.raises(S3CSEError):
        decrypt(message, aes_keyring(), context={"tenant": "1", "more": "x"})


@written_suite
def test_required_keys_are_authenticated_and_not_stored(suite: Suite) -> None:
    """The reader brings their values; without them, or with others, nothing opens."""
    context = {"tenant": "secret tenant", "table": "t"}
    message = encrypt(b"text", aes_keyring(), context=context, required_keys=["tenant"], suite=suite)
    assert b"secret tenant" not in message
    result = decrypt(message, aes_keyring(), context={"tenant": "secret tenant"})
    assert context.items() <= result.context.items()
    assert "tenant" not in result.header.context
    for wrong in (None, {"tenant": "other"}, {"table": "t"}):
        with pytest.raises(KeyringError):
            decrypt(message, aes_keyring(), context=wrong)


def test_required_keys_hold_without_the_wrap_too() -> None:
    """The header's own tag binds them: RSA wraps bind no context."""

    class Unbound:
        """A keyring that looks at no context."""

        def new_message_key(self, context: Any, key_bytes: int) -> MessageKey:
            made = aes_keyring().new_message_key({}, key_bytes)
            return MessageKey(made.plaintext, made.encrypted)

        def wrap_message_key(self, plaintext: Secret, context: Any) -> Any:
            raise NotImplementedError

        def unwrap_message_key(self, encrypted: Any, context: Any, key_bytes: int) -> Secret:
            return aes_keyring().unwrap_message_key(encrypted, {}, key_bytes)

    message = encrypt(b"text", Unbound(), context={"tenant": "1"}, required_keys=["tenant"])
    assert decrypt(message, Unbound(), context={"tenant": "1"}).plaintext == b"text"
    for wrong in (None, {"tenant": "2"}, {"tenant": "1", "more": "x"}):
        with pytest.raises(IntegrityError, match="header does not verify"):
            decrypt(message, Unbound(), context=wrong)


@pytest.mark.parametrize("name", [PUBLIC_KEY_ENTRY, "aws-crypto-", "aws-crypto-anything"])
def test_reserved_names_are_refused(name: str) -> None:
    """To write and to read."""
    for call in (
        lambda: encrypt(b"", aes_keyring(), context={name: "x"}),
        lambda: decrypt(b"", aes_keyring(), context={name: "x"}),
    ):
        with pytest.raises(SettingsError, match="reserved name"):
            call()


@pytest.mark.parametrize("context", [{"a": 1}, {1: "a"}, {"a": "\ud800"}, {"a": "x" * 65_536}, {"a": "x" * 65_530}])
def test_a_context_is_text_that_fits(context: Any) -> None:
    """65,535 bytes with its lengths, and no more."""
    with pytest.raises(SettingsError, match="encryption context"):
        encrypt(b"", aes_keyring(), context=context)


def test_the_longest_context_fits() -> None:
    """Two bytes for the count, two for each length."""
    context = {"a": "x" * (65_535 - 2 - 2 - 1 - 2)}
    assert decrypt(encrypt(b"", aes_keyring(), context=context), aes_keyring()).context == context


@pytest.mark.parametrize("required", [["missing"], "tenant", ["tenant", "missing"]])
def test_required_keys_are_names_of_the_context(required: Any) -> None:
    """A name without a value authenticates nothing."""
    with pytest.raises(SettingsError, match="required"):
        encrypt(b"", aes_keyring(), context={"tenant": "1"}, required_keys=required)


# --- policies ---------------------------------------------------------------------------------------------------


class Untouched:
    """A keyring that must not be asked."""

    def new_message_key(self, context: Any, key_bytes: int) -> Any:
        raise AssertionError

    def wrap_message_key(self, plaintext: Any, context: Any) -> Any:
        raise AssertionError

    def unwrap_message_key(self, encrypted: Any, context: Any, key_bytes: int) -> Any:
        raise AssertionError


@every_suite
def test_commitment_is_required_unless_allowed_away(suite: Suite) -> None:
    """And the keyring is not asked before."""
    message = message_of(b"text", suite)
    if suite.commits:
        assert decrypt(message, aes_keyring()).plaintext == b"text"
        return
    with pytest.raises(PolicyError, match="does not commit"):
        decrypt(message, Untouched())
    with pytest.raises(SettingsError, match="committing suites only"):
        encrypt(b"text", Untouched(), suite=suite)


def test_several_keys_each_open_the_message() -> None:
    """also_wrap gives a message more keys; too many for the reader are refused without asking."""
    keyrings = [aes_keyring(bytes([number]) * 32, f"key {number}") for number in range(3)]
    message = encrypt(b"text", MultiKeyring(keyrings[:1], also_wrap=keyrings[1:]))
    for keyring in (*keyrings, MultiKeyring([*keyrings[::-1]])):
        result = decrypt(message, keyring, max_encrypted_data_keys=3)
        assert (result.plaintext, len(result.header.encrypted_data_keys)) == (b"text", 3)
    with pytest.raises(PolicyError, match="too many"):
        decrypt(message, Untouched(), max_encrypted_data_keys=2)


@pytest.mark.parametrize(
    "options",
    [
        {"commitment": "forbid"},
        {"commitment": ""},
        {"max_encrypted_data_keys": 0},
        {"max_encrypted_data_keys": 65_536},
        {"max_encrypted_data_keys": True},
    ],
)
def test_other_policies_are_refused(options: dict[str, Any]) -> None:
    """A typo is no permission."""
    with pytest.raises(SettingsError):
        decrypt(message_of(b""), Untouched(), **options)


@pytest.mark.parametrize("frame_length", [0, -1, 2**32, 1.5, True, "64 KiB"])
def test_other_frame_lengths_are_refused(frame_length: Any) -> None:
    """The field has four bytes."""
    with pytest.raises(SettingsError, match="frame length"):
        encrypt(b"", Untouched(), frame_length=frame_length)


def test_a_keyring_for_s3_alone_is_refused() -> None:
    """And a raw key without names."""
    for keyring in (object(), AesKeyring(KEY), AesKeyring(KEY, provider_id="p"), AesKeyring(KEY, key_id="k")):
        for call in (lambda k: encrypt(b"", k), lambda k: decrypt(message_of(b""), k)):
            with pytest.raises(SettingsError):
                call(keyring)


def test_a_provider_keyring_is_refused_and_its_provider_not_asked() -> None:
    """It chooses keys by an object's URI and description; the error says which keyrings do."""

    class Provider:
        def for_encrypt(self, uri: str, job: str | None) -> Any:
            raise AssertionError

        def for_decrypt(self, matdesc: Any) -> Any:
            raise AssertionError

    keyring: Any = ProviderKeyring(Provider())
    for call in (lambda: encrypt(b"", keyring), lambda: decrypt(message_of(b""), keyring)):
        with pytest.raises(SettingsError, match="knows no Encryption SDK messages; found ProviderKeyring"):
            call()


def test_raw_keys_do_not_pass_for_kms_keys() -> None:
    """The provider ids of KMS are reserved."""
    with pytest.raises(SettingsError, match="reserved"):
        encrypt(b"", AesKeyring(KEY, provider_id="aws-kms", key_id="k"))


def test_another_key_does_not_open() -> None:
    """With other names, and with the same names."""
    message = encrypt(b"text", aes_keyring())
    for keyring in (
        aes_keyring(bytes(32)),
        aes_keyring(KEY, "other"),
        aes_keyring(KEY, "ke"),
        aes_keyring(KEY, "key2"),
    ):
        with pytest.raises(KeyringError):
            decrypt(message, keyring)


# --- changed messages -------------------------------------------------------------------------------------------


@every_suite
def test_every_changed_byte_is_refused(suite: Suite) -> None:
    """Each byte of header, frames and footer, one at a time."""
    message = message_of(b"twenty-three bytes here", suite, context={"a": "b"})
    for at in range(len(message)):
        changed = bytearray(message)
        changed[at] ^= 0x04
        with pytest.raises(S3CSEError):
            decrypt(changed, aes_keyring(), commitment="allow", max_encrypted_data_keys=65_535)


@every_suite
def test_every_cut_and_every_addition_is_refused(suite: Suite) -> None:
    """A beginning of a message is none, nor is a message with something after it."""
    message = message_of(b"twenty-three bytes here", suite)
    for length in range(len(message)):
        with pytest.raises(S3CSEError):
            decrypt(message[:length], aes_keyring(), commitment="allow")
    for more in (b"\0", message):
        with pytest.raises((EnvelopeError, IntegrityError)):
            decrypt(message + more, aes_keyring(), commitment="allow")


def frames_of(message: bytes, num_regular: int) -> tuple[bytes, list[bytes], bytes]:
    """A message's header, regular frames, and the rest."""
    stride = FRAME + REGULAR_OVERHEAD
    start = message.index(b"\0\0\0\1" + b"\0" * 11 + b"\1")
    starts = [start + stride * number for number in range(num_regular)]
    return message[:start], [message[at : at + stride] for at in starts], message[start + stride * num_regular :]


def test_frames_keep_their_places() -> None:
    """Swapped, repeated, left out, renumbered, or taken from another message under the same data key."""
    header, (one, two), final = frames_of(message_of(bytes(25)), 2)
    assert decrypt(header + one + two + final, aes_keyring()).plaintext == bytes(25)
    renumbered = two[:3] + b"\1" + two[4:]
    for body in (two + one, one + one, one, two, one + two + two, renumbered + two, one + two + final[:4] + final):
        with pytest.raises((EnvelopeError, IntegrityError)):
            decrypt(header + body + final, aes_keyring())


def test_no_frame_is_made_the_last() -> None:
    """A regular frame relabelled as the final one would shorten the plaintext; its own tag says what it is."""
    header, (one, _), _ = frames_of(message_of(bytes(25)), 2)
    relabelled = b"\xff\xff\xff\xff" + one[:16] + FRAME.to_bytes(4, "big") + one[16:]
    with pytest.raises(IntegrityError, match="frame 1 does not verify"):
        decrypt(header + relabelled, aes_keyring())


@every_suite
def test_headers_are_not_exchanged(suite: Suite) -> None:
    """The header of another message, even under the same key, opens no body."""
    first, second = (message_of(bytes(25), suite) for _ in range(2))
    at = len(first) - len(first[first.index(b"\0\0\0\1" + b"\0" * 11 + b"\1") :])
    with pytest.raises(S3CSEError):
        decrypt(second[:at] + first[at:], aes_keyring(), commitment="allow")


def test_a_data_key_that_the_message_does_not_commit_to_is_refused() -> None:
    """The commitment is compared before the header's tag is: another key fails there."""

    class OtherKey(Untouched):
        def unwrap_message_key(self, encrypted: Any, context: Any, key_bytes: int) -> Secret:
            return Secret(bytes(key_bytes))

    with pytest.raises(IntegrityError, match="commits to"):
        decrypt(encrypt(b"text", aes_keyring()), OtherKey())
    with pytest.raises(IntegrityError, match="header does not verify"):
        decrypt(message_of(b"text", SUITES[0x0078]), OtherKey(), commitment="allow")


def test_a_keyring_that_gives_another_length_is_refused() -> None:
    """A data key is as long as the suite says."""

    class Short(Untouched):
        def unwrap_message_key(self, encrypted: Any, context: Any, key_bytes: int) -> Secret:
            return Secret(bytes(key_bytes - 1))

    with pytest.raises(KeyringError, match="another length"):
        decrypt(encrypt(b"text", aes_keyring()), Short())


def test_a_signature_is_not_stripped() -> None:
    """Without its footer a signed message is cut short; relabelled as an unsigned one it has a public key too many."""
    message = encrypt(b"text", aes_keyring(), suite=COMMITTING_SIGNED)
    with pytest.raises(EnvelopeError, match="ends within its footer"):
        decrypt(message[: -(2 + 103)], aes_keyring())
    relabelled = message[:1] + b"\x04" + message[2 : -(2 + 103)]
    with pytest.raises(EnvelopeError, match="public key"):
        decrypt(relabelled, aes_keyring())


def test_the_signature_of_another_message_does_not_fit() -> None:
    """Footers are not exchanged."""
    first, second = (encrypt(b"text", aes_keyring(), suite=COMMITTING_SIGNED) for _ in range(2))
    with pytest.raises(IntegrityError, match="signature"):
        decrypt(first[:-105] + second[-105:], aes_keyring())
