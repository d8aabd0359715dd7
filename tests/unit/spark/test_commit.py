"""The commit protocol, with every one of its requests failing in turn."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from s3cse.errors import S3CSEError, TransferError
from s3cse.objects.upload import StagedUpload
from s3cse.parquet import hive, journal
from s3cse.parquet.sink import StagedFile
from s3cse.parquet.table import list_table
from s3cse.spark.commit import SUCCESS, abort, commit
from s3cse.storage.memory import MemoryStore
from s3cse.storage.port import Location, ObjectStore, PendingUpload
from spark.fakes import TABLE, FailingStore

OLD = frozenset({"p=1/old-1.parquet", "p=1/old-2.parquet", "p=2/old-3.parquet"})
WAYS = ("refused", "lost", "half")


@dataclass(frozen=True)
class Job:
    """A job whose tasks have staged their files."""

    name: str
    staged: tuple[StagedFile, ...]
    overwrite: bool
    only_partitions: bool = False

    @property
    def files(self) -> frozenset[str]:
        """The names that its commit makes visible."""
        return frozenset(relative(file.upload.location) for file in self.staged)

    @property
    def result(self) -> frozenset[str]:
        """The names that are visible after its commit to the old table; its files lie in p=1 and p=3."""
        if not self.overwrite:
            return OLD | self.files
        return self.files | {name for name in OLD if self.only_partitions and not name.startswith("p=1/")}

    def commit(self, store: ObjectStore) -> None:
        """Commit it."""
        commit(store, TABLE, self.name, self.staged, overwrite=self.overwrite, only_partitions=self.only_partitions)

    def abort(self, store: ObjectStore) -> None:
        """Abort it, as Spark does in a fresh process."""
        abort(store, TABLE, self.name, overwrite=self.overwrite)


def relative(location: Location) -> str:
    """Return a name below the table."""
    return location.key.removeprefix(f"{TABLE.key}/")


def stage(store: MemoryStore, location: Location) -> StagedFile:
    """Upload one part of a file that waits for its commit."""
    metadata = {"x-amz-key-v2": uuid.uuid4().hex, "x-amz-iv": uuid.uuid4().hex}
    upload_id = store.create_upload(location, metadata)
    part = store.upload_part(location, upload_id, 1, b"rows")
    return StagedFile(StagedUpload(location, upload_id, (part,), metadata, 4, 4), rows=1)


def start(store: MemoryStore, *, overwrite: bool, only_partitions: bool = False, files: int = 2) -> Job:
    """Run a job up to its commit; a failed attempt of a task has left an upload behind."""
    name = uuid.uuid4().hex
    folders = ("p=1/", "p=3/")
    staged = [stage(store, TABLE.child(f"{folders[at % 2]}part-{at}-{name}-a0.parquet")) for at in range(files)]
    stage(store, TABLE.child(f"p=1/part-0-{name}-a7.parquet"))
    return Job(name, tuple(staged), overwrite, only_partitions)


def old_table(names: frozenset[str] = OLD) -> MemoryStore:
    """Return a store with files of earlier jobs."""
    store = MemoryStore()
    for name in names:
        store.put(TABLE.child(name), b"rows")
    return store


def visible(store: MemoryStore) -> frozenset[str]:
    """Return what a reader takes for the table's files."""
    listed = ()
    if any(not hive.is_hidden(name) for name in everything(store) - hidden(store)):
        listed = list_table(store, TABLE).files
    return frozenset(relative(file.location) for file in listed)


def hidden(store: MemoryStore) -> set[str]:
    """Return what the journals say does not belong to the table."""
    return {name for row in journal.find(store, TABLE) for name in journal.read(store, row).hidden}


def decided(store: MemoryStore) -> bool:
    """Whether there is a journal behind its point of no return."""
    return any(journal.read(store, row).state == journal.DONE for row in journal.find(store, TABLE))


def everything(store: MemoryStore) -> set[str]:
    """Return all names there are below the table."""
    return {relative(row.location) for row in store.list(TABLE)}


def uploads(store: MemoryStore, job: Job) -> list[str]:
    """Return the job's unfinished uploads."""
    return [row.location.key for row in store.list_uploads(TABLE) if job.name in row.location.key]


def failing_runs(
    prepare: Callable[[], tuple[MemoryStore, Job]], *, dead: bool
) -> Iterator[tuple[MemoryStore, Job, Exception | None]]:
    """Commit again and again, with a failure at the first call, the second, … until there is none to fail."""
    for how in WAYS:
        number = 1
        while True:
            store, job = prepare()
            failing = FailingStore(store, number, how=how, dead=dead)
            error: Exception | None = None
            try:
                job.commit(failing)
            except S3CSEError as raised:
                error = raised
            if failing.calls < number:
                break
            yield store, job, error
            number += 1
        assert number > 5, "the commit made hardly any request"


def overwriting() -> tuple[MemoryStore, Job]:
    """An overwrite of the old table."""
    store = old_table()
    return store, start(store, overwrite=True)


def overwriting_partitions() -> tuple[MemoryStore, Job]:
    """An overwrite of one partition of the old table that is there, and of one that is not."""
    store = old_table()
    return store, start(store, overwrite=True, only_partitions=True)


def appending() -> tuple[MemoryStore, Job]:
    """An append to the old table."""
    store = old_table()
    return store, start(store, overwrite=False)


def test_append_makes_its_files_visible_next_to_the_old_ones() -> None:
    """Before the commit of an append nothing of it is visible, after it everything, with _SUCCESS and no upload."""
    store, job = appending()
    assert visible(store) == OLD
    job.commit(store)
    assert visible(store) == OLD | job.files
    assert everything(store) == {*OLD, *job.files, SUCCESS}
    assert not uploads(store, job)


def test_overwrite_leaves_only_its_own_files() -> None:
    """After an overwrite only the new files and _SUCCESS exist: no old file, no journal, no upload."""
    store, job = overwriting()
    job.commit(store)
    assert visible(store) == job.files
    assert everything(store) == {*job.files, SUCCESS}
    assert not uploads(store, job)


def test_overwrite_of_partitions_leaves_the_others() -> None:
    """Only what lies in the folders of the new files goes, other formats' leftovers in them included."""
    store, job = overwriting_partitions()
    beside = {"p=10/old.parquet", "p=2/_hidden", "README", "p=1_$folder$"}
    for name in (*beside, "p=1/_hidden", "p=1/q=1/deeper.parquet", "p=1/"):
        store.put(TABLE.child(name), b"rows")
    job.commit(store)
    assert everything(store) == {*job.files, "p=2/old-3.parquet", *beside, SUCCESS}
    assert not uploads(store, job)


def test_journal_of_an_overwrite_of_partitions_names_nothing_else() -> None:
    """A reader that honours it hides no file of another partition, and the next writer deletes none."""
    store, job = overwriting_partitions()
    seen = []
    written = store.put

    def put(location: Location, *rest: object) -> object:
        answer = written(location, *rest)
        seen.extend(journal.read(store, row) for row in journal.find(store, TABLE) if row.location == location)
        return answer

    store.put = put  # type: ignore[assignment,method-assign]
    job.commit(store)
    assert [found.state for found in seen] == [journal.PENDING, journal.DONE]
    assert all(set(found.replaced) == {"p=1/old-1.parquet", "p=1/old-2.parquet"} for found in seen)
    assert all(set(found.new) == job.files for found in seen)


def test_overwrite_of_partitions_by_nothing_changes_nothing() -> None:
    """No rows have no partitions."""
    store = old_table()
    start(store, overwrite=True, only_partitions=True, files=0).commit(store)
    assert visible(store) == OLD


def test_overwrites_of_different_partitions_do_not_touch_each_other() -> None:
    """Two jobs that stage at the same time and commit one after the other both count."""
    store = old_table()
    jobs = []
    for folder in ("p=1/", "p=2/"):
        name = uuid.uuid4().hex
        staged = stage(store, TABLE.child(f"{folder}part-0-{name}-a0.parquet"))
        jobs.append(Job(name, (staged,), overwrite=True, only_partitions=True))
    for job in jobs:
        job.commit(store)
    assert visible(store) == jobs[0].files | jobs[1].files


def test_overwrite_by_nothing_empties_the_table() -> None:
    """An overwrite without files leaves a table without files."""
    store = old_table()
    start(store, overwrite=True, files=0).commit(store)
    assert visible(store) == frozenset()


@pytest.mark.parametrize("dead", [False, True])
def test_failed_append_shows_nothing_after_abort(dead: bool) -> None:
    """Whatever request of an append's commit fails: after abort the table is as before and no upload is left."""
    for store, job, error in failing_runs(appending, dead=dead):
        if error is None:
            assert visible(store) == OLD | job.files
            continue
        assert visible(store) >= OLD
        job.abort(store)
        assert visible(store) == OLD
        assert not uploads(store, job)


@pytest.mark.parametrize("prepare", [overwriting, overwriting_partitions])
@pytest.mark.parametrize("dead", [False, True])
def test_failed_overwrite_is_old_or_new_after_abort(prepare: Callable[[], tuple[MemoryStore, Job]], dead: bool) -> None:
    """Whatever request of an overwrite's commit fails: after abort readers see all of the old or all of the new."""
    outcomes = set()
    for store, job, error in failing_runs(prepare, dead=dead):
        assert visible(store) in (OLD, job.result), "readers never see a mixture, not even for a moment"
        if decided(store):
            assert visible(store) == job.result, "behind the point of no return only the new data is the table's"
        before = everything(store)
        if error is not None:
            job.abort(store)
        assert visible(store) in (OLD, job.result)
        if visible(store) == job.result:
            assert everything(store) == before, "nothing may be removed any more"
        else:
            assert everything(store) - {SUCCESS} == OLD
            assert not uploads(store, job)
        outcomes.add(visible(store) == OLD)
    assert outcomes == {True, False}


@pytest.mark.parametrize("prepare", [appending, overwriting, overwriting_partitions])
def test_abort_that_fails_itself_can_be_repeated(prepare: Callable[[], tuple[MemoryStore, Job]]) -> None:
    """With a failure in commit and another in abort, a second abort still ends at all of the old or all of the new."""
    number_in_abort = 1
    reached = True
    while reached:
        reached = False
        for store, job, error in failing_runs(prepare, dead=True):
            if error is None:
                continue
            failing = FailingStore(store, number_in_abort, how="half")
            try:
                job.abort(failing)
            except S3CSEError:
                reached = True
            job.abort(store)
            assert visible(store) in ((OLD, job.result) if job.overwrite else (OLD,))
        number_in_abort += 1
    assert number_in_abort > 4


@pytest.mark.parametrize("prepare", [appending, overwriting, overwriting_partitions])
@pytest.mark.parametrize("dead", [False, True])
def test_repeated_commit_finishes_forward(prepare: Callable[[], tuple[MemoryStore, Job]], dead: bool) -> None:
    """Whatever request failed, committing again ends where an undisturbed commit would have."""
    for store, job, _ in failing_runs(prepare, dead=dead):
        job.commit(store)
        expected = job.result
        assert visible(store) == expected
        assert everything(store) == {*expected, SUCCESS}
        assert not uploads(store, job)


@pytest.mark.parametrize("prepare", [overwriting, overwriting_partitions])
@pytest.mark.parametrize("overwrite", [False, True])
def test_next_writer_finishes_a_lost_overwrite(prepare: Callable[[], tuple[MemoryStore, Job]], overwrite: bool) -> None:
    """A driver lost in an overwrite's commit leaves what the next writer cleans up, with nobody's rows lost."""
    for store, job, _ in failing_runs(prepare, dead=True):
        passed = decided(store) or bool(OLD - everything(store))
        following = start(store, overwrite=overwrite)
        following.commit(store)
        assert following.files <= visible(store)
        assert not decided(store)
        if overwrite:
            assert visible(store) == following.files
            assert not journal.find(store, TABLE)
        else:
            # Before the point of no return the lost job may still be at work: its files stay hidden.
            assert visible(store) == (job.result if passed else OLD) | following.files


@pytest.mark.parametrize("prepare", [appending, overwriting, overwriting_partitions])
def test_late_abort_takes_nothing_that_another_job_finished(prepare: Callable[[], tuple[MemoryStore, Job]]) -> None:
    """An abort that comes after another writer finished the overwrite finds it done and removes nothing."""
    for store, job, error in failing_runs(prepare, dead=True):
        following = start(store, overwrite=False)
        following.commit(store)
        if error is not None:
            job.abort(store)
        assert following.files <= visible(store)
        rest = visible(store) - following.files
        assert rest in (OLD, job.result, OLD | job.files)
        if error is not None and not job.overwrite:
            assert rest == OLD


@pytest.mark.parametrize("prepare", [appending, overwriting])
def test_repeated_commit_after_an_append_of_another_job(prepare: Callable[[], tuple[MemoryStore, Job]]) -> None:
    """Committing a job again that is done does not touch what other jobs appended since."""
    store, job = prepare()
    job.commit(store)
    others = [start(store, overwrite=False) for _ in range(3)]
    for other in others:
        other.commit(store)
    before = everything(store)
    job.commit(store)
    assert everything(store) == before
    assert visible(store) >= frozenset.union(job.files, *(other.files for other in others))


def test_late_abort_of_a_finished_overwrite_removes_nothing() -> None:
    """When commit succeeds but its process dies before Spark hears of it, abort keeps the only data there is."""
    store, job = overwriting()
    job.commit(store)
    job.abort(store)
    assert visible(store) == job.files


def test_late_abort_of_a_finished_append_removes_the_append() -> None:
    """When Spark takes an append for failed, its rows go, so that running it again doubles nothing."""
    store, job = appending()
    job.commit(store)
    job.abort(store)
    assert visible(store) == OLD


def test_commit_of_a_job_that_another_overwrite_replaced_is_an_error() -> None:
    """A commit repeated after its files were replaced brings nothing back and does not pretend to have worked."""
    store, job = appending()
    number = 7  # after the completion of its files, before _SUCCESS
    with pytest.raises(TransferError):
        job.commit(FailingStore(store, number, dead=True))
    replacing = start(store, overwrite=True)
    replacing.commit(store)
    with pytest.raises(TransferError):
        job.commit(store)
    assert visible(store) == replacing.files


@pytest.mark.parametrize("prepare", [appending, overwriting])
def test_nothing_shows_where_uploads_cannot_be_listed(prepare: Callable[[], tuple[MemoryStore, Job]]) -> None:
    """Without the permission to list uploads both commit and abort fail, but no row of the job becomes visible."""

    class Forbidden(FailingStore):
        def list_uploads(self, prefix: Location) -> Iterator[PendingUpload]:
            raise TransferError("S3 refused to list the uploads", uri=prefix.uri, status=403, code="AccessDenied")

    store, job = prepare()
    for step in (job.commit, job.abort):
        with pytest.raises(TransferError):
            step(Forbidden(store))
    assert visible(store) == OLD


def test_lost_answers_are_settled() -> None:
    """A Complete or a _SUCCESS that S3 did, and whose answer was lost, counts as done: the append succeeds."""
    errors = [str(error) for _, _, error in failing_runs(appending, dead=False) if error is not None]
    assert any("answer to list was lost" in text for text in errors)
    assert not [text for text in errors if "answer to complete_upload" in text or "answer to put" in text]


def test_uploads_of_other_jobs_stay() -> None:
    """Neither commit nor abort touches uploads of another job that is still running."""
    store = old_table()
    running, done, failed = (start(store, overwrite=False) for _ in range(3))
    done.commit(store)
    failed.abort(store)
    assert len(uploads(store, running)) == 3
    running.commit(store)
    assert visible(store) == OLD | done.files | running.files


def test_success_remembers_a_bounded_number_of_jobs() -> None:
    """However many jobs write a table, the metadata of _SUCCESS stays within S3's 2 KB."""
    store = MemoryStore()
    for _ in range(40):
        start(store, overwrite=False, files=1).commit(store)
    found = store.head(TABLE.child(SUCCESS))
    assert found is not None
    assert sum(len(name) + len(value) for name, value in found.metadata.items()) < 2048


def test_journal_of_another_job_that_goes_away_meanwhile_is_no_error() -> None:
    """A commit that sees another job's journal just before that job removes it goes on."""

    class Vanishing(FailingStore):
        def get_into(self, location: Location, start: int, out: object, if_match: str) -> None:
            store.delete([location])
            super().get_into(location, start, out, if_match)

    store = old_table()
    journal.write(store, TABLE, journal.Journal("other", journal.DONE, (), ("gone.parquet",)))
    job = start(store, overwrite=False)
    job.commit(Vanishing(store))
    assert visible(store) == OLD | job.files


def test_table_may_be_a_whole_bucket() -> None:
    """Commit, overwrite and abort work for a table at the root of a bucket, too."""
    root = Location("bucket", "")
    store = MemoryStore()
    store.put(root.child("old.parquet"), b"rows")
    name = uuid.uuid4().hex
    file = stage(store, root.child(f"part-{name}.parquet"))
    commit(store, root, name, [file], overwrite=True)
    assert {row.location.key for row in store.list(root)} == {f"part-{name}.parquet", SUCCESS}
