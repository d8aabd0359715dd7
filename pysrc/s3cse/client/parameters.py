"""boto3's parameters: which ones there are, which make no sense on ciphertext, and which request each goes to.

What an operation takes is asked of the client itself (botocore's service model), so parameters that S3 gets one day
work when botocore knows them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from s3cse.errors import SettingsError

#: The operation of each method of boto3's that is used here.
_OPERATIONS = {
    "put_object": "PutObject",
    "get_object": "GetObject",
    "head_object": "HeadObject",
    "copy_object": "CopyObject",
    "delete_object": "DeleteObject",
    "delete_objects": "DeleteObjects",
    "list_objects_v2": "ListObjectsV2",
    "get_object_tagging": "GetObjectTagging",
    "create_multipart_upload": "CreateMultipartUpload",
    "upload_part": "UploadPart",
    "upload_part_copy": "UploadPartCopy",
    "complete_multipart_upload": "CompleteMultipartUpload",
    "abort_multipart_upload": "AbortMultipartUpload",
}
READING = ("get_object", "head_object")
WRITING = (
    "put_object",
    "create_multipart_upload",
    "upload_part",
    "complete_multipart_upload",
    "abort_multipart_upload",
)

_CONDITIONS = ("IfMatch", "IfNoneMatch", "IfModifiedSince", "IfUnmodifiedSince")
#: Said of the object when it is read, and not true of its instruction file.
_OF_READ_OBJECT = (*_CONDITIONS, "VersionId", "ChecksumMode")
#: Said of the object when it is written. Who may read it, how it is protected and tagged is true of the file as well.
_OF_WRITTEN_OBJECT = (
    *_CONDITIONS,
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "StorageClass",
    "WebsiteRedirectLocation",
)
_ON_CIPHERTEXT = "S3 would compare it with the ciphertext: leave it out, botocore protects what it sends by itself"
_ALGORITHMS = ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256", "SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128")
#: Parameters that are refused, and what to do instead.
NOT_ON_WRITING = {
    "ContentMD5": _ON_CIPHERTEXT,
    **{f"Checksum{name}": _ON_CIPHERTEXT for name in _ALGORITHMS},
    "WriteOffsetBytes": "an encrypted object cannot be appended to: write it again",
    "MpuObjectSize": "the client knows the stored length: leave it out",
}
NOT_ON_READING = {"PartNumber": "the parts of an encrypted object are no units of its plaintext: use Range"}

Arguments = Mapping[str, Mapping[str, Any]]


class Parameters:
    """What the methods of one botocore S3 client take.

    Raises:
        SettingsError: it is no botocore S3 client.
    """

    def __init__(self, client: Any) -> None:
        try:
            self._model = client.meta.service_model
            service = self._model.service_name
        except AttributeError:
            service = type(client).__name__
        if service != "s3":
            raise SettingsError(
                "s3 is no S3 client",
                found=str(service),
                expected='boto3.client("s3")',
                fix="of a boto3 resource, give resource.meta.client",
            )

    def of(self, method: str) -> frozenset[str]:
        """Return the names of the parameters that a method of boto3's takes."""
        return frozenset(self._model.operation_model(_OPERATIONS[method]).input_shape.members)

    def check(self, call: str, given: Iterable[str], method: str, refused: Mapping[str, str]) -> None:
        """Refuse parameters that do not exist or make no sense, before any request.

        Args:
            call: the method that was called.
            given: names of its further parameters.
            method: the method of boto3's whose parameters it takes.
            refused: names of those that make no sense on encrypted objects, each with what to do instead.

        Raises:
            SettingsError: naming the parameter.
        """
        known = self.of(method)
        for name in given:
            if name in refused:
                raise SettingsError(f"{call} does not take {name} for an encrypted object", fix=refused[name])
            if name not in known:
                close = get_close_matches(name, known, 1)
                raise SettingsError(
                    f"{call} has no parameter {name!r}",
                    expected=close[0] if close else f"a parameter of boto3's {method}",
                    fix="correct its name, or update boto3 if S3 has it",
                )

    def reading(self, given: Mapping[str, Any]) -> tuple[Arguments, Arguments]:
        """Return what goes with the requests about the object that is read, and what goes with all."""
        own = {name: value for name, value in given.items() if _only_on_reading(name)}
        shared = {name: value for name, value in given.items() if not _only_on_reading(name)}
        return self._routed(own, READING), self._routed(shared, READING)

    def writing(self, given: Mapping[str, Any]) -> tuple[Arguments, Arguments]:
        """Return what goes with the requests about the object that is written, and what goes with all.

        The condition of a write belongs to the request that makes the object visible. What also has to be said when
        something is read meanwhile (whose bucket it is, who pays, the key of SSE-C) goes along there.
        """
        own = {name: value for name, value in given.items() if name in _OF_WRITTEN_OBJECT}
        shared = {name: value for name, value in given.items() if name not in _OF_WRITTEN_OBJECT}
        return self._routed(own, WRITING), self._routed(shared, (*WRITING, *READING, "delete_object", "delete_objects"))

    def _routed(self, given: Mapping[str, Any], methods: Iterable[str]) -> Arguments:
        return {method: self.taken(given, method) for method in methods}

    def taken(self, given: Mapping[str, Any], method: str) -> dict[str, Any]:
        """Return those of the given parameters that a method of boto3's takes."""
        known = self.of(method)
        return {name: value for name, value in given.items() if name in known}


def _only_on_reading(name: str) -> bool:
    return name in _OF_READ_OBJECT or name.startswith("Response")
