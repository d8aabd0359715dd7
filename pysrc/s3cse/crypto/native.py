"""The compiled backend: cffi over csrc, and the only module that imports the extension.

Each cipher owns one C object. A lock that never waits keeps two threads out of it: a call that meets another one in
progress is a ValueError, and a ``close`` that does takes effect when that call ends. So no use of a cipher, however
wrong, reaches freed memory, and nothing can deadlock, not even a signal handler or a fork.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, NoReturn, TypeVar

from s3cse.crypto._native import ffi, lib
from s3cse.crypto.ciphers import BLOCK_BYTES, GCM_TAG_BYTES, check_first_block, check_frames
from s3cse.crypto.segments import VALUE_BYTES, Path, SegmentValue, check_length, check_place, packed
from s3cse.errors import IntegrityError, S3CSEError

if TYPE_CHECKING:  # typing only: the core has no such run-time dependency
    from typing_extensions import Buffer

    from s3cse.crypto._native import CData

NAME = "native"

_C = TypeVar("_C", bound="_Cipher")
_O = TypeVar("_O", bound="_ObjectCipher")

#: Every C status and what it is in Python.
_EXCEPTIONS: dict[int, type[Exception]] = {
    lib.S3CSE_ERROR_ARGUMENT: ValueError,
    lib.S3CSE_ERROR_STATE: ValueError,
    lib.S3CSE_ERROR_SHORT_OUTPUT: ValueError,
    lib.S3CSE_ERROR_OVERLAP: ValueError,
    lib.S3CSE_ERROR_LIMIT: ValueError,
    lib.S3CSE_ERROR_VERIFY: IntegrityError,
    lib.S3CSE_ERROR_MEMORY: MemoryError,
    lib.S3CSE_ERROR_OPENSSL: S3CSEError,
}


def openssl_version() -> int:
    """Return OPENSSL_VERSION_NUMBER of the library that the extension runs on, 0x30000000 or above."""
    version = ffi.new("uint64_t *")
    lib.s3cse_openssl_version(version)
    return int(version[0])


def openssl_pending() -> int:
    """Return the oldest code in this thread's OpenSSL error queue, 0 if it is empty (which it always should be)."""
    code = ffi.new("uint64_t *")
    lib.s3cse_openssl_pending(code)
    return int(code[0])


def _readable(data: Buffer) -> CData:
    try:
        return ffi.from_buffer("uint8_t[]", data)
    except BufferError as exc:
        raise TypeError("the input must be a contiguous buffer of bytes") from exc


def _writable(out: Buffer) -> CData:
    try:
        return ffi.from_buffer("uint8_t[]", out, require_writable=True)
    except BufferError as exc:
        raise TypeError("the output must be a writable contiguous buffer of bytes") from exc


def _raise(status: int, error: CData) -> NoReturn:
    raise _EXCEPTIONS[status](ffi.string(error.message).decode("ascii", "replace"))


def _new(kind: str, function: Callable[..., int], *arguments: object) -> CData:
    handle = ffi.new(kind)
    error = ffi.new("s3cse_error *")
    status = function(handle, *arguments, error)
    if status != lib.S3CSE_OK:
        _raise(status, error)
    made: CData = handle[0]
    return made


class _Cipher:
    """The life of one C object: used by one call at a time, freed once."""

    __slots__ = ("_closed", "_error", "_handle", "_lock")

    _update: ClassVar[Callable[..., int]]
    _free: ClassVar[Callable[..., None]]

    def __init__(self, handle: CData) -> None:
        self._closed = False
        self._handle: CData | None = handle
        self._lock = threading.Lock()
        self._error = ffi.new("s3cse_error *")

    def _call(self, function: Callable[..., int], *arguments: object) -> None:
        if not self._lock.acquire(blocking=False):
            raise ValueError("the cipher is in use by another call")
        try:
            if self._closed:
                raise ValueError("the cipher is closed")
            status = function(self._handle, *arguments, self._error)
            if status != lib.S3CSE_OK:
                _raise(status, self._error)
        finally:
            self._lock.release()
            if self._closed:  # while the call ran: now is the time
                self.close()

    def update_into(self, data: Buffer, out: Buffer) -> int:
        written = ffi.new("size_t *")
        with _readable(data) as source, _writable(out) as target:
            self._call(self._update, target, len(target), written, source, len(source))
        return int(written[0])

    def close(self) -> None:
        self._closed = True
        if not self._lock.acquire(blocking=False):
            return
        try:
            if self._handle is not None:
                self._free(self._handle)
                self._handle = None
        finally:
            self._lock.release()

    def __enter__(self: _C) -> _C:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cipher cannot be pickled: it holds a key")


class _Gcm(_Cipher):
    __slots__ = ()

    _update = lib.s3cse_gcm_update
    _free = lib.s3cse_gcm_free

    def _advance(self, num_bytes: int) -> None:
        """Count bytes as processed without processing them: a test's way to the limit."""
        self._call(lib.s3cse_gcm_advance, num_bytes)


class _GcmEncryptor(_Gcm):
    __slots__ = ()

    def finalize(self) -> bytes:
        tag = bytearray(GCM_TAG_BYTES)
        with _writable(tag) as target:
            self._call(lib.s3cse_gcm_finish_encrypt, target, len(target))
        return bytes(tag)


class _GcmDecryptor(_Gcm):
    __slots__ = ()

    def finalize(self, tag: Buffer) -> None:
        with _readable(tag) as source:
            self._call(lib.s3cse_gcm_finish_decrypt, source, len(source))


class _Ctr(_Cipher):
    __slots__ = ()

    _update = lib.s3cse_ctr_update
    _free = lib.s3cse_ctr_free


class _Cbc(_Cipher):
    __slots__ = ()

    _update = lib.s3cse_cbc_update
    _free = lib.s3cse_cbc_free

    def finalize_into(self, out: Buffer) -> int:
        written = ffi.new("size_t *")
        with _writable(out) as target:
            self._call(lib.s3cse_cbc_finish, target, len(target), written)
        return int(written[0])


class _ObjectCipher:
    """The segments of one object: a C object that threads share, and workers that each call has for itself.

    A worker waits in ``_idle`` between calls, so a thread finds the key schedules made. Nothing here locks: list.pop
    and list.append are atomic, and the C object lives as long as a worker that refers to it.
    """

    __slots__ = ("_idle", "_object", "path")

    def __init__(self, handle: CData) -> None:
        self._object: CData | None = ffi.gc(handle, lib.s3cse_object_free)
        self._idle: list[tuple[CData, CData]] = []
        path = ffi.new("s3cse_path *")
        lib.s3cse_object_path(handle, path)
        self.path: Path = "fused" if path[0] == lib.S3CSE_PATH_FUSED else "ctr+gmac"

    def _shared(self) -> CData:
        shared = self._object
        if shared is None:
            raise ValueError("the cipher is closed")
        return shared

    def _worker(self) -> tuple[CData, CData]:
        shared = self._shared()
        try:
            return self._idle.pop()
        except IndexError:
            worker = _new("s3cse_worker **", lib.s3cse_worker_new, shared)
            return ffi.gc(worker, lib.s3cse_worker_free), shared

    def _call(self, function: Callable[..., int], *arguments: object) -> None:
        worker = self._worker()
        try:
            error = ffi.new("s3cse_error *")
            status = function(worker[0], *arguments, error)
        finally:
            self._idle.append(worker)
            del worker  # so that no traceback keeps it
            if self._object is None:  # closed while the call ran: now is the time
                self._idle.clear()
        if status != lib.S3CSE_OK:
            _raise(status, error)

    def _crypt(self, function: Callable[..., int], offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        value = bytearray(VALUE_BYTES)
        with _readable(data) as source, _writable(out) as target, _writable(value) as s:
            check_place(offset, len(source))
            block = offset // BLOCK_BYTES
            self._call(function, target, len(target), s, len(s), block, source, len(source))
            return _taken(offset, len(source), value)

    def encrypt_segment(self, offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        return self._crypt(lib.s3cse_segment_encrypt, offset, data, out)

    def decrypt_segment(self, offset: int, data: Buffer, out: Buffer) -> SegmentValue:
        return self._crypt(lib.s3cse_segment_decrypt, offset, data, out)

    def hash_segment(self, offset: int, data: Buffer) -> SegmentValue:
        value = bytearray(VALUE_BYTES)
        with _readable(data) as source, _writable(value) as s:
            check_place(offset, len(source))
            self._call(lib.s3cse_segment_hash, s, len(s), source, len(source))
            return _taken(offset, len(source), value)

    def verify_segment(self, expected: SegmentValue, data: Buffer, out: Buffer) -> None:
        block = expected.offset // BLOCK_BYTES
        with _readable(data) as source, _writable(out) as target, _readable(expected.view()) as s:
            check_length(expected, len(source))
            self._call(lib.s3cse_segment_verify, target, len(target), block, source, len(source), s, len(s))

    def tag(self, values: Iterable[SegmentValue]) -> bytes:
        tag = bytearray(GCM_TAG_BYTES)
        with _writable(tag) as target:
            self._combine(lib.s3cse_object_tag, target, values)
        return bytes(tag)

    def verify_tag(self, values: Iterable[SegmentValue], tag: Buffer) -> None:
        with _readable(tag) as source:
            self._combine(lib.s3cse_object_verify, source, values)

    def _combine(self, function: Callable[..., int], tag: CData, values: Iterable[SegmentValue]) -> None:
        error = ffi.new("s3cse_error *")
        with packed(values) as (run, lengths), _readable(run) as s:
            sizes = ffi.new("uint64_t[]", lengths)
            status = function(self._shared(), tag, len(tag), s, len(s), sizes, len(lengths), error)
        if status != lib.S3CSE_OK:
            _raise(status, error)

    def close(self) -> None:
        self._object = None
        self._idle.clear()

    def __enter__(self: _O) -> _O:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a cipher cannot be pickled: it holds a key")


def _taken(offset: int, length: int, value: bytearray) -> SegmentValue:
    taken = SegmentValue(offset, length, value)
    value[:] = bytes(VALUE_BYTES)
    return taken


_PATHS: dict[Path | None, int] = {
    None: lib.S3CSE_PATH_AUTO,
    "fused": lib.S3CSE_PATH_FUSED,
    "ctr+gmac": lib.S3CSE_PATH_CTR_GMAC,
}


def _gcm(direction: int, key: Buffer, iv: Buffer, aad: Buffer) -> CData:
    with _readable(key) as k, _readable(iv) as i, _readable(aad) as a:
        return _new("s3cse_gcm **", lib.s3cse_gcm_new, direction, k, len(k), i, len(i), a, len(a))


def _cbc(direction: int, padding: bool, key: Buffer, iv: Buffer) -> CData:
    with _readable(key) as k, _readable(iv) as i:
        return _new("s3cse_cbc **", lib.s3cse_cbc_new, direction, padding, k, len(k), i, len(i))


def gcm_encryptor(key: Buffer, iv: Buffer, aad: Buffer = b"") -> _GcmEncryptor:
    """Start a GCM message; see :class:`s3cse.crypto.ciphers.Backend`."""
    return _GcmEncryptor(_gcm(lib.S3CSE_ENCRYPT, key, iv, aad))


def gcm_decryptor(key: Buffer, iv: Buffer, aad: Buffer = b"") -> _GcmDecryptor:
    """Start reading a GCM message."""
    return _GcmDecryptor(_gcm(lib.S3CSE_DECRYPT, key, iv, aad))


def ctr_cipher(key: Buffer, iv: Buffer, first_block: int = 0) -> _Ctr:
    """Start at data block ``first_block`` of the GCM message with this IV."""
    check_first_block(first_block)  # before C: a number that no uint64_t holds would be an OverflowError
    with _readable(key) as k, _readable(iv) as i:
        return _Ctr(_new("s3cse_ctr **", lib.s3cse_ctr_new, k, len(k), i, len(i), first_block))


def cbc_encryptor(key: Buffer, iv: Buffer) -> _Cbc:
    """Start a CBC message."""
    return _Cbc(_cbc(lib.S3CSE_ENCRYPT, True, key, iv))


def cbc_decryptor(key: Buffer, iv: Buffer, *, padding: bool = True) -> _Cbc:
    """Start reading a CBC message, or with ``padding=False`` a range of one."""
    return _Cbc(_cbc(lib.S3CSE_DECRYPT, padding, key, iv))


def object_cipher(key: Buffer, iv: Buffer, aad: Buffer = b"", *, path: Path | None = None) -> _ObjectCipher:
    """Start a GCM object in segments."""
    if path not in _PATHS:
        raise ValueError(f"path must be fused, ctr+gmac or None, not {path}")
    with _readable(key) as k, _readable(iv) as i, _readable(aad) as a:
        arguments = (_PATHS[path], k, len(k), i, len(i), a, len(a))
        return _ObjectCipher(_new("s3cse_object **", lib.s3cse_object_new, *arguments))


def _frames(
    function: Callable[..., int],
    key: Buffer,
    message_id: Buffer,
    first_sequence: int,
    frame_length: int,
    data: Buffer,
    out: Buffer,
) -> None:
    check_frames(first_sequence, frame_length)  # before C, as above
    written, error = ffi.new("size_t *"), ffi.new("s3cse_error *")
    with _readable(key) as k, _readable(message_id) as i, _readable(data) as source, _writable(out) as target:
        front = (target, len(target), written, k, len(k), i, len(i))
        status = function(*front, first_sequence, frame_length, source, len(source), error)
    if status != lib.S3CSE_OK:
        _raise(status, error)


def seal_frames(
    key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int, data: Buffer, out: Buffer
) -> None:
    """Encrypt regular frames; see :class:`s3cse.crypto.ciphers.Backend`."""
    _frames(lib.s3cse_frames_seal, key, message_id, first_sequence, frame_length, data, out)


def open_frames(
    key: Buffer, message_id: Buffer, first_sequence: int, frame_length: int, data: Buffer, out: Buffer
) -> None:
    """Decrypt regular frames."""
    _frames(lib.s3cse_frames_open, key, message_id, first_sequence, frame_length, data, out)
