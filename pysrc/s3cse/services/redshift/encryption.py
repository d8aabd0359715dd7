"""Who encrypts the files of an export: we, under Redshift's root key, or S3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from s3cse.errors import SettingsError
from s3cse.services.redshift.root_key import RootKey

_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSide:
    """S3 encrypts, and whoever may read the object, Redshift's role among them, gets plaintext: no key in a statement.

    Args:
        algorithm: ``AES256`` | ``aws:kms`` | ``aws:kms:dsse``.
        kms_key_id: of ``aws:kms``; None: the bucket's, or AWS's own.

    Raises:
        SettingsError: another algorithm, or a KMS key for ``AES256``.
    """

    algorithm: str = "aws:kms"
    kms_key_id: str | None = None

    def __post_init__(self) -> None:
        if self.algorithm not in _ALGORITHMS:
            raise SettingsError(
                "S3 has no such server-side encryption", found=repr(self.algorithm), expected=" | ".join(_ALGORITHMS)
            )
        if self.kms_key_id is not None and self.algorithm == "AES256":
            raise SettingsError("AES256 uses no KMS key", fix="say algorithm='aws:kms', or leave kms_key_id out")

    def arguments(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what S3 is to be told, by the name of boto3's method."""
        said = {"ServerSideEncryption": self.algorithm}
        if self.kms_key_id is not None:
            said["SSEKMSKeyId"] = self.kms_key_id
        return {"put_object": said, "create_multipart_upload": said}


#: A key of ours, or S3's encryption; there is no default, for nothing should be plain to S3 by accident.
Encryption = RootKey | ServerSide
