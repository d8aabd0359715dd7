"""A client people already know how to use: boto3's S3 methods, on objects that S3 cannot read."""

from s3cse.client.facade import Client

__all__ = ["Client"]
