"""Publishing what a job's tasks staged: file by file for append, and for overwrite old or new.

Executors upload parts and complete nothing; the driver's commit completes every upload. An overwrite has a journal
(s3cse.parquet.journal): pending before the first new file is visible, done when all are, which is the point of no
return; then what was replaced is deleted, ``_SUCCESS`` written, and the journal removed. Names carry the job's id, so
commit and abort find leftovers of failed and speculative attempts, which Spark does not report. ``_SUCCESS`` names the
last jobs that are done: without it a repeated commit could not tell what came after it from what it was to replace, and
an abort that comes late could not tell that the old data is gone. An overwrite of partitions only is the same, but that
its journal names no file outside the folders of the new ones.

Spark calls ``abort`` in a fresh process when ``commit`` throws. Before the point of no return, abort removes whatever
commit had completed: the old data is untouched. After that it deletes nothing, and the work can only go forward: by a
repeated commit, or by the next writer, which finishes what it finds.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

from s3cse.errors import S3CSEError, TransferError
from s3cse.objects.upload import complete
from s3cse.objects.workers import pool
from s3cse.parquet import journal
from s3cse.parquet.sink import StagedFile
from s3cse.parquet.success import NAME as SUCCESS
from s3cse.parquet.success import done_jobs, mark_done
from s3cse.storage.port import Location, ObjectStore

_log = logging.getLogger(__name__)


def commit(
    store: ObjectStore,
    table: Location,
    job: str,
    staged: Sequence[StagedFile],
    *,
    overwrite: bool,
    only_partitions: bool = False,
) -> None:
    """Make a job's files the table's (overwrite) or part of it (append); safe to repeat.

    Args:
        only_partitions: an overwrite replaces what is in the staged files' folders, and nothing where none is staged.

    Raises:
        TransferError: S3 refused. Before the journal the table is as it was once abort has run; after it, the new data
            is in force for s3cse readers, and another commit or write finishes the deletion of the old.
    """
    if job in done_jobs(store, table).jobs and journal.read_own(store, table, job) is None:
        return  # a repeated commit of a job that is done must not touch what came after it
    _finish_other_overwrites(store, table, job)
    _abort_uploads(store, table, job, keep=staged)
    if overwrite:
        _overwrite(store, table, job, staged, only_partitions=only_partitions)
    else:
        _complete_all(store, staged)
        mark_done(store, table, job, overwrite=False)


def _overwrite(
    store: ObjectStore, table: Location, job: str, staged: Sequence[StagedFile], *, only_partitions: bool
) -> None:
    own = journal.read_own(store, table, job)
    if own is None:
        new = tuple(_relative(table, file.upload.location) for file in staged)
        replaced = _names_not_of(store, table, job)
        if only_partitions:
            replaced = _names_beside(new, replaced)
        own = journal.Journal(job, journal.PENDING, new, replaced)
        journal.write(store, table, own)
    if own.state == journal.PENDING:
        _complete_all(store, staged)
        own = replace(own, state=journal.DONE)
        journal.write(store, table, own)
    try:
        _delete_replaced(store, table, own)
    except S3CSEError:
        _log.error(
            "%s: the new data is complete and in force, but old files could not all be deleted; "
            "the next write to this table finishes that",
            table.uri,
        )
        raise


def abort(store: ObjectStore, table: Location, job: str, *, overwrite: bool) -> None:
    """Remove every trace of a job that has not passed its point of no return; safe to repeat."""
    own = journal.read_own(store, table, job) if overwrite else None
    done = own.state == journal.DONE if own is not None else overwrite and job in done_jobs(store, table).jobs
    if done:
        _log.warning("%s: job %s is past its point of no return; nothing was removed", table.uri, job)
        return
    # Visible files first, the journal that hides them after them, and only then what is invisible anyway.
    store.delete(
        [
            row.location
            for row in store.list(_folder(table))
            if job in row.location.key.rpartition("/")[2] and row.location != journal.location(table, job)
        ]
    )
    if own is not None:
        store.delete([journal.location(table, job)])
    _abort_uploads(store, table, job)


def _folder(table: Location) -> Location:
    return Location(table.bucket, f"{table.key}/" if table.key else "")


def _relative(table: Location, location: Location) -> str:
    return location.key.removeprefix(_folder(table).key)


def _names_not_of(store: ObjectStore, table: Location, job: str) -> tuple[str, ...]:
    """Return what an overwrite replaces: everything, with the journals of other jobs that never came to their end."""
    names = [_relative(table, row.location) for row in store.list(_folder(table))]
    return tuple(name for name in names if job not in name.rpartition("/")[2] and name != SUCCESS)


def _names_beside(new: Sequence[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names in the folders of the new ones, and below these; never what lies above, where journals are."""
    folders = {name.rpartition("/")[0] for name in new}
    return tuple(name for name in names if not folders.isdisjoint(_folders_of(name)))


def _folders_of(name: str) -> Iterator[str]:
    """Yield the folders that a name lies in, innermost first."""
    while "/" in name:
        name = name.rpartition("/")[0]
        yield name


def _complete_all(store: ObjectStore, staged: Sequence[StagedFile]) -> None:
    futures = [pool().submit(complete, store, file.upload) for file in staged]
    errors = [error for error in (future.exception() for future in futures) if error is not None]
    if errors:
        raise errors[0]


def _abort_uploads(store: ObjectStore, table: Location, job: str, keep: Sequence[StagedFile] = ()) -> None:
    """Abort what failed and speculative attempts of this job left behind."""
    staged = {file.upload.upload_id for file in keep}
    for pending in store.list_uploads(_folder(table)):
        if job in pending.location.key.rpartition("/")[2] and pending.upload_id not in staged:
            store.abort_upload(pending.location, pending.upload_id)


def _finish_other_overwrites(store: ObjectStore, table: Location, job: str) -> None:
    """Finish what other jobs decided; one that has not is left alone, for it may be at work."""
    for row in journal.find(store, table):
        if row.location == journal.location(table, job):
            continue
        try:
            found = journal.read(store, row)
        except TransferError as error:
            if error.status in (404, 412):  # its own job goes on with it
                continue
            raise
        if found.state == journal.DONE:
            _log.warning("%s: finishing the overwrite that job %s left unfinished", table.uri, found.job)
            _delete_replaced(store, table, found)


def _delete_replaced(store: ObjectStore, table: Location, found: journal.Journal) -> None:
    folder = _folder(table)
    store.delete([Location(folder.bucket, folder.key + name) for name in found.replaced])
    # In this order: an abort that finds neither the journal nor this would take the only data there is.
    mark_done(store, table, found.job, overwrite=True)
    store.delete([journal.location(table, found.job)])
