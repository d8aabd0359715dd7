"""Staging a write: tasks leave encrypted files that nobody sees, the driver publishes them. One for every Spark."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.types as pat
from pyspark import TaskContext
from pyspark.sql.types import StructType

from s3cse.errors import SettingsError
from s3cse.objects.new_object import wrapping
from s3cse.options.profile_rules import message_options
from s3cse.options.table import Options
from s3cse.parquet.file_names import data_file_name
from s3cse.parquet.sink import StagedFile, TableSink
from s3cse.parquet.success import done_jobs
from s3cse.spark import commit
from s3cse.spark.session import session_for, spare_collections
from s3cse.spark.types import to_arrow

_log = logging.getLogger(__name__)


class WriteJob:
    """Writes one DataFrame; pickled to every task, and to the commit process where that is another.

    Args:
        options: validated.
        schema: of the DataFrame.
        overwrite: replace the table's content, else add to it.

    Raises:
        SettingsError: a type that is not supported, a partition column that is not there or cannot be one, nothing
            left to put into the files, or partitions to be replaced where there are none.
    """

    def __init__(self, options: Options, schema: StructType, overwrite: bool) -> None:
        self._options = options
        # Nullable, as Spark's own files are: whether a column happens to have no nulls here is not the table's promise.
        self._schema = pa.schema([column.with_nullable(True) for column in to_arrow(schema)])
        self._overwrite = overwrite
        self._only_partitions = overwrite and options.partition_overwrite == "dynamic"
        self._job = uuid.uuid4().hex
        missing = [name for name in options.partition_by if name not in self._schema.names]
        if missing:
            raise SettingsError(
                "partitionBy names columns that the data does not have",
                found=", ".join(missing),
                expected=", ".join(self._schema.names),
            )
        self._check_types(options.partition_by)
        if set(self._schema.names) <= set(options.partition_by):
            raise SettingsError("partitionBy names every column", fix="leave at least one for the files")
        if self._only_partitions and not options.partition_by:
            # The whole table would go, which nobody asked for.
            raise SettingsError(
                "an overwrite with partitionOverwrite=dynamic needs partitionBy",
                fix="name the partition columns, or leave partitionOverwrite out to replace the whole table",
            )
        self._definition = None
        if options.register_as is not None:
            from s3cse.spark import registration  # every Spark worker imports this module, few have a use for that one

            self._definition = registration.prepare(options, options.register_as, self._schema)

    @property
    def table(self) -> str:
        """The table's address."""
        return self._options.table.uri

    def _check_types(self, partition_by: Sequence[str]) -> None:
        for name in partition_by:
            arrow_type = self._schema.field(name).type
            if pat.is_nested(arrow_type) or pat.is_binary(arrow_type):
                raise SettingsError(
                    f"partitionBy names column {name!r}, whose values cannot be folders",
                    found=str(arrow_type),
                    expected="a column of strings, numbers, booleans, dates or timestamps",
                )

    def stage(self, batches: Iterable[pa.RecordBatch]) -> tuple[StagedFile, ...]:
        """Encrypt and upload one task's rows; runs on an executor.

        Returns:
            What the commit needs: places, part ETags and metadata with wrapped keys. No secret.

        Raises:
            S3CSEError: S3 or the key service refused, or rows do not fit. What this task had uploaded is aborted.
        """
        session = session_for(self._options)
        spare_collections()
        keyring, profile = wrapping(session.keyring, self._options.profile, self._options.table.uri)
        context = TaskContext.get()
        partition, attempt = (0, 0) if context is None else (context.partitionId(), context.taskAttemptId())
        sink = TableSink(
            session.store,
            keyring,
            profile,
            self._options.table,
            self._schema,
            partition_by=self._options.partition_by,
            name=lambda count: self._file_name(partition, attempt, count),
            compression=self._options.compression,
            storage=self._options.storage,
            targets=self._options.targets,
            message=message_options(self._options),
        )
        try:
            for batch in batches:
                sink.write(batch)
            # As Spark's own writer does, an empty table keeps its schema in a file without rows. This task cannot know
            # whether the others have some: commit drops the file then. Where only the partitions of new rows are
            # replaced, no rows replace nothing, not the partition of null that this file would lie in.
            return tuple(sink.finish(at_least_one=partition == 0 and not self._only_partitions))
        except BaseException:
            sink.abort()
            raise

    def _file_name(self, partition: int, attempt: int, count: int) -> str:
        return data_file_name(partition, self._job, attempt, count, self._options.compression)

    def commit(self, staged: Sequence[StagedFile]) -> None:
        """Publish the files of all tasks, and register them where asked to; on the driver, perhaps more than once.

        Raises:
            TransferError: S3 refused; see s3cse.spark.commit for what is in force then. Or Glue did: the rows are.
        """
        if any(file.rows for file in staged):
            staged = [file for file in staged if file.rows]  # the others' uploads are leftovers, which commit aborts
        store = session_for(self._options).store
        commit.commit(
            store,
            self._options.table,
            self._job,
            staged,
            overwrite=self._overwrite,
            only_partitions=self._only_partitions,
        )
        if self._definition is not None:
            from s3cse.spark import registration

            registration.register_files(self._options, self._definition, staged)

    def abort(self) -> None:
        """Remove what the job left; runs on the driver, perhaps in another process than commit."""
        store = session_for(self._options).store
        if self._definition is not None and self._job in done_jobs(store, self._options.table).jobs:
            # Spark calls this when only the catalog refused: the commit had come to its end, and readers see its rows.
            _log.warning("%s: the job's rows are in force; nothing was removed", self._options.table.uri)
            return
        commit.abort(store, self._options.table, self._job, overwrite=self._overwrite)
