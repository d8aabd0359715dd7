"""How a message ends, and that a cipher stays where it is; on both backends."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from s3cse.crypto.ciphers import Backend

from .drive import AAD, IV12, IV16, KEY, Start, feed, finish, gcm_whole, text


def test_a_finished_message_takes_nothing_more(backend: Backend) -> None:
    """After its end a message has no more data and no second end."""
    ended: list[Any] = [backend.gcm_encryptor(KEY, IV12), backend.gcm_decryptor(KEY, IV12)]
    ended[1].finalize(ended[0].finalize())
    ended.append(backend.cbc_encryptor(KEY, IV16))
    ended[-1].finalize_into(bytearray(16))
    ended.append(backend.cbc_decryptor(KEY, IV16, padding=False))
    ended[-1].finalize_into(bytearray(16))
    for cipher in ended:
        with pytest.raises(ValueError, match="finished"):
            cipher.update_into(b"", bytearray())
        with pytest.raises(ValueError, match="finished"):
            finish(cipher)
        cipher.close()


def test_a_closed_cipher_refuses_everything(backend: Backend, start: Start) -> None:
    """Closing twice is fine; every use after it is a ValueError."""
    cipher: Any = start(backend)
    cipher.update_into(bytes(16), bytearray(16))
    cipher.close()
    cipher.close()
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(bytes(16), bytearray(16))
    if hasattr(cipher, "finalize") or hasattr(cipher, "finalize_into"):
        with pytest.raises(ValueError, match="closed"):
            finish(cipher)


def test_leaving_a_with_block_closes(backend: Backend, start: Start) -> None:
    """A with block ends the cipher, also when it ends in an error."""
    with start(backend) as cipher:
        pass
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(b"", bytearray())
    with pytest.raises(KeyError), start(backend) as cipher:
        raise KeyError
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(b"", bytearray())


def test_a_cipher_cannot_travel(backend: Backend, start: Start) -> None:
    """Ciphers are neither pickled nor copied, and their representation shows no key."""
    with start(backend) as cipher:
        with pytest.raises(TypeError, match="pickled"):
            pickle.dumps(cipher)
        with pytest.raises(TypeError, match="pickled"):
            copy.copy(cipher)
        assert KEY.hex()[:8] not in repr(cipher)
        assert repr(KEY)[2:20] not in repr(cipher)


def test_two_messages_do_not_mix(backend: Backend) -> None:
    """Ciphers used in turns keep their own state."""
    data = text(100)
    one, two = backend.gcm_encryptor(KEY, IV12, AAD), backend.gcm_encryptor(KEY[::-1], IV12)
    parts = []
    for at in range(0, 100, 7):
        parts.append(feed(one, data[at : at + 7]))
        feed(two, data[at : at + 7])
    assert b"".join(parts) + one.finalize() == gcm_whole(data)
