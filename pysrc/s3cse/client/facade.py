"""The client: boto3's method names, parameters and results, over encrypted objects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, NoReturn, cast

from s3cse.client import copying, deleting, downloads, listing, reading, writing
from s3cse.client.multipart import Uploads
from s3cse.client.parameters import Parameters
from s3cse.client.setup import Setup
from s3cse.client.writing import Callback
from s3cse.envelope.profiles import DEFAULT_PROFILE, PROFILE_NAMES, SSE_C
from s3cse.errors import SettingsError
from s3cse.keyrings.base import Keyring
from s3cse.keyrings.customer_keys import CustomerKeys
from s3cse.message.options import MessageOptions
from s3cse.objects.envelope_storage import EnvelopeStorage
from s3cse.objects.policy import Policy
from s3cse.storage.customer_key_store import CustomerKeyStore
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store

# boto3's names, so that a client can take the place of one of boto3's.
# ruff: noqa: N803


class Client:
    """Reads and writes encrypted objects as ``boto3.client("s3")`` does plain ones.

    Methods take boto3's parameters by name and return boto3's shapes. What S3 should be told (``ContentType``,
    ``Tagging``, ``StorageClass``, ``ServerSideEncryption``, ``ChecksumAlgorithm``, ``IfMatch`` …) passes through to the
    requests it belongs to; an unknown parameter is refused before any request. Lengths and ranges are the plaintext's,
    ``Metadata`` is the user's own; ETags, versions, dates and checksums are S3's, of the ciphertext.

    Errors are those of :mod:`s3cse.errors`. What S3 refuses is a TransferError that is also a
    ``botocore.exceptions.ClientError``. An object that the rules or its own envelope exclude raises before anything of
    it is released, and before the key service is asked.

    Several threads may share a client. It belongs to the process that made it, and is not pickled.

    Args:
        s3: a boto3 S3 client, with the credentials, retries, proxies and endpoint that are wanted.
        keyring: wraps and unwraps data keys. Under ``sse-c`` customer keys (OneCustomerKey, DerivedCustomerKeys,
            CustomerKeysByPrefix), which S3 is sent.
        profile: what is written. Reading finds out by itself, but for ``sse-c``; ``encryption-sdk`` says that what has
            no envelope of an S3 format is a message, which saves requests, and makes anything else an error.
        storage: of the envelope: ``metadata`` | ``instruction-file``.
        instruction_suffix: what the name of an instruction file adds to the object's.
        integrity: ``strict`` releases nothing before it is verified. Ranges of GCM objects cost the whole object then.
            ``stream`` releases whole objects as they arrive, and raises in place of the last bytes; ranges are as under
            ``strict``. ``verify-indexed`` releases ranges **unverified**, whole objects verified; ``none`` is both.
            Unsigned messages have a tag for each frame: ranges are verified and cheap, whatever is said here. Under
            ``sse-c`` integrity is S3's affair; naming that profile says that it may be.
        legacy: ``refuse`` | ``wraps`` (old key wraps) | ``allow`` (AES-CBC bodies too, which nothing can verify). Of
            messages: suites that commit to their key | others with a key of their own | all.
        commitment: ``allow`` | ``require`` (only objects that commit to their key).
        plaintext: ``refuse`` | ``pass``: what to do with objects that are not encrypted.
        message: of Encryption SDK messages: frame length, suite, encryption context.

    Raises:
        SettingsError: a value that does not exist, or ``s3`` is no S3 client.
    """

    def __init__(
        self,
        s3: Any,
        keyring: Keyring | CustomerKeys,
        *,
        profile: str = DEFAULT_PROFILE,
        storage: str = "metadata",
        instruction_suffix: str = ".instruction",
        integrity: str = "strict",
        legacy: str = "refuse",
        commitment: str = "allow",
        plaintext: str = "refuse",
        message: MessageOptions | None = None,
    ) -> None:
        if profile not in PROFILE_NAMES:
            raise SettingsError("profile has no such value", found=repr(profile), expected=" | ".join(PROFILE_NAMES))
        EnvelopeStorage(kind=storage, suffix=instruction_suffix)  # refuses what does not exist
        parameters = Parameters(s3)
        store, wrapping = _store_and_keyring(s3, keyring, profile)
        policy = Policy(integrity=integrity, legacy=legacy, commitment=commitment, plaintext=plaintext)
        options = message or MessageOptions()
        self._setup = Setup(store, parameters, wrapping, policy, profile, storage, instruction_suffix, options)
        self._uploads = Uploads(self._setup)

    def __repr__(self) -> str:
        setup, policy = self._setup, self._setup.policy
        kind = None if setup.keyring is None else setup.keyring.kind
        return (
            f"Client(keyring={kind!r}, profile={setup.profile!r}, storage={setup.storage!r}, "
            f"integrity={policy.integrity!r}, legacy={policy.legacy!r}, commitment={policy.commitment!r}, "
            f"plaintext={policy.plaintext!r})"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("a client belongs to its process and cannot be pickled: make another one there")

    def put_object(self, *, Bucket: str, Key: str, Body: Any = b"", **parameters: Any) -> dict[str, Any]:
        """Encrypt and store an object.

        Bytes and short files go in one request, what is longer than 8 MiB in parts, in bounded memory; a file whose
        length nobody knows (a pipe) waits as ciphertext on local disk.

        Args:
            Body: bytes, a buffer, text, or a file open for binary reading, read from where it stands.
            parameters: boto3's; ``ContentLength`` is the plaintext's, ``ContentMD5`` and checksums are refused.

        Raises:
            SettingsError: a parameter that does not exist or make sense, or metadata that does not fit.
            KeyringError: no data key can be had.
            TransferError: S3 did not take it; nothing of it is visible.
        """
        return writing.put_object(self._setup, Location(Bucket, Key), Body, parameters)

    def get_object(self, *, Bucket: str, Key: str, Range: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Open an object; its ``Body`` is read like boto3's.

        One request opens it, brings the end of it along and unwraps its key. The rest is fetched, and verified as
        ``integrity`` says, when the Body is first read: that is where IntegrityError is raised. Memory is bounded: what
        is longer than 48 MiB waits as ciphertext on local disk until it is verified.

        Args:
            Range: ``bytes=0-99`` | ``bytes=100-`` | ``bytes=-16``, in plaintext bytes. Under ``strict`` the whole
                object is fetched and verified for it; of an unsigned message its frames alone.
            parameters: boto3's; ``PartNumber`` is refused.

        Raises:
            EnvelopeError, PolicyError, KeyringError: it is not an object that this client may or can open.
            TransferError: S3 did not send it; ``code`` NoSuchKey, 304, PreconditionFailed, InvalidRange …
        """
        return reading.get_object(self._setup, Location(Bucket, Key), Range, parameters)

    def head_object(self, *, Bucket: str, Key: str, Range: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Describe an object: ``ContentLength`` is the plaintext's, ``Metadata`` the user's.

        Costs one HEAD, a GET if there is an instruction file, and for AES-CBC a GET of the last block and a call of the
        key service, because nothing else says their length.

        Raises:
            EnvelopeError, PolicyError, KeyringError, IntegrityError, TransferError: as get_object.
        """
        return reading.head_object(self._setup, Location(Bucket, Key), Range, parameters)

    def upload_fileobj(
        self,
        Fileobj: Any,
        Bucket: str,
        Key: str,
        ExtraArgs: Mapping[str, Any] | None = None,
        Callback: Callback | None = None,
        Config: Any = None,
    ) -> None:
        """Encrypt and store what is left in a file, or comes through a pipe, in bounded memory.

        Args:
            Fileobj: open for binary reading; the length need not be known.
            ExtraArgs: parameters of put_object, ``Metadata`` among them.
            Callback: called with the number of plaintext bytes taken since the last call.
            Config: of its settings only ``multipart_chunksize`` counts, rounded up to whole cipher blocks.
        """
        writing.upload(self._setup, Location(Bucket, Key), Fileobj, "upload_fileobj", ExtraArgs, Callback, Config)

    def upload_file(
        self,
        Filename: str | os.PathLike[str],
        Bucket: str,
        Key: str,
        ExtraArgs: Mapping[str, Any] | None = None,
        Callback: Callback | None = None,
        Config: Any = None,
    ) -> None:
        """Encrypt and store a local file; see upload_fileobj."""
        with open(Filename, "rb") as file:
            writing.upload(self._setup, Location(Bucket, Key), file, "upload_file", ExtraArgs, Callback, Config)

    def download_fileobj(
        self,
        Bucket: str,
        Key: str,
        Fileobj: Any,
        ExtraArgs: Mapping[str, Any] | None = None,
        Callback: Callback | None = None,
        Config: Any = None,
    ) -> None:
        """Write an object's plaintext to a file that is open for binary writing; after it has verified.

        Under ``stream`` and ``none``, and for AES-CBC and plain objects, it is written while it arrives. Of a message
        each frame is written when it is verified; under ``strict`` a signed one after its signature.

        Args:
            ExtraArgs: parameters of get_object.
            Callback: called with the number of bytes written since the last call.
            Config: of its settings only ``multipart_threshold`` counts: so many stored bytes, 64 KiB to 8 MiB, come
                with the request that opens the object, so a short one takes no other.
        """
        downloads.download_fileobj(self._setup, Location(Bucket, Key), Fileobj, ExtraArgs, Callback, Config)

    def download_file(
        self,
        Bucket: str,
        Key: str,
        Filename: str | os.PathLike[str],
        ExtraArgs: Mapping[str, Any] | None = None,
        Callback: Callback | None = None,
        Config: Any = None,
    ) -> None:
        """Write an object's plaintext to a local file, whole or not at all.

        It is written beside the target, with the target's permissions, and takes its place when it is complete and
        verified; whatever fails, the target stays as it was. Other arguments as download_fileobj.
        """
        downloads.download_file(self._setup, Location(Bucket, Key), Filename, ExtraArgs, Callback, Config)

    def copy_object(self, *, Bucket: str, Key: str, CopySource: Any, **parameters: Any) -> dict[str, Any]:
        """Let S3 copy an object's ciphertext with its envelope, and its instruction file; no key is used.

        ``MetadataDirective="REPLACE"`` replaces the user's metadata and keeps the envelope. Objects above 5 GiB are
        copied in parts. The source is held by its ETag, so it cannot change in between. An instruction file that the
        target had goes, where the source has none: a HEAD finds out. Another object of that name stays.

        Raises:
            PolicyError: the source is not encrypted, and ``plaintext`` is ``refuse``.
            SettingsError: ``VersionId`` is not the current version of an object with an instruction file.
            UnsettledError: S3 may still copy it, and the new instruction file is in place: copy it again.
            TransferError: S3 did not copy it. Or the message says that it did, and that beside a plain copy there is an
                instruction file that could not be deleted, or another object in the place of one.
        """
        return copying.copy_object(self._setup, Location(Bucket, Key), CopySource, parameters)

    def delete_object(self, *, Bucket: str, Key: str, **parameters: Any) -> dict[str, Any]:
        """Delete an object, then the instruction file beside it, if there is one.

        One request more than the two deletions: the file is looked at first (HEAD), and deleted only if it still is the
        same then. One that somebody puts there meanwhile stays, because it is that of a new object. Without a file that
        HEAD takes the place of the second deletion. Where S3 refuses the HEAD, as without ``s3:GetObject`` or
        ``s3:ListBucket``, whatever is in the file's place is deleted.

        With ``VersionId`` only that version of the object: which version of the file belongs to it nobody knows.
        """
        return deleting.delete_object(self._setup, Location(Bucket, Key), parameters)

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any], **parameters: Any) -> dict[str, Any]:
        """Delete objects, then the instruction files of those that were deleted without a ``VersionId``.

        The files are looked at first, as by delete_object: a HEAD for each object, several at once, beside the one or
        two requests for all of them.
        """
        return deleting.delete_objects(self._setup, Bucket, Delete, parameters)

    def list_objects_v2(self, *, Bucket: str, PlaintextSizes: bool = False, **parameters: Any) -> dict[str, Any]:
        """List objects as S3 does: ``Size`` is the stored length, instruction files are among them.

        Args:
            PlaintextSizes: make ``Size`` the plaintext's and keep S3's as ``StoredSize``, and leave instruction files
                out. Costs what head_object costs for each object; plain objects are listed whatever ``plaintext`` says.
        """
        return listing.list_objects_v2(self._setup, Bucket, PlaintextSizes, parameters)

    def create_multipart_upload(
        self,
        *,
        Bucket: str,
        Key: str,
        PlaintextLength: int | None = None,
        PartSize: int | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Begin an upload in parts that the caller cuts; it lives in this client and this process.

        Args:
            PlaintextLength: of the whole object in bytes. Where it is not known, use upload_fileobj; under ``sse-c``
                neither need be said.
            PartSize: of every part but the last in bytes, a multiple of 16, and of a message's frame length, from 5 MiB
                to 5 GiB.
        """
        return self._uploads.create(Location(Bucket, Key), PlaintextLength, PartSize, parameters)

    def upload_part(
        self, *, Bucket: str, Key: str, UploadId: str, PartNumber: int, Body: Any = b"", **parameters: Any
    ) -> dict[str, Any]:
        """Encrypt and send one part, exactly as long as was said at the start.

        AES-GCM: in any order, from any threads, but the last one when all others are in. Messages, and SSE-C: in any
        order. AES-CBC: in order. A part may be sent again with the same content only, but under SSE-C. Memory: two
        parts, of messages three.

        Raises:
            SettingsError: a wrong length, another content, not its turn, or no such upload; nothing was sent.
            TransferError: S3 did not take it: send it again.
        """
        return self._uploads.send(Location(Bucket, Key), UploadId, PartNumber, Body, parameters)

    def complete_multipart_upload(
        self, *, Bucket: str, Key: str, UploadId: str, MultipartUpload: Any = None, **parameters: Any
    ) -> dict[str, Any]:
        """Make the object visible and wipe its key; may be repeated after an error.

        Args:
            MultipartUpload: boto3's list of parts; the client knows them, so it may be left out.

        Raises:
            SettingsError: parts are missing, or the list is not that of the upload.
            UnsettledError: S3 may still complete it, and the new instruction file is in place: repeat it, or abort.
            TransferError: S3 did not complete it.
        """
        return self._uploads.complete(Location(Bucket, Key), UploadId, MultipartUpload, parameters)

    def abort_multipart_upload(self, *, Bucket: str, Key: str, UploadId: str, **parameters: Any) -> dict[str, Any]:
        """Wipe the upload's key and drop its parts; also uploads that this client has not begun.

        After a completion that was not settled, the instruction file that was there before is put back. May be repeated
        after an error.
        """
        return self._uploads.abort(Location(Bucket, Key), UploadId, parameters)


def _store_and_keyring(s3: Any, keyring: object, profile: str) -> tuple[S3Store, Keyring | None]:
    """Return what talks to S3, and what wraps data keys: nothing under SSE-C, where S3 is sent the key."""
    if profile != SSE_C:
        if isinstance(keyring, CustomerKeys):
            raise SettingsError(
                f"customer keys are sent to S3, and wrap nothing for profile {profile!r}",
                found=type(keyring).__name__,
                expected=f"a keyring, or profile {SSE_C!r}",
            )
        return S3Store(s3), cast(Keyring, keyring)
    if not isinstance(keyring, CustomerKeys):
        raise SettingsError(
            f"profile {SSE_C!r} needs customer keys, which S3 is sent",
            found=type(keyring).__name__,
            expected="OneCustomerKey, DerivedCustomerKeys or CustomerKeysByPrefix",
            fix="a keyring wraps data keys, which never leave: choose another profile for it",
        )
    return CustomerKeyStore(s3, keyring), None
