"""A keyring for commands that may need none: what deletes, lists or copies on the server opens no object."""

from __future__ import annotations

import threading
from typing import Any

from s3cse.crypto.secret import Secret
from s3cse.envelope.model import Envelope
from s3cse.envelope.profiles import Profile
from s3cse.keyrings import CachingKeyring, Claim, DataKey, Keyring
from s3cse.keyrings.configured import KeyringSettings, make_keyring

_MORE = (
    "context", "message_key_for", "new_message_key", "replaces_description", "unwrap_message_key", "wrap_message_key",
)  # fmt: skip


class LateKeyring:
    """The keyring that the settings describe, made when it is first asked for something.

    Raises:
        SettingsError: then, and not before: no key was named, or it cannot be read.
    """

    def __init__(self, settings: KeyringSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._made: CachingKeyring | None = None

    def make(self) -> CachingKeyring:
        """Return the keyring itself, made now if it has not been."""
        with self._lock:
            if self._made is None:
                self._made = CachingKeyring(make_keyring(self._settings))
            return self._made

    @property
    def kind(self) -> str:
        """See Keyring."""
        return self._settings.kind if self._made is None else self._made.kind

    def for_encryption(self, uri: str) -> Keyring:
        """See Keyring."""
        return self.make().for_encryption(uri)

    def new_data_key(self, profile: Profile) -> DataKey:
        """See Keyring."""
        return self.make().new_data_key(profile)

    def unwrap(self, envelope: Envelope) -> Secret:
        """See Keyring."""
        return self.make().unwrap(envelope)

    def claim(self, envelope: Envelope) -> Claim:
        """See Claiming."""
        return self.make().claim(envelope)

    def __getattr__(self, name: str) -> Any:
        """Have what the keyring has beside that: keys of messages, a description that replaces the stored one."""
        if name not in _MORE:  # whoever only looks what kind of thing this is does not have it made
            raise AttributeError(name)
        return getattr(self.make(), name)
