"""Encrypted objects as files: fsspec and pyarrow. See docs/filesystem.md."""
