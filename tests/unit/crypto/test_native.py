"""What only the compiled backend promises: threads, forks, memory, statuses."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable

import pytest

from s3cse.crypto import _native, native
from s3cse.crypto.ciphers import Backend
from s3cse.errors import IntegrityError

from .drive import AAD, IV12, IV16, KEY, feed, gcm_whole, in_child, text

BIG = 192 << 20


def test_it_is_one_wheel_for_every_python() -> None:
    """The extension is built against the stable ABI."""
    assert native.NAME == "native"
    assert str(_native.__file__).endswith(".abi3.so")


def test_it_runs_on_openssl_3() -> None:
    """The library in use is at least the one that the headers asked for."""
    assert native.openssl_version() >= 0x30000000


def test_every_status_is_an_exception() -> None:
    """No status of C is missing from the table."""
    statuses = {name for name in dir(_native.lib) if name.startswith("S3CSE_ERROR_")}
    assert {getattr(_native.lib, name) for name in statuses} == set(native._EXCEPTIONS)


def test_the_error_queue_is_empty_after_failures() -> None:
    """Failed tags, bad padding and refusals leave nothing in OpenSSL's queue."""
    with pytest.raises(IntegrityError):
        native.gcm_decryptor(KEY, IV12).finalize(bytes(16))
    assert native.openssl_pending() == 0
    with pytest.raises(IntegrityError):
        native.cbc_decryptor(KEY, IV16).finalize_into(bytearray(16))
    assert native.openssl_pending() == 0
    with pytest.raises(ValueError, match="key"):
        native.ctr_cipher(b"", IV12)
    assert native.openssl_pending() == 0


def test_payload_is_not_copied() -> None:
    """Sixteen megabytes pass through without an allocation of that order in Python."""
    data, out = bytearray(16 << 20), bytearray(16 << 20)
    for cipher in (
        native.gcm_encryptor(KEY, IV12),
        native.gcm_decryptor(KEY, IV12),
        native.ctr_cipher(KEY, IV12),
        native.cbc_encryptor(KEY, IV16),
        native.cbc_decryptor(KEY, IV16),
    ):
        tracemalloc.start()
        cipher.update_into(data, out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 64 << 10


def test_a_failed_start_leaves_nothing_to_close() -> None:
    """A cipher that could not start is no object at all, so its end raises nothing either."""
    for _ in range(3):
        with pytest.raises(ValueError, match="key"):
            native.gcm_encryptor(b"", IV12)
        with pytest.raises(TypeError):
            native.cbc_encryptor("text", IV16)  # type: ignore[arg-type]
    gc.collect()


def test_an_abandoned_cipher_is_freed() -> None:
    """Losing the last reference in the middle of a message releases the C object."""
    for _ in range(1000):
        cipher = native.gcm_encryptor(KEY, IV12)
        cipher.update_into(b"a", bytearray(1))
        del cipher


class Call(threading.Thread):
    """One long update in another thread, with the times at which it began and ended."""

    def __init__(self, cipher: native._Cipher) -> None:
        super().__init__(daemon=True)
        self.cipher = cipher
        self.data = bytearray(BIG)
        self.span = (0.0, 0.0)

    def run(self) -> None:
        before = time.monotonic()
        self.cipher.update_into(self.data, self.data)
        self.span = (before, time.monotonic())

    def begin(self) -> None:
        """Start and return once the call is inside the cipher."""
        self.start()
        while not self.cipher._lock.locked() and self.is_alive():
            time.sleep(0)


def test_the_gil_is_released() -> None:
    """While one call runs in C, another thread runs Python."""
    call = Call(native.gcm_encryptor(KEY, IV12))
    ticks = []
    call.begin()
    while call.is_alive():
        ticks.append(time.monotonic())
    call.join()
    begin, end = call.span
    quarter = (end - begin) / 4
    assert any(begin + quarter < tick < end - quarter for tick in ticks)


def test_close_during_a_call_waits_for_its_end() -> None:
    """Another thread's close neither crashes nor blocks: the call ends well and the cipher is closed then."""
    cipher = native.gcm_encryptor(KEY, IV12)
    call = Call(cipher)
    call.begin()
    cipher.close()
    with pytest.raises(ValueError, match=r"in use|closed"):
        cipher.update_into(b"", bytearray())
    call.join()
    assert call.span[1] > 0
    assert cipher._handle is None
    with pytest.raises(ValueError, match="closed"):
        cipher.update_into(b"", bytearray())


def test_two_calls_at_once_are_refused() -> None:
    """The second of two calls on one cipher is a ValueError, and the first is not disturbed."""
    cipher = native.gcm_encryptor(KEY, IV12)
    call = Call(cipher)
    call.begin()
    if call.is_alive():
        with pytest.raises(ValueError, match="in use"):
            cipher.finalize()
    call.join()
    assert len(cipher.finalize()) == 16


def test_threads_hammering_one_cipher_never_crash() -> None:
    """Updates, ends and closes from many threads give results or ValueErrors, nothing else."""
    wrong: list[BaseException] = []

    def hammer(cipher: native._GcmEncryptor, last: Callable[[], object]) -> None:
        buffer = bytearray(1 << 14)
        try:
            for _ in range(20):
                cipher.update_into(buffer, buffer)
            last()
        except ValueError:
            pass
        except BaseException as error:  # noqa: BLE001 - whatever else it is fails the test
            wrong.append(error)

    for _ in range(50):
        cipher = native.gcm_encryptor(KEY, IV12)
        lasts: list[Callable[[], object]] = [cipher.close, cipher.finalize, cipher.close, cipher.finalize]
        threads = [threading.Thread(target=hammer, args=(cipher, last)) for last in lasts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_ciphers_survive_a_fork(backend: Backend) -> None:
    """A cipher begun in the parent goes on in both, and the child can start its own."""
    data = text(100)
    sealed = gcm_whole(data)
    cipher = backend.gcm_encryptor(KEY, IV12, AAD)
    head = feed(cipher, data[:50])

    def rest() -> bool:
        own = backend.gcm_encryptor(KEY, IV12, AAD)
        alone = feed(own, data) + own.finalize() == sealed
        return alone and head + feed(cipher, data[50:]) + cipher.finalize() == sealed

    assert in_child(rest)
    assert rest()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_during_a_call_does_not_hang_the_child() -> None:
    """Spark forks whatever its threads are doing: the child starts new ciphers, and closes the one in use."""
    cipher = native.gcm_encryptor(KEY, IV12)
    call = Call(cipher)
    call.begin()

    def work() -> bool:
        cipher.close()
        own = native.gcm_encryptor(KEY, IV12, AAD)
        return feed(own, b"abc") + own.finalize() == gcm_whole(b"abc")

    results = [in_child(work) for _ in range(5)]
    call.join()
    assert all(results)
