"""``s3cse://bucket/key`` for fsspec: for pandas, DuckDB, Polars, Dask and pyarrow (docs/filesystem.md)."""

from s3cse.filesystem.arrow import arrow
from s3cse.filesystem.spec import S3cseFileSystem

__all__ = ["S3cseFileSystem", "arrow"]
