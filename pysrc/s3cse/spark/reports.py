"""Reading what the tasks of a scan have reported, on the driver."""

from __future__ import annotations

from s3cse.envelope.profiles import SSE_C
from s3cse.options.table import parse_options
from s3cse.parquet.counts import Counts, collect
from s3cse.spark.session import session_for
from s3cse.storage.port import Location
from s3cse.storage.s3 import S3Store, s3_client


def read_report(folder: str, *, region: str | None = None, endpoint_url: str | None = None, **options: str) -> Counts:
    """Return what a scan with the option ``report`` verified and what not, summed over its tasks.

    A task that Spark ran twice counts twice; name an empty folder for each scan.

    Args:
        folder: ``s3://bucket/folder/``, the option's value.
        region, endpoint_url: as the options of the same names.
        options: those of a scan with ``profile=sse-c``, whose reports S3 has under the same keys; else none is needed.

    Raises:
        SettingsError: the folder is no S3 address.
        EnvelopeError: a report in it is damaged.
        TransferError: it could not be read.
    """
    location = Location.parse(folder)
    place = Location(location.bucket, location.key.strip("/"))
    if options.get("profile", "").lower() != SSE_C:
        return collect(S3Store(s3_client(region, endpoint_url)), place)
    given = {"path": folder, "region": region, "endpointurl": endpoint_url, **options}
    parsed = parse_options({name: value for name, value in given.items() if value is not None}, use="read")
    return collect(session_for(parsed).store, place)
