"""What jobs/register_table.py and jobs/athena_check.py share: flags, clients, errors in one line. No Spark.

The flags are spelt as those of the Spark jobs, and have their defaults: ``S3CSE_KMSKEYID`` and the like.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from s3cse.errors import S3CSEError, SettingsError
from s3cse.keyrings import CachingKeyring, Keyring, KmsDiscoveryKeyring, KmsKeyring
from s3cse.keyrings.kms import kms_client
from s3cse.services.athena.encryption import TableEncryption
from s3cse.services.athena.findings import FileFindings
from s3cse.services.glue import glue_client
from s3cse.storage.port import ObjectStore
from s3cse.storage.s3 import S3Store, s3_client

DONE, FAILED, WRONG_USE = 0, 1, 2
_FLAGS = {
    "kms-key-id": "the table's KMS key: id, ARN or alias",
    "region": "AWS Region of bucket, key and catalog (default: as boto3 finds it)",
    "endpoint-url": "another S3 server than AWS (default: AWS_ENDPOINT_URL_S3)",
    "kms-endpoint-url": "another KMS than AWS (default: AWS_ENDPOINT_URL_KMS)",
    "glue-endpoint-url": "another Glue than AWS (default: AWS_ENDPOINT_URL_GLUE)",
}


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say which S3, KMS and Glue are meant, and ``--key-per-object``."""
    group = parser.add_argument_group("connection (defaults also from S3CSE_KMSKEYID, S3CSE_REGION, …)")
    for flag, meaning in _FLAGS.items():
        variable = "S3CSE_" + flag.replace("-", "").upper()
        group.add_argument(f"--{flag}", metavar="VALUE", default=os.environ.get(variable) or None, help=meaning)
    group.add_argument(
        "--key-per-object",
        action="store_true",
        help="the table property has_encrypted_data in place of a key: Athena takes each object's own",
    )


@dataclass(frozen=True, slots=True)
class Connection:
    """Clients of the services that the flags mean."""

    kms_key_id: str | None
    key_per_object: bool
    region: str
    store: ObjectStore
    kms: Any
    glue: Any

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Connection:
        """Make the clients; no request is sent.

        Raises:
            SettingsError: an endpoint that is none, or no Region.
        """
        glue = glue_client(arguments.region, arguments.glue_endpoint_url)
        try:
            store = S3Store(s3_client(arguments.region, arguments.endpoint_url))
            kms = kms_client(arguments.region, arguments.kms_endpoint_url)
        except ValueError as error:  # botocore's plain word for an address that is none
            raise SettingsError("an endpoint is not valid", found=str(error), expected="http://host:port") from error
        return cls(arguments.kms_key_id, arguments.key_per_object, glue.meta.region_name, store, kms, glue)

    def keyring(self, encryption: TableEncryption) -> Keyring:
        """Return the keyring that opens what Athena would: the table's key alone, or whatever an object names."""
        if encryption.kms_key is None:
            return CachingKeyring(KmsDiscoveryKeyring(self.kms))
        return CachingKeyring(KmsKeyring(self.kms, encryption.kms_key))


def run(name: str, work: Callable[[], int]) -> int:
    """Run a command's work and return its exit code: 0 done, 1 failed, 2 asked wrongly.

    Args:
        work: returns the exit code; errors of this package are said in one line.
    """
    try:
        return work()
    except S3CSEError as error:
        print(f"{name}: {error}", file=sys.stderr)  # noqa: T201 - a command's message
        return WRONG_USE if isinstance(error, SettingsError) else FAILED


class Progress:
    """Counts files on standard error, where that is a terminal."""

    def __init__(self) -> None:
        self._count = 0
        self._shown = sys.stderr.isatty()

    def __call__(self, report: FileFindings) -> None:  # noqa: ARG002 - a count is enough
        """Count one more."""
        self._count += 1
        if self._shown:
            print(f"\r{self._count} files checked", end="", file=sys.stderr, flush=True)  # noqa: T201 - progress

    def end(self) -> None:
        """Leave the line."""
        if self._shown and self._count:
            print(file=sys.stderr)  # noqa: T201 - progress
