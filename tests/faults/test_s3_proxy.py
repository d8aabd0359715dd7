"""The S3 proxy changes nothing by itself, and each fault does what it says."""

from __future__ import annotations

import base64
import contextlib
import io
import os
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any

import psutil
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

import s3cse.local
from faults.s3_faults import SLOW_DOWN, Answer, Call, Fault, Flip, LoseAnswer, Reset, Stall, Truncate
from faults.s3_proxy import S3Proxy

MIB = 1 << 20
#: Connection errors, while the headers are awaited and within a body.
BROKEN = BotoCoreError


@pytest.fixture
def client(servers: s3cse.local.Servers, s3_proxy: S3Proxy) -> Any:
    """A client of the proxy that does not repeat failed requests."""
    return servers.s3_client(s3_proxy.url, retries=0)


@pytest.fixture
def body(client: Any, bucket: str, s3_proxy: S3Proxy) -> bytes:
    """The content of ``object``: 300 000 random bytes, so more than one piece."""
    content = os.urandom(300_000)
    client.put_object(Bucket=bucket, Key="object", Body=content)
    s3_proxy.clear()
    return content


def read(client: Any, bucket: str, **options: Any) -> bytes:
    """Return the content of ``object``."""
    # Without a range boto3 would check the CRC-32 of the whole object.
    return bytes(client.get_object(Bucket=bucket, Key="object", Range="bytes=0-", **options)["Body"].read())


def drain(stream: Any, into: bytearray) -> None:
    """Read a body in small steps up to its end or an error."""
    while piece := stream.read(1000):
        into += piece


def succeeds(call: Callable[[], object]) -> bool:
    """Tell whether a call raises no error of S3's."""
    try:
        call()
    except ClientError:
        return False
    return True


def part(client: Any, bucket: str, upload_id: str, number: int) -> dict[str, Any]:
    """Send one part of ``object`` and return its line for Complete."""
    sent = client.upload_part(Bucket=bucket, Key="object", UploadId=upload_id, PartNumber=number, Body=b"x" * (5 * MIB))
    return {"PartNumber": number, "ETag": sent["ETag"]}


def upload(client: Any, bucket: str, parts: int) -> None:
    """Upload ``object`` in parts."""
    upload_id = client.create_multipart_upload(Bucket=bucket, Key="object")["UploadId"]
    sent = [part(client, bucket, upload_id, number) for number in range(1, parts + 1)]
    client.complete_multipart_upload(Bucket=bucket, Key="object", UploadId=upload_id, MultipartUpload={"Parts": sent})


class TrailerAuth(S3SigV4Auth):
    """Signs a request whose checksum follows its body; boto3 makes such requests with HTTPS only."""

    def payload(self, request: AWSRequest) -> str:
        """Return what stands for the body's hash."""
        return "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def put_aws_chunked(servers: s3cse.local.Servers, proxy: S3Proxy, path: str, content: bytes, pieces: int) -> int:
    """Send a PUT with an aws-chunked body in HTTP chunks and return the status."""
    headers = {
        "Content-Encoding": "aws-chunked",
        "Transfer-Encoding": "chunked",
        "X-Amz-Decoded-Content-Length": str(len(content)),
        "X-Amz-Trailer": "x-amz-checksum-crc32",
    }
    request = AWSRequest("PUT", proxy.url + path, headers, data=content)
    TrailerAuth(Credentials(servers.access_key, servers.secret_key), "s3", servers.region).add_auth(request)
    checksum = base64.b64encode(zlib.crc32(content).to_bytes(4, "big"))
    trailer = b"0\r\nx-amz-checksum-crc32:" + checksum + b"\r\n\r\n"
    body = b"%x\r\n%b\r\n" % (len(content), content) + trailer
    step = -(-len(body) // pieces)
    connection = HTTPConnection(proxy.url.removeprefix("http://"), timeout=30)
    chunks = [body[at : at + step] for at in range(0, len(body), step)]
    connection.request("PUT", path, iter(chunks), dict(request.headers), encode_chunked=True)
    status = connection.getresponse().status
    connection.close()
    return status


class ZerosFile(io.RawIOBase):
    """A file of zeros that takes no memory."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """It can be read again."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to an offset from the start, from here or from the end."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with zeros."""
        count = min(len(buffer), self._size - self._at)
        buffer[:count] = bytes(count)
        self._at += count
        return count


class TestPassThrough:
    """Requests and answers come through unchanged."""

    @pytest.mark.parametrize("key", ["plain", "with space/ä+%25&=?#~"])
    def test_keys_and_metadata(self, client: Any, s3: Any, bucket: str, s3_proxy: S3Proxy, key: str) -> None:
        """Odd keys, metadata and content reach the server, and the log shows the key as it is."""
        client.put_object(Bucket=bucket, Key=key, Body=b"text", Metadata={"a": "b"})
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"text"
        assert client.head_object(Bucket=bucket, Key=key)["Metadata"] == {"a": "b"}
        assert [(request.method, request.key) for request in s3_proxy.requests] == [("PUT", key), ("HEAD", key)]

    @pytest.mark.parametrize("size", [0, 1, 64 * 1024, 5 * MIB + 1])
    def test_sizes(self, client: Any, bucket: str, size: int) -> None:
        """Content of any length survives both directions."""
        content = os.urandom(size)
        client.put_object(Bucket=bucket, Key="object", Body=content)
        assert client.get_object(Bucket=bucket, Key="object")["Body"].read() == content

    @pytest.mark.parametrize("pieces", [1, 5])
    def test_aws_chunked_with_a_trailer(
        self, servers: s3cse.local.Servers, s3: Any, s3_proxy: S3Proxy, bucket: str, pieces: int
    ) -> None:
        """An aws-chunked body with a checksum trailer inside HTTP chunks arrives whole; its signature holds."""
        content = os.urandom(MIB + 3)
        assert put_aws_chunked(servers, s3_proxy, f"/{bucket}/object", content, pieces) == 200
        assert s3.get_object(Bucket=bucket, Key="object")["Body"].read() == content

    def test_multipart(self, client: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """A multipart upload goes through, and its requests can be told apart by their query."""
        upload(client, bucket, parts=2)
        assert s3_proxy.count("POST", query="uploads") == 1
        assert s3_proxy.count("PUT", query="partNumber=2") == 1
        assert s3_proxy.count("POST", query="uploadId") == 1

    def test_errors(self, client: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """The server's own errors come through with their code."""
        with pytest.raises(ClientError, match="NoSuchKey"):
            client.get_object(Bucket=bucket, Key="none")
        assert [request.status for request in s3_proxy.requests] == [404]

    def test_the_log_has_range_status_and_bytes(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy) -> None:
        """One line per request, complete as soon as the client has the answer."""
        client.get_object(Bucket=bucket, Key="object", Range="bytes=-100")["Body"].read()
        (request,) = s3_proxy.requests
        assert (request.method, request.bucket, request.key) == ("GET", bucket, "object")
        assert (request.range, request.status, request.bytes) == ("bytes=-100", 206, 100)

    def test_one_connection_serves_many_requests(self, client: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """Connections are kept alive, after errors and answers on demand too."""
        s3_proxy.fail(Fault(SLOW_DOWN, method="PUT", nth=3))
        threads = threading.active_count()
        for number in range(6):
            with contextlib.suppress(ClientError):
                client.put_object(Bucket=bucket, Key=f"object-{number}", Body=b"text")
        assert threading.active_count() <= threads + 1

    def test_large_bodies_are_streamed(self, client: Any, bucket: str) -> None:
        """A body of 64 MiB does not pass through memory as a whole, in either direction."""
        process = psutil.Process()
        content = ZerosFile(64 * MIB)
        before = process.memory_info().rss
        client.put_object(Bucket=bucket, Key="object", Body=content, ChecksumAlgorithm="CRC32")
        stream = client.get_object(Bucket=bucket, Key="object")["Body"]
        assert sum(map(len, stream.iter_chunks(MIB))) == 64 * MIB
        assert process.memory_info().rss - before < 32 * MIB


class TestFaults:
    """Each action, seen by a client that does not try again."""

    def test_reset_before_forwarding(self, client: Any, s3: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """The client's connection breaks and the server never hears of the request."""
        s3_proxy.fail(Fault(Reset(), method="PUT"))
        with pytest.raises(BROKEN):
            client.put_object(Bucket=bucket, Key="object", Body=b"text")
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
        assert s3_proxy.requests[0].status is None

    def test_reset_within_the_body(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy) -> None:
        """The answer begins, and its connection breaks after exactly so many bytes."""
        s3_proxy.fail(Fault(Reset(after=100_000), key="object"))
        with pytest.raises(BROKEN):
            read(client, bucket)
        assert s3_proxy.requests[0].bytes == 100_000

    @pytest.mark.parametrize("after", [0, 1, 65_536, 299_999])
    def test_truncate(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy, after: int) -> None:
        """The client gets the first bytes and an orderly end in place of the rest."""
        s3_proxy.fail(Fault(Truncate(after), key="object"))
        stream = client.get_object(Bucket=bucket, Key="object", Range="bytes=0-")["Body"]
        got = bytearray()
        with pytest.raises(BROKEN):
            drain(stream, got)
        assert body.startswith(got)
        assert s3_proxy.requests[0].bytes == after

    @pytest.mark.parametrize("at", [0, 1, 65_536, 299_999])
    def test_flip(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy, at: int) -> None:
        """One byte changes, all others and the length stay."""
        s3_proxy.fail(Fault(Flip(at, mask=0x80), key="object"))
        changed = bytearray(body)
        changed[at] ^= 0x80
        assert read(client, bucket) == changed

    def test_stall_before_the_answer(self, client: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """Even an answer without a body comes only after the wait."""
        s3_proxy.fail(Fault(Stall(0.3), method="PUT"))
        before = time.monotonic()
        client.put_object(Bucket=bucket, Key="object", Body=b"text")
        assert time.monotonic() - before >= 0.3

    def test_stall_within_the_body(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy) -> None:
        """The first bytes come at once, the rest after the wait."""
        s3_proxy.fail(Fault(Stall(0.5, after=100_000), key="object"))
        before = time.monotonic()
        stream = client.get_object(Bucket=bucket, Key="object", Range="bytes=0-")["Body"]
        first = stream.read(100_000)
        early = time.monotonic() - before
        assert first + stream.read() == body
        assert early < 0.4 < time.monotonic() - before

    def test_answer(self, client: Any, s3: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """503 SlowDown comes from the proxy; the server never hears of the request."""
        s3_proxy.fail(Fault(SLOW_DOWN, method="PUT"))
        with pytest.raises(ClientError, match="SlowDown"):
            client.put_object(Bucket=bucket, Key="object", Body=b"x" * MIB)
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
        assert s3_proxy.requests[0].status == 503

    def test_complete_with_200_and_an_error(self, client: Any, s3: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """boto3 takes an error document with status 200 for the error that it is; the upload stays unfinished."""
        s3_proxy.fail(Fault(Answer.error(200, "InternalError"), method="POST", query="uploadId"))
        with pytest.raises(ClientError, match="InternalError"):
            upload(client, bucket, parts=1)
        assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1

    def test_lose_the_answer(self, client: Any, s3: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """The client sees a broken connection although the server did what was asked."""
        s3_proxy.fail(Fault(LoseAnswer(), method="PUT"))
        with pytest.raises(BROKEN):
            client.put_object(Bucket=bucket, Key="object", Body=b"text")
        assert s3.get_object(Bucket=bucket, Key="object")["Body"].read() == b"text"

    def test_call_before(self, client: Any, s3: Any, bucket: str, body: bytes, s3_proxy: S3Proxy) -> None:
        """An object replaced just before the second read makes If-Match fail."""
        etag = client.head_object(Bucket=bucket, Key="object")["ETag"]
        replace = Call(before=lambda request: s3.put_object(Bucket=bucket, Key=request.key, Body=b"other"))
        s3_proxy.fail(Fault(replace, method="GET", nth=2))
        assert read(client, bucket, IfMatch=etag) == body
        with pytest.raises(ClientError, match="PreconditionFailed"):
            read(client, bucket, IfMatch=etag)

    @pytest.mark.parametrize("size", [0, 10, 300_000])
    def test_call_after(self, client: Any, s3: Any, bucket: str, s3_proxy: S3Proxy, size: int) -> None:
        """The function runs when the server is done and before the client is, whatever the answer's length."""
        content = os.urandom(size)
        s3.put_object(Bucket=bucket, Key="object", Body=content)
        replace = Call(after=lambda request: s3.put_object(Bucket=bucket, Key=request.key, Body=b"other"))
        s3_proxy.fail(Fault(replace, method="GET", nth=1))
        assert client.get_object(Bucket=bucket, Key="object")["Body"].read() == content
        assert client.get_object(Bucket=bucket, Key="object")["Body"].read() == b"other"


class TestMatching:
    """Which requests a fault is about."""

    def test_nth_part(self, client: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """partNumber=2 means that part, not 20 or 12, and nth=1 leaves the repetition alone."""
        s3_proxy.fail(Fault(SLOW_DOWN, query="partNumber=2", nth=1))
        upload_id = client.create_multipart_upload(Bucket=bucket, Key="object")["UploadId"]
        outcomes = []
        for number in (1, 20, 12, 2, 2):
            outcomes.append(succeeds(lambda number=number: part(client, bucket, upload_id, number)))
        assert outcomes == [True, True, True, False, True]

    def test_method_and_key(self, client: Any, bucket: str, s3_proxy: S3Proxy) -> None:
        """A fault for a method and a key glob touches nothing else."""
        s3_proxy.fail(Fault(SLOW_DOWN, method="PUT", key="table/*.parquet"))
        outcomes = {}
        for key in ("table/a.parquet", "table/deep/b.parquet", "table/c.txt", "other.parquet"):
            outcomes[key] = succeeds(lambda key=key: client.put_object(Bucket=bucket, Key=key, Body=b""))
        assert list(outcomes.values()) == [False, False, True, True]
        assert succeeds(lambda: client.list_objects_v2(Bucket=bucket))

    def test_several_faults(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy) -> None:
        """Faults with different nth act one after the other; once used up, all is well."""
        s3_proxy.fail(Fault(SLOW_DOWN, method="GET", nth=1), Fault(Flip(0), method="GET", nth=2))
        assert not succeeds(lambda: read(client, bucket))
        assert read(client, bucket) != body
        assert read(client, bucket) == body

    def test_threads(self, client: Any, bucket: str, body: bytes, s3_proxy: S3Proxy) -> None:
        """Of many requests at once, exactly the nth fails and all are counted."""
        s3_proxy.fail(Fault(SLOW_DOWN, method="GET", nth=7))
        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(lambda _: succeeds(lambda: read(client, bucket)), range(24)))
        assert outcomes.count(False) == 1
        assert s3_proxy.count("GET", key="obj*") == 24
