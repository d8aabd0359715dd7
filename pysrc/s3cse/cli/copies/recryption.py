"""From S3 to S3: which objects S3 may copy as they are, and which have to be encrypted anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from s3cse.cli.work.crew import Stop
from s3cse.cli.work.remote import Remote
from s3cse.client import Client
from s3cse.envelope.profiles import Profile, find_profile
from s3cse.errors import TransferError
from s3cse.objects.describe import Description, describe
from s3cse.objects.naming import naming
from s3cse.storage.port import Location

_SUFFIX = ".instruction"
_KEPT = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage", "ContentType", "Expires")


class Recryption:
    """Copies on the server where key and format stay what they are, which moves no data and needs no key.

    Args:
        always: encrypt everything anew, with a data key of its own.
        chosen: whether somebody said what format is to be written; else an object keeps its own.
    """

    def __init__(self, source: Remote, target: Remote, *, always: bool, chosen: bool) -> None:
        self._source = source
        self._target = target
        self._always = always or source.options.keyring != target.options.keyring
        self._chosen = chosen
        self._reading: Client = source.streaming()
        self._may_be_plain = source.options.policy.plaintext == "pass"

    @property
    def needs_key(self) -> bool:
        """Whether every object is encrypted anew."""
        return self._always

    def wanted(self, place: Location) -> bool:
        """Whether this object has to be encrypted anew: a HEAD where the answer depends on what it is.

        What is not encrypted, and may be, is encrypted on its way.

        Raises:
            EnvelopeError, TransferError: it cannot be said.
        """
        if self._always or not (self._chosen or self._may_be_plain):
            return self._always
        with naming(place):
            stored = self._source.store.head(place)
            if stored is None:
                raise TransferError("there is no such object", found="nothing", expected="an object", status=404)
            described = describe(self._source.store, stored, _SUFFIX)
        return described.envelope is None or (self._chosen and not self._is_what_is_written(place, described))

    def _is_what_is_written(self, place: Location, described: Description) -> bool:
        options = self._target.options
        profile = find_profile(options.profile, self._target.keyring.for_encryption(place.uri).kind)
        envelope = described.envelope
        if not isinstance(profile, Profile) or envelope is None:
            return False
        same = (envelope.format, envelope.content_algorithm, envelope.wrap_algorithm) == (
            profile.format,
            profile.content_algorithm,
            profile.wrap_algorithm,
        )
        return same and (described.instruction is not None) == (options.storage == "instruction-file")

    def copy(self, place: Location, target: Location, parameters: Mapping[str, Any], stop: Stop) -> None:
        """Decrypt and encrypt on the way, in constant memory; the new object is visible when the old one has verified.

        The user's metadata, content headers and tags come along.

        Raises:
            S3CSEError: nothing of it is visible.
        """
        answer = self._reading.get_object(Bucket=place.bucket, Key=place.key)
        kept: dict[str, Any] = {name: answer[name] for name in _KEPT if answer.get(name) is not None}
        kept["Metadata"] = answer["Metadata"]
        if answer.get("TagCount"):
            tags = self._source.store.ask(
                place, "get_object_tagging", "tell the tags of", Bucket=place.bucket, Key=place.key
            )
            kept["Tagging"] = urlencode([(row["Key"], row["Value"]) for row in tags["TagSet"]])
        with answer["Body"] as body:
            self._target.client.put_object(
                Bucket=target.bucket,
                Key=target.key,
                Body=_Heard(body, stop),
                ContentLength=answer["ContentLength"],
                **{**kept, **parameters},
            )


class _Heard:
    """A body that tells of every piece."""

    def __init__(self, body: Any, stop: Stop) -> None:
        self._body = body
        self._stop = stop

    def read(self, size: int | None = None) -> bytes:
        data: bytes = self._body.read(size)
        self._stop.advance(len(data))
        return data
