"""What one client was told: the S3 client, the keys, the rules; fixed when it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3cse.client.parameters import NOT_ON_READING, NOT_ON_WRITING, Parameters
from s3cse.envelope.profiles import SSE_C, AnyProfile
from s3cse.keyrings.base import Keyring
from s3cse.message.options import MessageOptions
from s3cse.objects import new_object
from s3cse.objects.describe import Description, describe
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.naming import naming
from s3cse.objects.open import TAIL_BYTES, OpenObject, open_object
from s3cse.objects.policy import Policy
from s3cse.storage.port import Location, StoredObject
from s3cse.storage.s3 import S3Store

_KEYS_SAY = "the client's customer keys say it: leave it out, or make another client"
_CUSTOMER_KEYS = {
    f"{prefix}SSECustomer{name}": _KEYS_SAY for prefix in ("", "CopySource") for name in ("Algorithm", "Key", "KeyMD5")
}


@dataclass(frozen=True, slots=True)
class Setup:
    """See Client."""

    store: S3Store
    parameters: Parameters
    keyring: Keyring | None
    policy: Policy
    profile: str
    storage: str
    suffix: str
    message: MessageOptions

    def reading(self, location: Location, call: str, given: Mapping[str, Any], method: str = "get_object") -> S3Store:
        """Return the store for reading one object with a caller's further parameters, which it checks."""
        self.parameters.check(call, given, method, self.refused(NOT_ON_READING))
        own, shared = self.parameters.reading(given)
        return self.store.sending(shared).sending(own, about=location)

    def writing(self, location: Location, call: str, given: Mapping[str, Any], method: str = "put_object") -> S3Store:
        """Return the store for writing one object with a caller's further parameters, which it checks."""
        self.parameters.check(call, given, method, self.refused(NOT_ON_WRITING))
        own, shared = self.parameters.writing(given)
        return self.store.sending(shared).sending(own, about=location)

    def open(self, store: S3Store, location: Location, tail_bytes: int = TAIL_BYTES) -> OpenObject:
        """Open an object under the client's rules."""
        return open_object(
            store,
            self.keyring,
            location,
            self.policy,
            profile=self.profile,
            message=self.message,
            tail_bytes=tail_bytes,
            instruction_suffix=self.suffix,
        )

    def describe(self, store: S3Store, stored: StoredObject) -> Description:
        """Return what an object whose headers are known is."""
        return describe(
            store,
            stored,
            self.suffix,
            profile=self.profile,
            look=self.policy.plaintext == "refuse",
            max_encrypted_data_keys=self.message.max_encrypted_data_keys,
        )

    def refused(self, parameters: Mapping[str, str]) -> Mapping[str, str]:
        """Return the parameters that make no sense here, each with what to do instead."""
        return {**parameters, **_CUSTOMER_KEYS} if self.profile == SSE_C else parameters

    def wrapping(self, location: Location) -> tuple[Keyring | None, AnyProfile]:
        """Return what wraps the data key of a new object, and what is written with it."""
        with naming(location):  # a keyring that has no key says so, and here for which object
            return new_object.wrapping(self.keyring, self.profile, location.uri)

    def envelope_storage(self, metadata: Mapping[str, str] | None) -> EnvelopeStorage:
        """Return where the envelope of a new object goes, and the user's own metadata with it."""
        return EnvelopeStorage(kind=self.storage, suffix=self.suffix, metadata=dict(metadata or {}))

    def instruction_of(self, location: Location) -> Location:
        """Return where an object's instruction file is, if it has one."""
        return Location(location.bucket, location.key + self.suffix)
