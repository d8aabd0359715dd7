"""A bounded, expiring cache of unwrapped data keys, for reading; and, where asked for, of new ones for messages.

An object is opened once but read in many ranges and by several threads; without a cache each would cost a call to the
key service (S3A makes one Decrypt per ranged GET). New data keys of S3 objects are never cached: every object gets its
own. Those of Encryption SDK messages are, if limits are given (see message_reuse).
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.keyrings.base import Claim, DataKey, Keyring, claim_of, replaces_description
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.kms_rewrap import KmsSource
from s3cse.keyrings.message_keys import EncryptedDataKey, MessageKey, checked_message_keyring
from s3cse.keyrings.message_reuse import ReusedKeys, ReuseLimits
from s3cse.keyrings.rewrapping import kms_sources


@dataclass(slots=True)
class _Entry:
    """One object's key; ``lock`` makes the first caller ask while the others wait for its answer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    key: Secret | None = None
    expires: float = 0.0
    uses: int = 0


@dataclass(slots=True)
class _Cache:
    """What one process remembers, least recently used first; ``lock`` is held for no longer than a look-up."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    entries: OrderedDict[bytes, _Entry] = field(default_factory=OrderedDict)


class CachingKeyring:
    """Remembers what ``inner`` unwrapped. A forked child starts with an empty cache of its own.

    Args:
        inner: the keyring that does the work.
        max_entries: keys held at most; the least recently used goes first.
        max_age: seconds after which a key is asked for again, so that a revoked permission takes effect.
        max_uses: times a key is handed out before it is asked for again; None: no limit.
        clock: returns seconds; monotonic.
        reuse: limits within which several Encryption SDK messages of one context share a data key; None: each message
            has its own.
    """

    def __init__(
        self,
        inner: Keyring,
        max_entries: int = 1000,
        max_age: float = 300.0,
        max_uses: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        *,
        reuse: ReuseLimits | None = None,
    ) -> None:
        if max_entries < 1 or max_age <= 0 or (max_uses is not None and max_uses < 1):
            raise ValueError("max_entries, max_age and max_uses must be positive")
        self._inner = inner
        self._max_entries = max_entries
        self._max_age = max_age
        self._max_uses = max_uses
        self._clock = clock
        self._caches: dict[int, _Cache] = {}
        self._reused = None
        if reuse is not None:
            self._reused = ReusedKeys(checked_message_keyring(inner), reuse, max_entries, clock)

    @property
    def kind(self) -> str:
        """The inner keyring's kind."""
        return self._inner.kind

    def __repr__(self) -> str:
        return f"CachingKeyring({self._inner!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cache of keys cannot be pickled: make another keyring there")

    @property
    def context(self) -> dict[str, str]:
        """The inner keyring's encryption context of new messages."""
        return dict(getattr(self._inner, "context", None) or {})

    @property
    def replaces_description(self) -> bool:
        """Whether the inner keyring uses no stored context."""
        return replaces_description(self._inner)

    def for_encryption(self, uri: str) -> Keyring:
        """See Keyring; new data keys need no cache."""
        return self._inner.for_encryption(uri)

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring; never cached."""
        return self._inner.new_data_key(profile)

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring; at most one call of the inner keyring at a time for one object. Failures are not remembered."""
        return self._remembered(_identity(envelope), lambda: self._inner.unwrap(envelope))

    def kms_sources(self, envelope: Envelope) -> Sequence[KmsSource]:
        """See KmsSourced; the inner keyring's: KMS gives no data key there that could be remembered."""
        return kms_sources(self._inner, envelope)

    def new_message_key(self, context: Mapping[str, str], key_bytes: int) -> MessageKey:
        """See MessageKeyring; never cached."""
        return checked_message_keyring(self._inner).new_message_key(context, key_bytes)

    def message_key_for(self, context: Mapping[str, str], key_bytes: int, plaintext_bytes: int | None) -> MessageKey:
        """See MessageKeyReuse; a new one where no limits were given."""
        if self._reused is None:
            return self.new_message_key(context, key_bytes)
        return self._reused.key_for(context, key_bytes, plaintext_bytes)

    def wrap_message_key(self, plaintext: Secret, context: Mapping[str, str]) -> tuple[EncryptedDataKey, ...]:
        """See MessageKeyring."""
        return checked_message_keyring(self._inner).wrap_message_key(plaintext, context)

    def unwrap_message_key(
        self, encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int
    ) -> Secret:
        """See MessageKeyring; as for unwrap."""
        inner = checked_message_keyring(self._inner)
        return self._remembered(
            _message_identity(encrypted, context, key_bytes),
            lambda: inner.unwrap_message_key(encrypted, context, key_bytes),
        )

    def _remembered(self, identity: bytes, ask: Callable[[], Secret]) -> Secret:
        entry = self._entry(identity)
        with entry.lock:
            if entry.key is None or self._clock() >= entry.expires or entry.uses == self._max_uses:
                key = ask()
                # The key comes last: from then on another thread may drop the entry by its age.
                entry.expires = self._clock() + self._max_age
                entry.uses = 0
                entry.key = key
            entry.uses += 1
            return entry.key

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming; the inner keyring's."""
        return claim_of(self._inner, envelope)

    def _entry(self, identity: bytes) -> _Entry:
        cache = self._cache()
        with cache.lock:
            self._drop_expired(cache.entries)
            entry = cache.entries.setdefault(identity, _Entry())
            cache.entries.move_to_end(identity)
            while len(cache.entries) > self._max_entries:
                cache.entries.popitem(last=False)
            return entry

    def _cache(self) -> _Cache:
        # A lock that another thread held during a fork would stay locked in the child for ever.
        pid = os.getpid()
        if pid not in self._caches:
            for other in [known for known in self._caches if known != pid]:
                self._caches.pop(other, None)
        return self._caches.setdefault(pid, _Cache())

    def _drop_expired(self, entries: OrderedDict[bytes, _Entry]) -> None:
        # Secrets wipe themselves when the last holder lets go: an expired key does not wait for someone to ask for it.
        now = self._clock()
        gone = [name for name, entry in entries.items() if entry.key is not None and now >= entry.expires]
        for name in gone:
            del entries[name]


def _identity(envelope: Envelope) -> bytes:
    """Return a digest of all the key service would see; fields are length-prefixed, so none can pass for another.

    That is all a data key depends on. The message id and commitment of format V3 come after it: each object derives its
    own key from the data key and checks its own commitment, cached or not.
    """
    context = sorted((envelope.materials_description or {}).items())
    texts = [envelope.format.value, envelope.content_algorithm.value, envelope.wrap_algorithm]
    texts += [text for entry in context for text in entry]
    return _digest(envelope.encrypted_data_key, *(text.encode("utf-8", "surrogatepass") for text in texts))


def _message_identity(encrypted: Sequence[EncryptedDataKey], context: Mapping[str, str], key_bytes: int) -> bytes:
    """Return the same of a message: no envelope's digest has its label in front."""
    pieces = [
        piece for key in encrypted for piece in (key.provider_id.encode("utf-8"), key.provider_info, key.ciphertext)
    ]
    return _digest(b"message", serialized(context), key_bytes.to_bytes(1, "big"), *pieces)


def _digest(*pieces: bytes) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.digest()
