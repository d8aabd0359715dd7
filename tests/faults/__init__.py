"""Servers that fail on demand: a proxy in front of S3 and a small KMS. What fails, and when, is data."""
