"""COPY and UNLOAD statements. They hold the key, because Redshift wants it there, and show it only when asked to.

Sources, below https://docs.aws.amazon.com/redshift/latest/dg/: r_COPY.html, r_UNLOAD.html,
c_loading-encrypted-files.html, t_unloading_encrypted_files.html. The first two also say that Redshift took client-side
encryption away: from new customers on April 30, 2025, from all on April 30, 2026.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from s3cse.errors import SettingsError
from s3cse.services.redshift.encryption import Encryption, ServerSide
from s3cse.services.redshift.layout import CopyLayout, UnloadLayout
from s3cse.services.redshift.root_key import RootKey
from s3cse.services.redshift.sql import identifier, literal, qualified, quoted_query
from s3cse.storage.port import Location

#: What stands in the place of the key wherever a statement is shown.
REDACTED = "<redacted>"
#: UNLOAD's limits (https://docs.aws.amazon.com/redshift/latest/dg/r_UNLOAD.html).
_MIN_MAXFILESIZE_MB, _MAX_MAXFILESIZE_MB = 5, 6200
_DEFAULT_UNLOAD = UnloadLayout()
_KEY = "MASTER_SYMMETRIC_KEY"


class Statement:
    """One statement for Redshift. ``str`` and ``repr`` show it without the key; it cannot be pickled.

    Args:
        lines: of the statement; the one that names the key is left out.
        key: goes in after ``key_at`` lines; None: there is none.
    """

    def __init__(self, lines: Sequence[str], key: RootKey | None = None, key_at: int = 0) -> None:
        self._lines, self._key, self._key_at = tuple(lines), key, key_at

    def reveal(self) -> str:
        """Return the statement that Redshift executes, with the key in it.

        Do not print or log it. Redshift keeps it in its history of queries, for everybody who may look there
        (docs/redshift.md).
        """
        return self._text(None if self._key is None else self._key.reveal())

    def redact(self, text: str) -> str:
        """Return somebody's text about this statement without the key that it may repeat."""
        if self._key is None:
            return text
        key = self._key.reveal()
        return text.replace(key, REDACTED).replace(key.replace("/", "\\/"), REDACTED)  # JSON may escape a slash

    @property
    def has_key(self) -> bool:
        """Whether there is something to hide."""
        return self._key is not None

    def _text(self, key: str | None) -> str:
        lines = list(self._lines)
        if key is not None:
            lines.insert(self._key_at, f"{_KEY} '{key}' ENCRYPTED")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self._text(None if self._key is None else REDACTED)

    def __repr__(self) -> str:
        return f"<Statement {str(self)!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a statement may hold a key and cannot be pickled: make it where it is executed")


def copy_statement(
    table: str,
    manifest: Location | str,
    *,
    encryption: Encryption,
    iam_role: str,
    layout: CopyLayout,
    columns: Sequence[str] = (),
    schema: str | None = None,
    region: str | None = None,
) -> Statement:
    """Return the COPY statement that loads the files of a manifest.

    Args:
        table: in Redshift; its name alone.
        manifest: where it is; COPY takes no encrypted one.
        encryption: as the files were written.
        iam_role: ARN of a role that the cluster may assume, or ``default``.
        layout: as the files were written.
        columns: of the table, in the files' order; none: all of the table's, in its order.
        schema: of the table in Redshift; None: as the session finds it.
        region: of the bucket, where it is not the cluster's.

    Raises:
        SettingsError: a name or a text that cannot stand in a statement.
    """
    location = Location.parse(manifest) if isinstance(manifest, str) else manifest
    listed = f" ({', '.join(map(identifier, columns))})" if columns else ""
    lines = [
        f"COPY {qualified([schema, table] if schema else [table])}{listed}",
        f"FROM {literal(location.uri, 'the manifest')}",
        _role(iam_role),
        "MANIFEST",
        *_region(region),
        *layout.clauses(),
    ]
    return Statement(lines, _key_of(encryption), 3)


def unload_statement(
    query: str,
    prefix: str,
    *,
    encryption: Encryption,
    iam_role: str,
    layout: UnloadLayout = _DEFAULT_UNLOAD,
    region: str | None = None,
    max_file_mb: int | None = None,
    parallel: bool = True,
) -> Statement:
    """Return the UNLOAD statement that writes a query's rows, and a manifest that says their types.

    Args:
        query: a SELECT statement, as it would be typed by itself.
        prefix: ``s3://bucket/folder/name_``: what the files' names begin with.
        encryption: RootKey, or ServerSide with a KMS key or ``AES256``.
        iam_role: ARN of a role that the cluster may assume, or ``default``.
        region: of the bucket, where it is not the cluster's.
        max_file_mb: MAXFILESIZE, 5 to 6200.
        parallel: a file for each slice at least; False: one after the other, in the query's order.

    Raises:
        SettingsError: a text that cannot stand in a statement, or a size that UNLOAD does not take.
    """
    location = Location.parse(prefix)
    lines = [
        f"UNLOAD ({quoted_query(query)})",
        f"TO {literal(location.uri, 'the prefix')}",
        _role(iam_role),
        *_server_side(encryption),
        "MANIFEST VERBOSE",
        *layout.clauses(),
        *_region(region),
        *_file_size(max_file_mb),
        *([] if parallel else ["PARALLEL OFF"]),
    ]
    return Statement(lines, _key_of(encryption), 3)


def _key_of(encryption: Encryption) -> RootKey | None:
    return encryption if isinstance(encryption, RootKey) else None


def _server_side(encryption: Encryption) -> list[str]:
    """UNLOAD uses SSE-S3 by itself; a KMS key has to be named."""
    if not isinstance(encryption, ServerSide) or encryption.algorithm == "AES256":
        return []
    if encryption.algorithm != "aws:kms":
        raise SettingsError("UNLOAD knows no such encryption", found=repr(encryption.algorithm), expected="'aws:kms'")
    if encryption.kms_key_id is None:
        return ["ENCRYPTED AUTO"]  # the bucket's own key
    return [f"KMS_KEY_ID {literal(encryption.kms_key_id, 'kms_key_id')} ENCRYPTED"]


def _role(iam_role: str) -> str:
    return "IAM_ROLE default" if iam_role.lower() == "default" else f"IAM_ROLE {literal(iam_role, 'iam_role')}"


def _region(region: str | None) -> list[str]:
    return [] if region is None else [f"REGION {literal(region, 'region')}"]


def _file_size(megabytes: int | None) -> list[str]:
    if megabytes is None:
        return []
    if not _MIN_MAXFILESIZE_MB <= megabytes <= _MAX_MAXFILESIZE_MB:
        raise SettingsError(
            "UNLOAD writes no files of this size",
            found=f"{megabytes} MB",
            expected=f"{_MIN_MAXFILESIZE_MB} to {_MAX_MAXFILESIZE_MB} MB",
        )
    return [f"MAXFILESIZE {megabytes} MB"]
