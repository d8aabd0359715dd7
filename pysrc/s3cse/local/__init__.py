"""S3 and KMS on this machine, for trying things out and for tests: no AWS account, nothing left behind.

    with s3cse.local.start() as servers:
        servers.create_bucket("demo")
        servers.s3_client().put_object(Bucket="demo", Key="a", Body=b"text")

Needs the extra ``local``. On the command line: ``python -m s3cse.local [-- COMMAND ARGS…]``.
"""

from s3cse.local.servers import Servers, start

__all__ = ["Servers", "start"]
