"""The segments of an object that is being written, and the index made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3cse.crypto.index import IndexKeys, seal_index
from s3cse.objects.body import GcmEncryptor

if TYPE_CHECKING:
    from typing_extensions import Buffer


@dataclass(frozen=True, slots=True)
class WrittenSegments:
    """What the index of one object needs besides its values; the keys are secrets, ``segment_bytes`` is not."""

    keys: IndexKeys
    segment_bytes: int
    body: GcmEncryptor

    def index(self, after: Buffer) -> bytes:
        """Return the index of all that is sealed by now; ``after`` is the plaintext that follows it."""
        return seal_index(self.keys, self.segment_bytes, self.body.values(), after)

    def wipe(self) -> None:
        """Overwrite the keys; idempotent."""
        self.keys.wipe()
