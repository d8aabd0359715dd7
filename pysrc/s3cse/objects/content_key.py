"""From the data key that a keyring knows to the key that encrypts the body: the same one, except in format V3.

Source: FORMATS.md section 8.
"""

from __future__ import annotations

import hmac

from s3cse.crypto.commitment import MESSAGE_ID_BYTES, derive
from s3cse.crypto.randomness import random_bytes
from s3cse.crypto.secret import Secret
from s3cse.envelope.model import COMMITTING_IV, Envelope
from s3cse.envelope.profiles import Profile
from s3cse.errors import IntegrityError
from s3cse.keyrings.base import DataKey


def content_key(envelope: Envelope, data_key: Secret) -> Secret:
    """Return the key of an object's body.

    Raises:
        IntegrityError: the object commits to another data key than this.
    """
    if not envelope.content_algorithm.commits:
        return data_key
    derived = derive(data_key, envelope.message_id)
    if not hmac.compare_digest(derived.commitment, envelope.commitment):
        raise IntegrityError(
            "the object commits to another key than the one in its envelope",
            found="a data key that does not give the stored commitment",
            expected="the data key that the object was written with",
            fix="its wrapped key was swapped or damaged: restore the object's metadata or instruction file",
        )
    return derived.content_key


def new_envelope(profile: Profile, data_key: DataKey) -> tuple[Envelope, Secret]:
    """Return the envelope of a new object and the key for its body; never twice for one data key."""
    algorithm = profile.content_algorithm
    message_id = commitment = b""
    iv, key = COMMITTING_IV, data_key.plaintext
    if algorithm.commits:
        message_id = random_bytes(MESSAGE_ID_BYTES)
        derived = derive(data_key.plaintext, message_id)
        key, commitment = derived.content_key, derived.commitment
    else:
        iv = random_bytes(algorithm.iv_bytes)
    envelope = Envelope(
        format=profile.format,
        content_algorithm=algorithm,
        wrap_algorithm=profile.wrap_algorithm,
        encrypted_data_key=data_key.encrypted,
        iv=iv,
        materials_description=data_key.materials_description,
        commitment=commitment,
        message_id=message_id,
    )
    return envelope, key


def index_salt(envelope: Envelope) -> bytes:
    """Return what is unique to an object besides its key: the salt of its index keys (SEGMENTS.md section 2)."""
    return envelope.message_id if envelope.content_algorithm.commits else envelope.iv
