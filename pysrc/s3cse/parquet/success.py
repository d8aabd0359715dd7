"""``_SUCCESS``, the empty object that Spark leaves beside a table's files; its metadata name the last jobs that ended.

They tell a repeated commit and a late abort that their job is done, and a reader whether an overwrite came and went
while it was listing.
"""

from __future__ import annotations

from dataclasses import dataclass

from s3cse.errors import KeyringError, S3CSEError
from s3cse.storage.port import Location, ObjectStore

NAME = "_SUCCESS"
_JOBS, _OVERWRITE = "s3cse-jobs", "s3cse-overwrite"
_REMEMBERED = 16  # jobs, newest first: S3 takes 2 KB of metadata


@dataclass(frozen=True, slots=True)
class DoneJobs:
    """The jobs that are known to be done, newest first, and the last of all that replaced something ("": none)."""

    jobs: tuple[str, ...] = ()
    overwrite: str = ""


def done_jobs(store: ObjectStore, table: Location) -> DoneJobs:
    """Read what is known of a table; where somebody else left the mark, under no key or another (SSE-C): nothing."""
    try:
        found = store.head(table.child(NAME))
    except KeyringError:
        return DoneJobs()
    if found is None:
        return DoneJobs()
    return DoneJobs(tuple(found.metadata.get(_JOBS, "").split()), found.metadata.get(_OVERWRITE, ""))


def mark_done(store: ObjectStore, table: Location, job: str, *, overwrite: bool) -> None:
    """Add a job to those that are done."""
    known = done_jobs(store, table)
    jobs = [job, *(other for other in known.jobs if other != job)]
    last = job if overwrite else known.overwrite
    metadata = {_JOBS: " ".join(jobs[:_REMEMBERED]), **({_OVERWRITE: last} if last else {})}
    try:
        store.put(table.child(NAME), b"", metadata)
    except S3CSEError:
        if job not in done_jobs(store, table).jobs:  # else only the answer was lost
            raise
