"""Plaintext to standard output."""

from __future__ import annotations

import sys

from s3cse.client import Client
from s3cse.objects.download import write_all
from s3cse.storage.port import Location


def send(client: Client, place: Location, span: str | None = None) -> None:
    """Write an object, or a range of it (``bytes=0-99``), to standard output, verified as the client's rules say.

    Raises:
        S3CSEError: nothing was written under ``strict``.
        BrokenPipeError: nobody reads any more.
    """
    sys.stdout.flush()
    out = sys.stdout.buffer
    if span is None:
        client.download_fileobj(place.bucket, place.key, out)
    else:
        with client.get_object(Bucket=place.bucket, Key=place.key, Range=span)["Body"] as body:
            while chunk := body.read(1 << 20):
                write_all(out, chunk)
    out.flush()
