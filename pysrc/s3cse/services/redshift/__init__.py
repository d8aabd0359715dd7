"""Amazon Redshift: files for COPY, the statements, and what UNLOAD left.

Redshift itself no longer takes client-side encryption (since April 30, 2026, its documentation says, see
docs/redshift.md): what UNLOAD encrypted before can be read here, and exports can leave encryption to S3.
"""

from __future__ import annotations

from s3cse.services.redshift.data_api import Executed, execute
from s3cse.services.redshift.encryption import Encryption, ServerSide
from s3cse.services.redshift.exporting import Export, export
from s3cse.services.redshift.layout import CopyLayout, UnloadLayout
from s3cse.services.redshift.root_key import RootKey
from s3cse.services.redshift.statements import Statement, copy_statement, unload_statement
from s3cse.services.redshift.types import create_table
from s3cse.services.redshift.unload import Unloaded, read_unload

__all__ = [
    "CopyLayout",
    "Encryption",
    "Executed",
    "Export",
    "RootKey",
    "ServerSide",
    "Statement",
    "UnloadLayout",
    "Unloaded",
    "copy_statement",
    "create_table",
    "execute",
    "export",
    "read_unload",
    "unload_statement",
]
