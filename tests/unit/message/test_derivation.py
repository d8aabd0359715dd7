"""Key derivation against HKDF put together otherwise; the published answers are in tests/vectors/test_esdk.py."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from s3cse.crypto.secret import Secret
from s3cse.message.derivation import derive
from s3cse.message.suites import SUITES, Suite

DATA_KEY = bytes(range(32))
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
def test_keys_are_what_hkdf_gives(suite: Suite) -> None:
    """Salt and info are the specification's: transitive-requirements.md."""
    data_key, message_id = DATA_KEY[: suite.key_bytes], bytes(suite.message_id_bytes - 1) + b"\x01"
    keys = derive(suite, Secret(data_key), message_id)
    if suite.hash is None:
        assert (keys.content_key, keys.commitment) == (Secret(data_key), b"")
    elif suite.commits:
        info = suite.id.to_bytes(2, "big") + b"DERIVEKEY"
        content_key = HKDF(HASHES[suite.hash], 32, message_id, info).derive(data_key)
        commitment = HKDF(HASHES[suite.hash], 32, message_id, b"COMMITKEY").derive(data_key)
        assert (keys.content_key, keys.commitment) == (Secret(content_key), commitment)
    else:
        info = suite.id.to_bytes(2, "big") + message_id
        content_key = HKDF(HASHES[suite.hash], suite.key_bytes, None, info).derive(data_key)
        assert (keys.content_key, keys.commitment) == (Secret(content_key), b"")


@pytest.mark.parametrize("suite", SUITES.values(), ids=str)
def test_other_lengths_are_refused(suite: Suite) -> None:
    """A data key or message id of another length derives nothing."""
    message_id = bytes(suite.message_id_bytes)
    for key, ident in ((bytes(suite.key_bytes - 8), message_id), (bytes(suite.key_bytes), message_id[:-1])):
        with pytest.raises(ValueError, match="a data key has"):
            derive(suite, Secret(key), ident)
