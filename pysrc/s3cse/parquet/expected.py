"""What a table's files are expected to be, where they do not say so themselves before a request is spent.

Picklable, and holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.keyrings.base import Keyring
from s3cse.message.options import MessageOptions
from s3cse.objects.open import OpenObject, open_object
from s3cse.objects.policy import Policy
from s3cse.storage.port import Location, ObjectStore

_DEFAULT_MESSAGE = MessageOptions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How files are opened, beside the policy.

    Args:
        profile: ``sse-c`` or ``encryption-sdk``, as for open_object; others mean nothing here.
        message: of Encryption SDK messages: the context that they must have.
    """

    profile: str | None = None
    message: MessageOptions = _DEFAULT_MESSAGE

    def open(
        self, store: ObjectStore, keyring: Keyring | None, location: Location, policy: Policy, tail_bytes: int
    ) -> OpenObject:
        """Open a file; arguments and errors are those of open_object."""
        return open_object(
            store, keyring, location, policy, profile=self.profile, message=self.message, tail_bytes=tail_bytes
        )


#: Files say themselves what they are.
ANY = Expected()
