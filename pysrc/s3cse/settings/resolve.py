"""What a cluster's settings say about an address: the answers for every option, and who said so."""

from __future__ import annotations

import re

from s3cse.errors import SettingsError
from s3cse.settings import emrfs, s3a
from s3cse.settings.answers import Answer, Resolution, answer
from s3cse.settings.file_systems import FileSystems, file_system_of
from s3cse.settings.files import ClusterSettings
from s3cse.settings.findings import FLAG, BucketView, Findings
from s3cse.settings.keys import PROVIDER
from s3cse.settings.minimum import minimum_integrity
from s3cse.settings.model import Properties, Property
from s3cse.storage.port import Location

#: Switches off that EMR maps EMRFS's settings to S3A's (FORMATS.md section 16).
MAPPING = "fs.s3a.emrfs.compatibility.enable"
_CONCERNING = re.compile(
    r"fs\.s3[an]?\.(bucket\..+\.)?"
    r"(impl|cse\..+|encryption\..+|emrfs\..+|(enableS|s)erverSideEncryption.*|server-side-encryption.*)"
    r"|" + re.escape(PROVIDER) + ".+"
)


def concerns_encryption(name: str) -> bool:
    """Whether a Hadoop setting has something to say about an address's encryption."""
    return _CONCERNING.fullmatch(name) is not None


def resolve(uri: str, settings: ClusterSettings, *, hadoop_version: str | None = None) -> Resolution:
    """Return what the settings say about an address, without asking anybody else: no request, no key is read.

    Args:
        uri: ``s3://bucket/key``, ``s3a`` or ``s3n``.
        settings: see s3cse.settings.files.load.
        hadoop_version: decides what S3A reads; None: not known.

    Raises:
        SettingsError: no S3 address. What the settings themselves have wrong is in ``refused``.
    """
    bucket = Location.parse(uri).bucket
    scheme = uri.partition("://")[0].lower()
    findings = Findings()
    found = FileSystems(
        emrfs.read(settings.properties, bucket, findings),
        s3a.read(settings.properties, bucket, findings),
        file_system_of(settings.properties, scheme),
        findings,
        hadoop_version,
    )
    mode, answers = found.answers(_mapping_off(settings.properties, bucket, findings))
    floor = _minimum(settings.properties, findings)
    return Resolution(
        uri=uri,
        files=settings.files,
        file_system=found.file_system,
        mode=mode,
        answers=answers,
        minimum_integrity=floor,
        warnings=tuple(findings.warnings),
        refused=tuple(findings.refused),
    )


def _minimum(properties: Properties, findings: Findings) -> Answer | None:
    try:
        floor = minimum_integrity(properties)
    except SettingsError as error:
        findings.refused.append(error)
        return None
    return None if floor is None else answer("minimum integrity", floor.value, [floor])


def _mapping_off(properties: Properties, bucket: str, findings: Findings) -> Property | None:
    """Return the setting that switches EMR's mapping off."""
    view = BucketView(properties, s3a.FAMILY, bucket, findings)
    enabled, found = view.choice(MAPPING.removeprefix(f"{s3a.FAMILY}."), FLAG)
    return found if enabled is False else None
