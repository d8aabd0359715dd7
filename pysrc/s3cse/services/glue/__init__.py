"""The Glue Data Catalog, where Athena, Spark SQL and Redshift Spectrum look tables up. The only code that sees Glue."""

from __future__ import annotations

from s3cse.services.glue.catalog import CatalogTable, find_table
from s3cse.services.glue.client import glue_client
from s3cse.services.glue.partition_check import partition_findings
from s3cse.services.glue.registration import Registration, check_registration, register

__all__ = [
    "CatalogTable",
    "Registration",
    "check_registration",
    "find_table",
    "glue_client",
    "partition_findings",
    "register",
]
