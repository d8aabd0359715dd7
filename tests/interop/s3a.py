"""Hadoop's S3A with client-side encryption: which versions go together, and what it takes to run them.

S3A has it since Hadoop 3.4.2, with the Amazon S3 Encryption Client for Java, which has to be added. Hadoop 3.4.2 names
client 3.1.1, which is not to be had from Maven's Central repository; 3.5.0 is the nearest one that works. Hadoop 3.5.0
names client 4.0.0, which by its default policy writes format V3 and reads nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from interop.drivers import BUILD, HERE, ROOT, UnavailableError, output

_SDK = "software.amazon.awssdk"


@dataclass(frozen=True)
class S3A:
    """A Hadoop and the encryption client in it; ``environment`` holds a pyspark that brings this Hadoop."""

    hadoop: str
    client: str
    environment: str
    #: The one profile of ours that it reads and the format of which it writes.
    profile: str
    #: Whether it reads AES-CBC with its v1 compatibility, see :func:`v1_compatibility`.
    reads_cbc: bool

    @property
    def python(self) -> Path:
        """The interpreter that has this pyspark."""
        return ROOT / self.environment / "bin" / "python"

    def jars(self) -> str:
        """Fetch what Spark lacks and return it as a class path; the AWS SDK in it is half a gigabyte.

        Raises:
            UnavailableError: Maven does not get it, or there is no such pyspark.
        """
        if not list(
            (ROOT / self.environment).glob(f"lib/*/site-packages/pyspark/jars/hadoop-client-api-{self.hadoop}.jar")
        ):
            raise UnavailableError(f"{self.environment} has no pyspark with Hadoop {self.hadoop}")
        return _classpath(self.hadoop, self.client)

    def settings(self, s3_url: str, kms_key: str, region: str) -> dict[str, str]:
        """Return what a Spark session needs to read and write encrypted tables as ``s3a://``.

        Credentials and the KMS server, for which S3A has no setting, come from the environment of the process.
        """
        s3a = {
            "endpoint": s3_url,
            "endpoint.region": region,
            "path.style.access": "true",
            "connection.ssl.enabled": "false",
            "aws.credentials.provider": f"{_SDK}.auth.credentials.EnvironmentVariableCredentialsProvider",
            # The default of 3.5.0, analytics, reads encrypted files 16 bytes short: "Premature EOF".
            "input.stream.type": "classic",
            "encryption.algorithm": "CSE-KMS",
            "encryption.key": kms_key,
            "encryption.cse.kms.region": region,
        }
        return {
            "spark.driver.extraClassPath": self.jars(),
            **{f"spark.hadoop.fs.s3a.{name}": value for name, value in s3a.items()},
        }


def without_retries(bucket: str) -> dict[str, str]:
    """Return the settings for a bucket whose objects S3A refuses, and asks for again for a minute if it may."""
    return {
        f"spark.hadoop.fs.s3a.bucket.{bucket}.retry.limit": "0",
        f"spark.hadoop.fs.s3a.bucket.{bucket}.attempts.maximum": "1",
    }


def v1_compatibility(bucket: str) -> dict[str, str]:
    """Return the settings for a bucket with objects of old encryption clients: a HEAD each tells the length."""
    return {f"spark.hadoop.fs.s3a.bucket.{bucket}.encryption.cse.v1.compatibility.enabled": "true"}


VERSIONS = (
    S3A("3.4.2", "3.5.0", ".venv-pyspark41", "emrfs-v2", reads_cbc=True),
    S3A("3.5.0", "4.0.0", ".venv", "s3ec-v4", reads_cbc=False),
)


@cache
def _classpath(hadoop: str, client: str) -> str:
    file = BUILD / f"s3a-{hadoop}.txt"
    file.unlink(missing_ok=True)
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"
    versions = [f"-Dhadoop={hadoop}", f"-Ds3ec={client}"]
    output(["mvn", "--batch-mode", "--quiet", goal, *versions, f"-Dmdep.outputFile={file}"], cwd=HERE / "java" / "s3a")
    return file.read_text().strip()
