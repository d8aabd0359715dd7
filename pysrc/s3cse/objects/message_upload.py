"""Writing an object that is an AWS Encryption SDK message: frames are sealed from the caller's memory into the parts.

Nothing of a message depends on its length, so parts go to S3 as they fill up. Copies: none, but of frames that begin in
one part and end in another, and of those that come in pieces. Memory: what :mod:`s3cse.objects.streamed_upload` says,
and twice the frame length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from s3cse.crypto.ciphers import Backend
from s3cse.crypto.memory import wipe
from s3cse.envelope.profiles import AnyProfile
from s3cse.message.frames import FINAL_OVERHEAD, MAX_FRAMES, REGULAR_OVERHEAD, FramePlan, Kind, too_many_frames
from s3cse.message.options import MessageOptions
from s3cse.message.sealing import Sealing
from s3cse.message.suites import SUITES
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.message_context import whole_context
from s3cse.objects.naming import naming
from s3cse.objects.streamed_upload import PlainWriter
from s3cse.storage.port import Location, ObjectStore

if TYPE_CHECKING:
    from s3cse.keyrings.base import Keyring

#: Frames that are sealed in one call, in plaintext bytes: an interrupt waits no longer.
_BATCH_BYTES = 1 << 20


class MessageObjectWriter(PlainWriter):
    """One message on its way to S3; see PlainWriter for what is not said here.

    Args:
        keyring: makes and wraps the data key; one call.
        message: frame length, suite and context.
        length: of the plaintext, where it is known. A keyring that reuses data keys does so only then.

    Raises:
        KeyringError: no data key can be had.
        SettingsError: this keyring knows no messages, or the context does not do.
    """

    def __init__(
        self,
        store: ObjectStore,
        location: Location,
        keyring: Keyring,
        profile: AnyProfile,
        *,
        message: MessageOptions,
        length: int | None,
        storage: EnvelopeStorage,
        part_bytes: int,
        backend: Backend | None = None,
    ) -> None:
        self._frame_length = message.frame_length
        with naming(location):
            storage.check(profile)
            self._sealing = Sealing(
                keyring,
                SUITES[message.suite],
                whole_context(keyring, message),
                message.required_keys,
                message.frame_length,
                length,
                backend,
            )
        # A full frame waits here until more comes: only then is it known not to be the last.
        self._waiting = bytearray(message.frame_length)
        self._num_waiting = 0
        self._scratch = bytearray(message.frame_length + FINAL_OVERHEAD)
        self._sequence = 1
        super().__init__(store, location, length=length, storage=storage, part_bytes=part_bytes)
        with memoryview(self._sealing.raw_header) as header:
            self._pipeline.write(header)

    def _stored_bytes(self, length: int) -> int:
        frames = FramePlan(length, self._frame_length)
        return len(self._sealing.raw_header) + frames.body_bytes + self._sealing.footer_bytes

    def _take(self, view: memoryview) -> None:
        at, frame_length = 0, self._frame_length
        while at < len(view):
            if self._num_waiting == frame_length:
                with memoryview(self._waiting) as waiting:
                    self._seal_regular(waiting)
                self._num_waiting = 0
            if self._num_waiting == 0 and len(view) - at > frame_length:
                end = at + (len(view) - at - 1) // frame_length * frame_length
                self._seal_regular(view[at:end])
                at = end
                continue
            count = min(frame_length - self._num_waiting, len(view) - at)
            self._waiting[self._num_waiting : self._num_waiting + count] = view[at : at + count]
            self._num_waiting += count
            at += count

    def _seal_regular(self, frames: memoryview) -> None:
        """Seal whole regular frames: straight into the part where it has room for them."""
        done, stride = 0, self._frame_length + REGULAR_OVERHEAD
        at_once = max(1, _BATCH_BYTES // self._frame_length)
        while done < len(frames):
            left = (len(frames) - done) // self._frame_length
            self._check_count(left)
            with self._pipeline.room() as room:
                count = min(len(room) // stride, left, at_once)
                size = self._seal_frames(frames, done, count, room) if count else 0
            self._pipeline.filled(size)
            if not count:
                count = 1
                with memoryview(self._scratch) as scratch:
                    self._pipeline.write(scratch[: self._seal_frames(frames, done, 1, scratch)])
            self._sequence += count
            done += count * self._frame_length

    def _seal_frames(self, frames: memoryview, start: int, count: int, out: memoryview) -> int:
        with frames[start : start + count * self._frame_length] as plaintext:
            return self._sealing.seal_regular(self._sequence, plaintext, out)

    def _check_count(self, more: int) -> None:
        if self._sequence + more > MAX_FRAMES:
            raise too_many_frames(self._frame_length)

    def _end(self) -> None:
        with memoryview(self._waiting) as waiting, memoryview(self._scratch) as scratch:
            size = self._sealing.seal(Kind.FINAL, self._sequence, waiting[: self._num_waiting], scratch)
            self._pipeline.write(scratch[:size])
        with memoryview(self._sealing.footer()) as footer:
            self._pipeline.write(footer)

    def _close(self) -> None:
        super()._close()
        wipe(self._waiting)
