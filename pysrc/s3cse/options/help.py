"""What each option means, in a line: for flags of commands and for docs/options.md."""

from __future__ import annotations

#: What each option means, in a line; docs/options.md is made from it.
HELP = {
    "keyring": "kms (default) | kms-discovery (read any KMS key's objects) | aes | rsa | provider",
    "kmsKeyId": "KMS key: id, ARN or alias (default: S3CSE_KMSKEYID in the environment)",
    "kmsRegion": "AWS Region of the KMS key, if not the bucket's (default: that of its ARN, or region)",
    "kmsAccounts": "with kms-discovery: AWS accounts whose keys are trusted, with commas between (default: all)",
    "kmsRegions": "with kms-discovery: AWS Regions whose keys are trusted, with commas between (default: all)",
    "keyFile": "file with the raw AES or RSA key (PEM, DER, base64 or bytes), on the driver and every executor, or its "
    "S3 address",
    "keyEnv": "environment variable with that key, on the driver and every executor",
    "provider": "module:Class with for_encrypt(uri, job) and for_decrypt(matdesc)",
    "keyNamespace": "of a raw key in Encryption SDK messages: its namespace (provider id); stored with every object",
    "keyName": "of a raw key in Encryption SDK messages: its name in the namespace; stored with every object",
    "customerKeys": "with profile sse-c: one (default), the key is every object's | derived, each object's own is "
    "derived from it (docs/sse-c.md)",
    "region": "AWS Region of bucket and key (default: as boto3 finds it)",
    "endpointUrl": "another S3 server than AWS (default: AWS_ENDPOINT_URL_S3)",
    "kmsEndpointUrl": "another KMS than AWS (default: AWS_ENDPOINT_URL_KMS)",
    "profile": "what is written: emrfs-v2 (GCM, default) | emrfs (CBC, for old readers) | s3ec-v4 (key commitment) | "
    "redshift (for COPY) | encryption-sdk (AWS Encryption SDK messages) | sse-c (S3 encrypts under a key that is sent "
    "along); the last two are named on reads, too",
    "storage": "where envelopes go: metadata (default) | instruction-file (not under tables for Athena, Trino or S3A)",
    "frameBytes": "with profile encryption-sdk: plaintext bytes in a frame (default: 64k); a ranged read fetches whole "
    "frames",
    "sse": "what S3 itself encrypts the ciphertext with: AES256 | aws:kms | aws:kms:dsse (default: as the bucket is "
    "set up)",
    "sseKmsKeyId": "with sse=aws:kms: S3's own KMS key (default: that of the bucket); not the key of the data",
    "context": 'KMS encryption context, or a raw key\'s materials description, as JSON, like {"team": "flights"}',
    "integrity": "strict (default) | verify-indexed | none",
    "legacy": "refuse (default) | wraps | allow: old key wraps and CBC bodies",
    "commitment": "allow (default) | require: only formats that commit to their key",
    "plaintext": "refuse (default) | pass: files that are not encrypted",
    "columns": "only these columns, with commas between",
    "filter": "only rows for which this SQL condition is true",
    "partitionBy": "columns that become folders, with commas between",
    "schemaMode": "one (default): the smallest file speaks for all | merge: unite the schemas of all files",
    "compression": "snappy (default) | zstd | gzip | lz4 | none",
    "maxRecordsPerFile": "rows in a file at most, as for Spark's own files (default: 0, no limit)",
    "rowGroupBytes": "bytes of rows in memory that become one row group (default: 32m); a task may hold two",
    "fileBytes": "bytes of Parquet after which a file is finished and another begun (default: 256m); a strict reader "
    "holds a file in memory",
    "partitionOverwrite": "what an overwrite replaces: static (default), the whole table | dynamic, only the "
    "partitions that the new data has",
    "splitBytes": "stored bytes per read task at most (default: 64m)",
    "rowCounts": "true: instead of the rows one row for each file, with its number of rows, from the footers alone",
    "report": "S3 folder where each task leaves what it verified and what not, for s3cse.spark.read_report",
    "registerAs": "database.table: after the write the Glue catalog knows the table and its new partitions; refused "
    "before the write begins is what Athena could not read",
    "glueEndpointUrl": "another Glue than AWS (default: AWS_ENDPOINT_URL_GLUE)",
    "clusterSettings": "use (default): what emrfs-site.xml and core-site.xml say of the bucket counts where you say "
    "nothing (docs/settings.md) | ignore",
    "parallelism": "tasks that run at once; splits become a multiple of it (s3cse.spark.read fills it in)",
}
CONNECTION = (
    "keyring", "kmsKeyId", "kmsRegion", "kmsAccounts", "kmsRegions", "keyFile", "keyEnv", "provider", "keyNamespace",
    "keyName", "customerKeys", "region", "endpointUrl", "kmsEndpointUrl", "context", "clusterSettings",
)  # fmt: skip
