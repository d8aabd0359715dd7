"""A boto3-like S3 client with one object, whose answers a test can bend."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

BODY = bytes(range(256)) * 16
ETAG = '"etag"'


class Body(io.BytesIO):
    """A body that raises ``error`` when ``good`` bytes were read (None: at its end it ends)."""

    def __init__(self, data: bytes, good: int | None = None, error: Exception | None = None) -> None:
        super().__init__(data if good is None else data[:good])
        self.error = error

    def readinto(self, out: Any) -> int:
        count = super().readinto(out)
        if not count and self.error is not None:
            raise self.error
        return count


class FakeClient:
    """``bend`` gets each answer of GetObject and returns what is sent in its place."""

    def __init__(self, body: bytes = BODY, bend: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None) -> None:
        self.body = body
        self.bend = bend
        self.requests: list[dict[str, Any]] = []
        self.bodies: list[Body] = []

    def head_object(self, **arguments: Any) -> dict[str, Any]:
        self.requests.append(arguments)
        return {**status(200), "ContentLength": len(self.body), "ETag": ETAG, "Metadata": {"a": "b"}}

    def get_object(self, **arguments: Any) -> dict[str, Any]:
        self.requests.append(arguments)
        first, _, last = arguments["Range"].removeprefix("bytes=").partition("-")
        size = len(self.body)
        start = max(size - int(last), 0) if not first else int(first)
        end = size if not first else min(int(last) + 1, size)
        answer = self.answer(start, end)
        if self.bend is not None:
            answer = self.bend(arguments, answer)
        self.bodies.append(answer["Body"])
        return answer

    def answer(self, start: int, end: int) -> dict[str, Any]:
        """Return a proper 206."""
        return {
            **status(206),
            "ContentRange": f"bytes {start}-{end - 1}/{len(self.body)}",
            "ContentLength": end - start,
            "ETag": ETAG,
            "Metadata": {"a": "b"},
            "Body": Body(self.body[start:end]),
        }

    def whole(self) -> dict[str, Any]:
        """Return a 200 with everything."""
        answer = self.answer(0, len(self.body)) | status(200)
        del answer["ContentRange"]
        return answer


def status(code: int) -> dict[str, Any]:
    """Return the part of an answer that holds the HTTP status."""
    return {"ResponseMetadata": {"HTTPStatusCode": code}}


def refusal(code: str, http: int, operation: str = "GetObject") -> ClientError:
    """Return what botocore raises for an S3 error."""
    response = {"Error": {"Code": code, "Message": "because"}, **status(http)}
    return ClientError(response, operation)  # type: ignore[arg-type]
