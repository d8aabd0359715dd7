"""The one place where errors of boto3, botocore and urllib3 become TransferError, the original as its cause."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError
from urllib3.exceptions import HTTPError

from s3cse.errors import TransferError
from s3cse.storage.port import Location
from s3cse.wording import Option, Worded

_GONE = "the object is gone: list the table again"
_PERMISSION = "allow this identity s3:GetObject, s3:PutObject, s3:ListBucket… on the bucket"
_BUSY = "S3 is throttling: fewer parallel tasks, or try again later"
_CREDENTIALS = "check the credentials that boto3 finds, and the clock"
_REGION = "check the bucket's Region and the endpoint"
_OTHER = "look the error code up in the S3 documentation"
_REPLACED = "it was replaced while it was read: read again to get the new one whole"
#: What to do, by S3's error code; the answers to HEAD have no body, so there botocore gives the status for a code.
_FIXES = {
    "NoSuchBucket": "check the bucket's name and Region",
    "NoSuchKey": _GONE,
    "404": _GONE,
    "InvalidRange": "ask for bytes that the object has: head_object tells its length",
    "304": "it has not changed: what you have is what there is",
    "NoSuchUpload": "the upload was completed or aborted meanwhile: write the object again if it is not there",
    "PreconditionFailed": _REPLACED,
    "412": _REPLACED,
    "AccessDenied": _PERMISSION,
    "403": _PERMISSION,
    "SlowDown": _BUSY,
    "503": _BUSY,
    "InvalidAccessKeyId": _CREDENTIALS,
    "SignatureDoesNotMatch": _CREDENTIALS,
    "ExpiredToken": _CREDENTIALS,
    "RequestTimeTooSkewed": _CREDENTIALS,
    "PermanentRedirect": _REGION,
    "AuthorizationHeaderMalformed": _REGION,
    "301": _REGION,
    # An answer to HEAD, which has no reason in it; see _WANTS_KEY for one to GET.
    "400": Worded("if the object is under a customer key (SSE-C), that must be sent: {} sse-c", Option("profile")),
}
#: In the answer to a request without a key for an object that has one (SSE-C); AWS says InvalidRequest "The object was
#: stored using a form of Server Side Encryption. The correct parameters must be provided …".
_WANTS_KEY = "server side encryption"
_KEY_WANTED = Worded(
    "the object is under a customer key (SSE-C): send it, with {} sse-c and the key", Option("profile")
)


def fix_for(code: str) -> str:
    """Return what a caller can do about this error code."""
    return _FIXES.get(code, _OTHER)


class _Refusal(ClientError):  # type: ignore[misc]  # botocore has no types
    """A ClientError that is made from a text, as the other errors of this package are."""

    def __init__(self, problem: str) -> None:
        Exception.__init__(self, problem)


class S3RequestError(TransferError, _Refusal):
    """S3 refused a request: a TransferError, and the ClientError that callers of boto3 expect.

    ``response`` is what botocore gives: ``error.response["Error"]["Code"]``.
    """

    def __init__(
        self,
        problem: str,
        *,
        uri: str | None = None,
        found: str | None = None,
        expected: str | None = None,
        fix: str | None = None,
        status: int | None = None,
        code: str | None = None,
        response: Mapping[str, Any] | None = None,
        operation_name: str = "",
    ) -> None:
        super().__init__(problem, uri=uri, found=found, expected=expected, fix=fix, status=status, code=code)
        self.response = response or {"Error": {"Code": code or "", "Message": problem}}
        self.repeated = bool(self.response.get("ResponseMetadata", {}).get("RetryAttempts"))
        self.operation_name = operation_name

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle as other exceptions do; ClientError's own way would lose the class."""
        return type(self), (self.problem,), self.__dict__


def refusal(
    location: Location, problem: str, operation_name: str, status: int, code: str, message: str
) -> TransferError:
    """Return the error for what S3 would refuse, and what this package therefore does not ask."""
    return S3RequestError(
        problem,
        uri=location.uri,
        found=f"{code}: {message}",
        expected="no error",
        fix=fix_for(code),
        status=status,
        code=code,
        response={"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}},
        operation_name=operation_name,
    )


@contextmanager
def translated(location: Location, action: str) -> Iterator[None]:
    """Turn the client library's errors inside the block into TransferError.

    Never put a ``yield`` into the block: what the caller throws into a generator is no error of S3.

    Args:
        action: a verb that fits "S3 did not … the object".
    """
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = str(detail.get("Code", ""))
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        message = detail.get("Message") or ""
        raise S3RequestError(
            f"S3 did not {action} the object",
            uri=location.uri,
            found=f"{code}: {message}".rstrip(": "),
            expected="the object as it was when it was opened" if status == 412 else "no error",
            fix=_KEY_WANTED if status == 400 and _WANTS_KEY in message.lower() else fix_for(code),
            status=status,
            code=code,
            response=error.response,
            operation_name=error.operation_name,
        ) from error
    except (NoConnectionError, HTTPClientError, IncompleteReadError, HTTPError) as error:
        raise TransferError(
            f"S3 did not {action} the object: the connection broke",
            uri=location.uri,
            found=f"{type(error).__name__}: {error}",
            expected="a whole answer",
            fix="check the network and the endpoint, then try again",
        ) from error
    except BotoCoreError as error:
        raise TransferError(
            f"S3 could not be asked to {action} the object",
            uri=location.uri,
            found=str(error),
            expected="a valid request with credentials",
            fix="check the credentials, the Region and the endpoint that boto3 finds",
            sent=False,
        ) from error


def cut_short(location: Location, found: int, expected: int) -> TransferError:
    """Return the error for a body that ended early."""
    return TransferError(
        "the body ended early",
        uri=location.uri,
        found=f"{found} bytes",
        expected=f"{expected} bytes",
        fix="try again; if it stays, the object or the connection is damaged",
    )


def replaced(location: Location, found: str, expected: str) -> TransferError:
    """Return the error for a server that ignored If-Match and sent another object than the one that was opened."""
    return TransferError(
        "the answer is of another object than the one that was opened",
        uri=location.uri,
        found=f"ETag {found}",
        expected=f"ETag {expected}",
        fix=_REPLACED,
        status=412,
        code="PreconditionFailed",
    )
