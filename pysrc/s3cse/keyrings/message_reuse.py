"""One data key for several messages, within limits: what a writer of many small messages saves calls with.

Source: AWS Encryption SDK specification, framework/caching-cmm.md. Committing suites derive a key of its own for each
message from the data key and a random message id, so no two messages share a key or an IV. What reuse costs is reach:
who gets one data key out of a keyring opens every message under it.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from s3cse.errors import SettingsError
from s3cse.keyrings.encryption_context import serialized
from s3cse.keyrings.message_keys import MessageKey, MessageKeyring

#: Begins the names that a message adds by itself: a signed one has a key pair of its own, so no other is like it.
_OWN_ENTRIES = "aws-crypto-"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseLimits:
    """How often one data key is used for new messages.

    Args:
        max_messages: messages under one data key.
        max_bytes: plaintext under one data key, in bytes. A message of unknown length has a data key of its own.
        max_age: seconds after which there is a new one.

    Raises:
        SettingsError: a limit is not positive.
    """

    max_messages: int = 1000
    max_bytes: int = 1 << 36
    max_age: float = 300.0

    def __post_init__(self) -> None:
        if self.max_messages < 1 or self.max_bytes < 1 or self.max_age <= 0:
            raise SettingsError("limits of reuse are positive", found=repr(self), expected="at least 1, and a time")


@runtime_checkable
class MessageKeyReuse(Protocol):
    """A keyring that may give one data key to several messages; no MessageKeyring has to."""

    def message_key_for(self, context: Mapping[str, str], key_bytes: int, plaintext_bytes: int | None) -> MessageKey:
        """Return a data key for a message of this length, None where it is not known; see MessageKeyring.

        Raises:
            KeyringError, SettingsError: see MessageKeyring.new_message_key.
        """


@dataclass(slots=True)
class _Entry:
    key: MessageKey
    expires: float
    messages: int = 0
    num_bytes: int = 0


@dataclass(slots=True)
class _Entries:
    lock: threading.Lock = field(default_factory=threading.Lock)
    by_context: OrderedDict[tuple[bytes, int], _Entry] = field(default_factory=OrderedDict)


class ReusedKeys:
    """The data keys that one process is writing with, by context and length. A forked child starts with none.

    Args:
        inner: makes them.
        limits: for each.
        max_entries: contexts remembered at most; the least recently used goes first.
        clock: returns seconds; monotonic.
    """

    def __init__(
        self,
        inner: MessageKeyring,
        limits: ReuseLimits,
        max_entries: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._max_entries = max_entries
        self._clock = clock
        self._processes: dict[int, _Entries] = {}

    def key_for(self, context: Mapping[str, str], key_bytes: int, plaintext_bytes: int | None) -> MessageKey:
        """Return a data key that has room for the message, a new one if need be.

        Raises:
            KeyringError, SettingsError: the inner keyring's.
        """
        if plaintext_bytes is None or plaintext_bytes > self._limits.max_bytes or _is_single(context):
            return self._inner.new_message_key(context, key_bytes)
        entries, name = self._of_this_process(), (serialized(context), key_bytes)
        with entries.lock:
            entry = self._usable(entries, name, plaintext_bytes)
            if entry is not None:
                return entry.key
        made = _Entry(self._inner.new_message_key(context, key_bytes), self._clock() + self._limits.max_age)
        made.messages, made.num_bytes = 1, plaintext_bytes
        with entries.lock:  # another thread may have made one meanwhile: the later one stays, both are good
            entries.by_context[name] = made
            entries.by_context.move_to_end(name)
            while len(entries.by_context) > self._max_entries:
                entries.by_context.popitem(last=False)
        return made.key

    def _usable(self, entries: _Entries, name: tuple[bytes, int], plaintext_bytes: int) -> _Entry | None:
        now = self._clock()
        for gone in [known for known, entry in entries.by_context.items() if now >= entry.expires]:
            del entries.by_context[gone]
        entry = entries.by_context.get(name)
        if entry is None:
            return None
        full = entry.messages >= self._limits.max_messages
        if full or entry.num_bytes + plaintext_bytes > self._limits.max_bytes:
            del entries.by_context[name]
            return None
        entry.messages += 1
        entry.num_bytes += plaintext_bytes
        entries.by_context.move_to_end(name)
        return entry

    def _of_this_process(self) -> _Entries:
        # A lock that another thread held during a fork would stay locked in the child for ever; and parent and child
        # would count apart.
        pid = os.getpid()
        if pid not in self._processes:
            for other in [known for known in self._processes if known != pid]:
                self._processes.pop(other, None)
        return self._processes.setdefault(pid, _Entries())


def _is_single(context: Mapping[str, str]) -> bool:
    return any(name.startswith(_OWN_ENTRIES) for name in context)
