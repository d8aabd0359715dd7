"""What S3 answers to customer keys (SSE-C), in words: its own are few, and a HEAD has none.

Seen in answers of SeaweedFS and read in the S3 documentation ("Using server-side encryption with customer-provided
keys", "Blocking or unblocking SSE-C for a general purpose bucket", "Error responses"). AWS says AccessDenied for a
wrong key, for a bucket that blocks SSE-C, as new ones do since April 2026, and for a missing permission, which alone
it explains: "… is not authorized to perform …".
"""

from __future__ import annotations

from s3cse.errors import KeyringError
from s3cse.storage.port import Location
from s3cse.storage.s3_errors import S3RequestError
from s3cse.wording import Option, Worded

_OF_SOURCE = ("copy_object", "upload_part_copy")
_READING = ("get_object", "head_object", "get_object_attributes")
_WRITING = ("put_object", "create_multipart_upload", "upload_part")
_BLOCKED = "a bucket that allows SSE-C: new ones block it (PutBucketEncryption, BlockedEncryptionTypes: NONE)"
_NO_PERMISSION = "not authorized"
_NOT_APPLICABLE = "not applicable"
_BAD_REQUEST, _FORBIDDEN, _NOT_IMPLEMENTED = 400, 403, 501
#: Codes under which S3 refuses what it was told of a key; "400" is botocore's for an answer to HEAD.
_ABOUT_KEYS = ("InvalidRequest", "InvalidArgument", "400")
_ENCRYPTION = ("encryption", "customer", "secret key was invalid", "hash of the key", "bad request", "invalid request")


class CustomerKeyError(S3RequestError, KeyringError):
    """S3 refused the customer key that was sent, or the object has none: a KeyringError, and what S3 answered."""


def explained(error: S3RequestError, method: str) -> S3RequestError:
    """Return the error that says what a refusal means for a request with a customer key; others as they are.

    Args:
        error: S3's refusal.
        method: boto3's name of what was asked.
    """
    message = (error.found or "").lower()
    if error.status == _FORBIDDEN and _NO_PERMISSION not in message:
        return _forbidden(error, method)
    if error.status == _NOT_IMPLEMENTED and method == "upload_part_copy":
        return _as_key_error(
            error,
            "this server does not copy parts of objects under customer keys (SSE-C)",
            "UploadPartCopy with keys, as S3 has it",
            "download the object and upload it again",
        )
    if error.status == _BAD_REQUEST and error.code in _ABOUT_KEYS and any(word in message for word in _ENCRYPTION):
        return _refused(error, method, message)
    return error


def _forbidden(error: S3RequestError, method: str) -> S3RequestError:
    if method in _WRITING:
        error.expected, error.fix = _BLOCKED, f"allow SSE-C for the bucket; {error.fix}"
        return error
    copying = method in _OF_SOURCE
    expected = f"the key that {'the source' if copying else 'the object'} was written with, and permission to read it"
    return _as_key_error(
        error,
        "S3 refused access with this customer key (SSE-C)",
        f"{expected}; and {_BLOCKED}" if copying else expected,
        "check which key the object has; if it is the right one, allow this identity s3:GetObject",
    )


def _refused(error: S3RequestError, method: str, message: str) -> S3RequestError:
    if _NOT_APPLICABLE in message or method in ("head_object", *_OF_SOURCE):
        whose = "the source" if method in _OF_SOURCE else "the object"
        return _as_key_error(
            error,
            f"S3 did not take the customer key (SSE-C): most likely {whose} is not under one",
            "an object that was written with this key",
            Worded("s3cse stat shows what it has; read it without {} sse-c if it has none", Option("profile")),
        )
    return _as_key_error(
        error,
        "S3 did not take the customer key (SSE-C)",
        "a request that fits how the object or its upload was encrypted",
        "send the key that the object, or the start of the upload, was given",
    )


def _as_key_error(error: S3RequestError, problem: str, expected: str, fix: str) -> CustomerKeyError:
    return CustomerKeyError(
        problem,
        uri=error.uri,
        found=error.found,
        expected=expected,
        fix=fix,
        status=error.status,
        code=error.code,
        response=error.response,
        operation_name=error.operation_name,
    )


def not_used(location: Location, method: str) -> CustomerKeyError:
    """Return the error for an answer that does not say that the key was used."""
    if method in _READING:
        return CustomerKeyError(
            "the object is not under a customer key (SSE-C)",
            uri=location.uri,
            found="an answer that names no customer key",
            expected="an object that was written with the key that was sent",
            fix=Worded("read it without {} sse-c, or write it again under the key", Option("profile")),
        )
    return CustomerKeyError(
        "the server ignored the customer key (SSE-C): what it took is NOT encrypted with it",
        uri=location.uri,
        found="an answer that names no customer key",
        expected="x-amz-server-side-encryption-customer-algorithm: AES256",
        fix="delete what it stored, and use a server that has SSE-C",
    )
