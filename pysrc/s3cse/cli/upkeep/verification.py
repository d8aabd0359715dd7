"""Reading objects to their end to see whether they verify; nothing of them is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from s3cse.cli.interface.spelling import told
from s3cse.cli.work.remote import Remote, taken_back
from s3cse.client import Client
from s3cse.envelope.instruction_file import INSTRUCTION_SUFFIX
from s3cse.envelope.profiles import ENCRYPTION_SDK, SSE_C
from s3cse.errors import EnvelopeError, IntegrityError, PolicyError, S3CSEError
from s3cse.objects.describe import describe
from s3cse.storage.port import Location

if TYPE_CHECKING:
    from typing_extensions import Buffer

VERIFIED, UNAUTHENTICATED, DAMAGED, UNOPENED, HIDDEN = (
    "verified",
    "not authenticated",
    "damaged",
    "cannot be opened",
    "hidden",
)
_HIDDEN_STARTS = ("_", ".")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was seen of one object.

    - VERIFIED: every byte is under a tag that matched.
    - UNAUTHENTICATED: readable, and nothing here vouches for it: AES-CBC, SSE-C, or not encrypted at all.
    - DAMAGED: it does not verify, or what it says of its encryption is not valid.
    - UNOPENED: no key, no permission, or S3 did not send it; nothing is known of it.
    - HIDDEN: not encrypted, under a name that tables do not read (``_SUCCESS``).

    ``plain``: it is not encrypted.
    """

    place: Location
    status: str
    size: int
    remark: str = ""
    plain: bool = False


class _Nothing:
    """Takes bytes and forgets them."""

    def write(self, data: Buffer) -> int:
        return memoryview(data).nbytes


class Verifier:
    """Verifies one object at a time, in any thread, in bounded memory.

    Old key wraps are opened whatever the rules say: whether an object verifies is another question.
    """

    def __init__(self, remote: Remote) -> None:
        self._strict: Client = remote.under(integrity="stream", legacy="wraps", plaintext="refuse")
        self._lax: Client = remote.under(integrity="stream", legacy="allow", plaintext="pass")
        self._by_s3 = remote.options.profile == SSE_C
        self._messages = remote.options.profile == ENCRYPTION_SDK
        self._store = remote.store

    def verify(self, place: Location, size: int, advance: Callable[[int], object]) -> Verdict:
        """Read an object to its end; an error of this package is a verdict.

        Args:
            size: its stored length in bytes.
            advance: told of every piece.
        """
        hidden = place.key.rpartition("/")[2].startswith(_HIDDEN_STARTS)
        try:
            if size == 0 and not self._by_s3:
                return self._empty(place, hidden)
            self._read(self._strict, place, advance)
        except PolicyError as error:
            return self._unauthenticated(place, size, hidden, error, advance)
        except EnvelopeError as error:
            if self._messages and self._is_plain(place):
                return Verdict(place, HIDDEN if hidden else UNAUTHENTICATED, size, error.problem, plain=True)
            return Verdict(place, DAMAGED, size, told(error))
        except IntegrityError as error:
            return Verdict(place, DAMAGED, size, told(error))
        except S3CSEError as error:
            return Verdict(place, UNOPENED, size, told(error))
        if self._by_s3:
            return Verdict(place, UNAUTHENTICATED, size, "S3 encrypts it (SSE-C), and nothing here can verify it")
        return Verdict(place, VERIFIED, size)

    def _empty(self, place: Location, hidden: bool) -> Verdict:
        return Verdict(place, HIDDEN if hidden else UNAUTHENTICATED, 0, "an empty object is not encrypted", plain=True)

    def _is_plain(self, place: Location) -> bool:
        """Whether it neither has an envelope nor begins as a message: an error where messages were named."""
        try:
            stored = self._store.head(place)
            if stored is None:
                return False
            return not describe(self._store, stored, INSTRUCTION_SUFFIX, profile=ENCRYPTION_SDK).encrypted
        except S3CSEError:
            return False

    def _unauthenticated(
        self, place: Location, size: int, hidden: bool, reason: PolicyError, advance: Callable[[int], object]
    ) -> Verdict:
        try:
            self._read(self._lax, place, advance)
        except PolicyError as error:  # commitment=require
            return Verdict(place, UNOPENED, size, told(error))
        except (IntegrityError, EnvelopeError) as error:
            return Verdict(place, DAMAGED, size, told(error))
        except S3CSEError as error:
            return Verdict(place, UNOPENED, size, told(error))
        plain = reason.problem == "the object is not encrypted"
        return Verdict(place, HIDDEN if plain and hidden else UNAUTHENTICATED, size, reason.problem, plain)

    @staticmethod
    def _read(client: Client, place: Location, advance: Callable[[int], object]) -> None:
        with taken_back():
            client.download_fileobj(place.bucket, place.key, _Nothing(), Callback=advance)
