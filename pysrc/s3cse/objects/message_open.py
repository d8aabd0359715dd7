"""Opening an object that is an AWS Encryption SDK message: its header from the front, its length from the end.

The order matters, as for the S3 formats: the header's form, the caller's policy, the key service, the commitment and
the header's tag; then the final frame, which authenticates how many frames there are and how long the plaintext is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from s3cse.crypto.ciphers import GCM_IV_BYTES, GCM_TAG_BYTES, Backend
from s3cse.crypto.memory import wipe
from s3cse.errors import EnvelopeError, PolicyError
from s3cse.keyrings.base import Keyring
from s3cse.message.cipher import MessageCipher
from s3cse.message.frames import FINAL_OVERHEAD, Kind, Piece, front_of, not_valid, read_pieces
from s3cse.message.header import Header, read_header
from s3cse.message.input import BufferInput
from s3cse.message.limits import DEFAULT_MAX_PIECE_BYTES
from s3cse.message.opening import open_message
from s3cse.message.options import MessageOptions
from s3cse.message.ranges import Layout, footer_lengths, layout_of, longest_footer
from s3cse.message.signature import Verifier, verifier_of
from s3cse.objects.message_front import Bring, Front
from s3cse.objects.policy import Policy

_SINGLE_FRONT = GCM_IV_BYTES + 8
FINAL_FRONT_BYTES = FINAL_OVERHEAD - GCM_TAG_BYTES


@dataclass(frozen=True, slots=True)
class OpenMessage:
    """A message that was opened; belongs to one process.

    Attributes:
        header: what it says of itself, verified.
        raw_header: the same as it is stored, for signatures.
        cipher: opens the frames; several threads may.
        layout: where they are; None: an old message, whose body is in one piece.
        footer_bytes: what follows the body.
    """

    header: Header
    raw_header: bytes = field(repr=False)
    cipher: MessageCipher = field(repr=False)
    layout: Layout | None
    footer_bytes: int

    @property
    def signed(self) -> bool:
        """Whether a signature at the end is over all of it."""
        return self.header.suite.curve is not None

    @property
    def ranges_verify(self) -> bool:
        """Whether each range of it is verified when its frames are."""
        return self.layout is not None and not self.signed

    def verifier(self) -> Verifier | None:
        """Return a new verifier that has seen the header; None where nothing is signed."""
        verifier = verifier_of(self.header.suite, self.header.context)
        if verifier is not None:
            verifier.update(self.raw_header)
        return verifier

    def __str__(self) -> str:
        return f"Encryption SDK message, suite {self.header.suite}"


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """What the header and the length of a stored message say; **nothing of it is verified**."""

    header: Header
    header_bytes: int
    layouts: tuple[Layout, ...]
    single_bytes: int | None
    footer_bytes: int = 0

    @property
    def plaintext_bytes(self) -> int:
        """Length of the plaintext, as it is said."""
        return self.layouts[0].plaintext_bytes if self.single_bytes is None else self.single_bytes


def look_at(front: Front, size: int, tail: Callable[[int], bytes], max_keys: int, policy: Policy) -> StoredMessage:
    """Read a stored message's header, without a key, and find where its frames are.

    Args:
        size: stored length.
        tail: gives so many of the last stored bytes, or all.
        max_keys: wrapped keys that it may have.

    Raises:
        EnvelopeError: the header is not valid, or does not fit the length.
        PolicyError: the rules refuse it.
    """
    read = read_header(front, max_keys)
    header = read.header
    policy.check_message(header.suite)
    if not header.framed:
        return _single(front, header, read.size, size)
    curve = header.suite.curve
    layouts: list[Layout] = []
    failure: EnvelopeError | None = None
    for footer_bytes in footer_lengths(curve, b"" if curve is None else tail(longest_footer(curve))):
        try:
            layouts.append(layout_of(read.size, header.frame_length, size, footer_bytes))
        except EnvelopeError as error:
            failure = failure or error
    if failure is not None and not layouts:
        raise failure
    # The longest piece is what a reader holds; the last one may be the only one.
    _check_piece(max(header.frame_length if layout.num_regular else layout.final_length for layout in layouts))
    return StoredMessage(header, read.size, tuple(layouts), None)


def _single(front: Front, header: Header, header_bytes: int, size: int) -> StoredMessage:
    length = int.from_bytes(front.take(_SINGLE_FRONT, "length of the body")[GCM_IV_BYTES:], "big")
    footer_bytes = size - header_bytes - _SINGLE_FRONT - length - GCM_TAG_BYTES
    curve = header.suite.curve
    if not (0 < footer_bytes <= longest_footer(curve) if curve else footer_bytes == 0):
        raise not_valid(f"a body of {length} bytes in {size}", "nothing missing, and nothing after its end")
    _check_piece(length)
    return StoredMessage(header, header_bytes, (), length, footer_bytes)


def _check_piece(length: int) -> None:
    if length > DEFAULT_MAX_PIECE_BYTES:
        raise PolicyError(
            "the message's frames are longer than a reader holds in memory",
            found=f"{length} bytes",
            expected=f"at most {DEFAULT_MAX_PIECE_BYTES} bytes",
            fix="download the object as it is, and use s3cse.message.decrypt",
        )


def open_stored(
    front: Front,
    size: int,
    bring: Bring,
    keyring: Keyring,
    policy: Policy,
    options: MessageOptions,
    backend: Backend | None,
) -> tuple[OpenMessage, int]:
    """Open a stored message and return it with the length of its plaintext, which is authentic of one in frames.

    Raises:
        EnvelopeError, PolicyError, KeyringError, IntegrityError: as their names say.
    """
    maximum = options.max_encrypted_data_keys
    found = look_at(front, size, lambda count: bring(max(0, size - count), size), maximum, policy)
    front.rewind()
    # A keyring's own context it looks for itself: of several, each has its own.
    opened = open_message(front, keyring, options.context, "allow", maximum, backend=backend)
    raw_header, cipher = front.before(), opened.cipher
    if found.single_bytes is not None:
        return OpenMessage(found.header, raw_header, cipher, None, found.footer_bytes), found.single_bytes
    layout = _authentic(found, cipher, bring)
    return OpenMessage(found.header, raw_header, cipher, layout, layout.footer_bytes), layout.plaintext_bytes


def _authentic(found: StoredMessage, cipher: MessageCipher, bring: Bring) -> Layout:
    """Return the layout whose final frame opens."""
    layout = found.layouts[0] if len(found.layouts) == 1 else _fitting(found.layouts, bring)
    piece = final_piece(found.header, layout, bring(layout.final_start, layout.body_end))
    scratch = bytearray(piece.length)
    try:
        cipher.open(piece, scratch)
    finally:
        wipe(scratch)
    return layout


def _fitting(layouts: Sequence[Layout], bring: Bring) -> Layout:
    """Return the layout whose final frame says that it is the one; whatever the footer may be, there is one at most.

    Footers differ by 200 bytes, so a few places are looked at, two where frames are longer, however many footers
    somebody has thought out.
    """
    fronts: dict[int, bytes] = {}
    for layout in layouts:
        start = layout.final_start
        if start not in fronts:
            fronts[start] = bring(start, start + FINAL_FRONT_BYTES)
        if _is_final(layout, fronts[start]):
            return layout
    raise _no_final_frame(layouts[0])


def final_piece(header: Header, layout: Layout, stored: bytes | memoryview) -> Piece:
    """Return the final frame, which fills these stored bytes, not yet opened.

    Raises:
        EnvelopeError: they are no final frame, or not this message's.
    """
    if not _is_final(layout, bytes(stored[:FINAL_FRONT_BYTES])):
        raise _no_final_frame(layout)
    return next(read_pieces(BufferInput(stored), header, first_sequence=layout.num_regular + 1))


def _is_final(layout: Layout, front: bytes) -> bool:
    """Whether a frame says that it is the final one, with the number and the length that the layout gives it."""
    wanted = front_of(Kind.FINAL, layout.num_regular + 1, layout.final_length)
    # Not the IV between them: other writers may have chosen another.
    return front[:8] == wanted[:8] and front[-4:] == wanted[-4:]


def _no_final_frame(layout: Layout) -> EnvelopeError:
    return EnvelopeError(
        "the message does not end with its final frame",
        found="other bytes where it must begin",
        expected=f"frame {layout.num_regular + 1} of {layout.final_length} bytes, as the message's length has it",
        fix="it was cut short, or something follows it: restore the whole message",
    )
