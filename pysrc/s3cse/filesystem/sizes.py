"""Plaintext sizes in listings, which know stored sizes only.

Under the default rules all objects of the S3 formats that can be read are AES-GCM, and those are 16 bytes longer than
their plaintext: no request is needed for a size that is right. Where the rules let in more (old AES-CBC objects, plain
ones) or messages are written, a stored size does not tell: the size is None then. ``exactSizes`` asks S3 for each
object, and is right for Encryption SDK messages among the others, too.
"""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.crypto.ciphers import GCM_TAG_BYTES
from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C
from s3cse.objects.policy import Policy


@dataclass(frozen=True, slots=True)
class SizeRule:
    """How a filesystem tells plaintext sizes from stored ones."""

    policy: Policy
    profile: str

    @property
    def asking_helps(self) -> bool:
        """Whether S3 may know better than this rule."""
        return self.profile != SSE_C

    def plaintext_bytes(self, stored: int) -> int | None:
        """Return the plaintext length of an object of this stored length, None where only the object can tell.

        What is shorter than a tag is no encrypted object: an empty marker, mostly.
        """
        if self.profile == SSE_C or stored < GCM_TAG_BYTES:
            return stored
        only_gcm = self.policy.legacy != "allow" and self.policy.plaintext == "refuse"
        return stored - GCM_TAG_BYTES if only_gcm and self.profile != ENCRYPTION_SDK else None
