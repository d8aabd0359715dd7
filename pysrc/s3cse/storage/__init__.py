"""The only code that sees S3: a small port, its boto3 adapter, and a public in-memory fake."""
