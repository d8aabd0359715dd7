"""Encrypted objects in S3: open, read ranges, read whole, upload."""
