"""The flags that say what S3 should know of new objects, as the AWS CLI spells them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from s3cse.errors import SettingsError

_PANEL = "What S3 is told"
ContentType = Annotated[
    str | None, typer.Option("--content-type", metavar="TYPE", help="In place of a guess.", rich_help_panel=_PANEL)
]
NoGuess = Annotated[
    bool,
    typer.Option("--no-guess-mime-type", help="Do not guess the content type by the name.", rich_help_panel=_PANEL),
]
Metadata = Annotated[
    list[str] | None,
    typer.Option(
        "--metadata",
        metavar="NAME=VALUE",
        help="The user's metadata, which is not encrypted. May be repeated.",
        rich_help_panel=_PANEL,
    ),
]
StorageClass = Annotated[
    str | None, typer.Option("--storage-class", metavar="CLASS", help="Like STANDARD_IA.", rich_help_panel=_PANEL)
]
Sse = Annotated[
    str | None,
    typer.Option(
        "--sse",
        metavar="KIND",
        help="Encryption by S3 besides, where the bucket asks for it: AES256 | aws:kms.",
        rich_help_panel=_PANEL,
    ),
]
SseKey = Annotated[
    str | None, typer.Option("--sse-kms-key-id", metavar="KEY", help="Its KMS key.", rich_help_panel=_PANEL)
]


def parameters(
    content_type: str | None,
    metadata: Sequence[str] | None,
    storage_class: str | None,
    sse: str | None,
    sse_kms_key_id: str | None,
) -> dict[str, Any]:
    """Return them as boto3's parameters.

    Raises:
        SettingsError: metadata that is not NAME=VALUE.
    """
    found: dict[str, Any] = {
        "ContentType": content_type,
        "StorageClass": storage_class,
        "ServerSideEncryption": sse,
        "SSEKMSKeyId": sse_kms_key_id,
    }
    if metadata:
        pairs = [text.partition("=") for text in metadata]
        if not all(name and equals for name, equals, _ in pairs):
            raise SettingsError("--metadata is not understood", found=repr(metadata), expected="NAME=VALUE")
        found["Metadata"] = {name: value for name, _, value in pairs}
    return {name: value for name, value in found.items() if value is not None}
