"""The two sides of a migration: what is read, and what is written; both through the machinery of a Client."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from s3cse.client import Client
from s3cse.client.reading import plaintext
from s3cse.client.setup import Setup
from s3cse.crypto.index import SEGMENT_BYTES
from s3cse.envelope.model import WRAP_V1_RSA
from s3cse.envelope.profiles import SSE_C, Profile
from s3cse.errors import PolicyError
from s3cse.objects import put
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.indexed import find_index
from s3cse.objects.message_front import START_BYTES as MESSAGE_START_BYTES
from s3cse.objects.message_front import is_message
from s3cse.objects.new_object import new_object
from s3cse.objects.open import OpenObject
from s3cse.objects.ranges import Span
from s3cse.objects.staged import StagedUpload
from s3cse.objects.stored_bytes import StoredBytes
from s3cse.objects.streamed_upload import PlainWriter
from s3cse.objects.upload import PART_BYTES
from s3cse.objects.writer import Writer
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

if TYPE_CHECKING:
    from typing_extensions import Buffer

#: Objects up to this plaintext length go in one request.
SMALL_BYTES = PART_BYTES


def setup_of(client: Client | Setup) -> Setup:
    """Return what a client was told; what is written here with an index no method of a client writes."""
    return client._setup if isinstance(client, Client) else client


class Side:
    """Reads objects as a client does.

    Args:
        client: with the key and the rules of this side; its integrity does not matter: whole objects are read as they
            arrive, and what is made of them becomes visible only after they have verified.
    """

    def __init__(self, client: Client | Setup) -> None:
        setup = setup_of(client)
        self.setup = replace(setup, policy=replace(setup.policy, integrity="stream"))

    @property
    def store(self) -> S3Store:
        """What reaches S3, with the customer key where there is one."""
        return self.setup.store

    def open(self, location: Location, etag: str) -> OpenObject:
        """Open the object of this ETag: one GET and one call of the key service, as a rule.

        Raises:
            S3CSEError: as open_object; a TransferError of status 412 where it is another object by now.
            PolicyError: what would be taken for plain is a message.
        """
        opened = self.setup.open(self.store.sending({"get_object": {"IfMatch": etag}}, about=location), location)
        if not (opened.encrypted or opened.customer_key) and is_message(_front(opened)):
            raise PolicyError(
                "the object begins as an Encryption SDK message does, and would be migrated as if it were plain",
                found="a message, most likely",
                expected="a plain object",
                fix="say that it is one, and name its key: --from-format encryption-sdk",
            )
        return opened

    def chunks(self, opened: OpenObject) -> Generator[Buffer, None, None]:
        """Yield the plaintext; the verdict, an error, comes with its end."""
        return plaintext(opened, None, "stream")

    def piece(self, opened: OpenObject, start: int, end: int) -> bytes:
        """Return a range of the plaintext, **unverified**: for what is compared later."""
        with closing(plaintext(opened, Span(start, end), "none")) as chunks:
            return b"".join(bytes(chunk) for chunk in chunks)


def _front(opened: OpenObject) -> bytes:
    size = opened.stored.size
    return StoredBytes(opened.store, opened.stored, b"", opened.tail).bring(0, min(MESSAGE_START_BYTES, size))


@dataclass(frozen=True, slots=True)
class Form:
    """What an object is to become.

    Args:
        plain: not encrypted at all.
        index: whether Parquet files get a segment index, where the format has them.
    """

    plain: bool = False
    index: bool = True


class Target(Side):
    """Writes objects as a client does, or plain ones, and reads them back.

    Args:
        client: with key, profile and storage of what is written.
        form: what the client does not say.
    """

    def __init__(self, client: Client | Setup, form: Form) -> None:
        super().__init__(client)
        # What it has written itself it may read, whatever the format.
        rules = {"legacy": "allow", "commitment": "allow", "plaintext": "pass" if form.plain else "refuse"}
        self.setup = replace(self.setup, policy=replace(self.setup.policy, **rules))
        self.form = form

    @property
    def name(self) -> str:
        """What is written, in a word."""
        if self.form.plain:
            return "plain"
        return self.setup.profile + (", instruction file" if self.in_file else "")

    @property
    def in_file(self) -> bool:
        """Whether envelopes go into instruction files."""
        return not self.form.plain and self.setup.storage == "instruction-file"

    def can_index(self, location: Location) -> bool:
        """Whether an object here can have an index."""
        if self.form.plain or not self.form.index:
            return False
        _, profile = self.setup.wrapping(location)
        return isinstance(profile, Profile) and profile.content_algorithm.authenticated

    def is_form_of(self, opened: OpenObject, final: Location) -> bool:
        """Whether an object has the format and the storage that would be written; of its key nothing is said.

        Args:
            final: where it is, or will be.
        """
        if self.form.plain:
            return not opened.encrypted and not opened.customer_key
        if self.setup.profile == SSE_C:
            return opened.customer_key
        _, profile = self.setup.wrapping(final)
        if not isinstance(profile, Profile):
            return opened.message is not None
        envelope = opened.envelope
        return envelope is not None and (
            (envelope.format, envelope.content_algorithm, envelope.wrap_algorithm)
            == (profile.format, profile.content_algorithm, profile.wrap_algorithm)
            and (opened.instruction is not None) == self.in_file
        )

    def tells_no_key(self, final: Location) -> bool:
        """Whether the wrap that is written never says whether a key fits (RSA with PKCS#1 v1.5, of format V1)."""
        if self.form.plain:
            return False
        _, profile = self.setup.wrapping(final)
        return isinstance(profile, Profile) and profile.wrap_algorithm == WRAP_V1_RSA

    def is_indexed(self, opened: OpenObject, after_bytes: int) -> bool:
        """Whether an object carries an index of its own key.

        Args:
            after_bytes: how much plaintext follows it.
        """
        return find_index(opened, after_bytes).body is not None

    def begin(
        self, place: Location, final: Location, length: int, metadata: Mapping[str, str], kept: Mapping[str, Any]
    ) -> Writer:
        """Begin an object that is longer than one request takes, or that gets an index.

        Args:
            place: where it is written.
            final: where it will be: key and profile are chosen for that.
            length: of the plaintext in bytes.
            metadata: the user's.
            kept: further arguments of boto3's put_object.
        """
        store, storage = self._writing(place, kept), self._storage(metadata)
        if self.form.plain:
            return PlainWriter(store, place, length=length, storage=storage, part_bytes=PART_BYTES)
        keyring, profile = self.setup.wrapping(final)
        return new_object(
            store,
            place,
            keyring,
            profile,
            length=length,
            storage=storage,
            segment_bytes=SEGMENT_BYTES if self.can_index(final) else None,
            message=self.setup.message,
        )

    def put(
        self, place: Location, final: Location, body: Buffer, metadata: Mapping[str, str], kept: Mapping[str, Any]
    ) -> None:
        """Write an object that is in memory, in one request; arguments as ``begin``."""
        store, storage = self._writing(place, kept), self._storage(metadata)
        if self.form.plain:
            store.put(place, body, storage.without_envelope(marked=False))
            return
        keyring, profile = self.setup.wrapping(final)
        put.put_object(store, place, keyring, profile, body, storage=storage, message=self.setup.message)

    def publish(self, staged: StagedUpload, place: Location, kept: Mapping[str, Any]) -> None:
        """Make an object visible that was begun."""
        put.publish(self._writing(place, kept), staged)

    def _writing(self, place: Location, kept: Mapping[str, Any]) -> S3Store:
        return self.setup.writing(place, "migrate", kept)

    def _storage(self, metadata: Mapping[str, str]) -> EnvelopeStorage:
        return EnvelopeStorage(metadata=dict(metadata)) if self.form.plain else self.setup.envelope_storage(metadata)
