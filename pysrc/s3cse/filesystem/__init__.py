"""``s3cse://bucket/key`` for fsspec: for pandas, DuckDB, Polars, Dask and pyarrow (docs/filesystem.md)."""

try:
    from s3cse.filesystem.arrow import arrow
    from s3cse.filesystem.spec import S3cseFileSystem
except ModuleNotFoundError as error:
    if error.name != "fsspec":
        raise
    raise ModuleNotFoundError("s3cse:// needs fsspec: pip install 's3cse[filesystem]'", name="fsspec") from error

__all__ = ["S3cseFileSystem", "arrow"]
