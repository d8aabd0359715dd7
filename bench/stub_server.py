"""An S3 server that costs next to nothing, to measure clients against: uploads are discarded, one object is served.

    python bench/stub_server.py [OBJECT [METADATA]]

Prints its address, on a loopback port below 32768, and serves until its standard input ends. Every key of every bucket
is the file OBJECT (none: an empty object) with the metadata of the JSON file METADATA: GET with ranges, suffix ranges
and If-Match, and HEAD. PUT of objects and parts is answered when the body has come, CreateMultipartUpload, Complete and
Abort at once. Nothing is checked: no signature, no checksum, no upload id.

No Python work per byte: the kernel throws bodies away (MSG_TRUNC: no copy out of the socket) and sends the file itself
(sendfile). One thread per connection.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from s3cse.local import ports

ETAG = '"5751b5751b5751b5751b5751b5751b51"'
_PIECE = bytearray(1 << 20)  # nothing is ever written into it
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CREATED = "<InitiateMultipartUploadResult><UploadId>upload</UploadId></InitiateMultipartUploadResult>"
_COMPLETED = f"<CompleteMultipartUploadResult><ETag>{ETAG}</ETag></CompleteMultipartUploadResult>"


@dataclass(frozen=True)
class Served:
    """The object that every key is."""

    file: int | None = None
    size: int = 0
    metadata: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, paths: list[str]) -> Served:
        """Return the object of the command line."""
        if not paths:
            return cls()
        metadata = json.loads(Path(paths[1]).read_text()) if len(paths) > 1 else {}
        return cls(os.open(paths[0], os.O_RDONLY), os.stat(paths[0]).st_size, metadata)


@dataclass(frozen=True)
class Request:
    """The head of a request; header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]


class Connection:
    """One connection and its requests, one after the other."""

    def __init__(self, peer: socket.socket, served: Served) -> None:
        self._peer = peer
        self._served = served
        self._rest = b""

    def serve(self) -> None:
        """Answer until the client goes."""
        try:
            self._peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (request := self._next()) is not None:
                self._take_body(request)
                self._answer(request)
        except ConnectionError:
            pass
        finally:
            self._peer.close()

    def _next(self) -> Request | None:
        while b"\r\n\r\n" not in self._rest:
            more = self._peer.recv(1 << 16)
            if not more:
                return None
            self._rest += more
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        pairs = (line.partition(":") for line in lines)
        return Request(method, target, {name.lower(): value.strip() for name, _, value in pairs})

    def _take_body(self, request: Request) -> None:
        if request.headers.get("expect", "").lower() == "100-continue":
            self._peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "transfer-encoding" in request.headers:
            raise ConnectionError("bodies in chunks are not known here: clients use Content-Length over plain HTTP")
        left = int(request.headers.get("content-length", 0))
        early = min(left, len(self._rest))
        self._rest, left = self._rest[early:], left - early
        while left:
            count = self._peer.recv_into(_PIECE, min(left, len(_PIECE)), socket.MSG_TRUNC | socket.MSG_WAITALL)
            if not count:
                raise ConnectionError
            left -= count

    def _answer(self, request: Request) -> None:
        if request.method in ("GET", "HEAD"):
            self._send_object(request)
        elif request.method == "DELETE":
            self._send(204)
        elif request.method == "POST":
            self._send(200, body=_CREATED if "uploadId=" not in request.target else _COMPLETED)
        else:
            self._send(200, {"ETag": ETAG})

    def _send_object(self, request: Request) -> None:
        size = self._served.size
        headers = {"ETag": ETAG, "Accept-Ranges": "bytes", "Content-Type": "binary/octet-stream"}
        headers |= {f"x-amz-meta-{name}": value for name, value in self._served.metadata.items()}
        if request.headers.get("if-match", ETAG) != ETAG:
            self._send(412)
            return
        wanted = _wanted(request.headers.get("range"), size)
        if wanted is None:
            self._send(416)
            return
        start, end, status = wanted
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._send(status, headers, length=end - start)
        if request.method == "GET" and self._served.file is not None:
            while start < end:
                start += os.sendfile(self._peer.fileno(), self._served.file, start, end - start)

    def _send(
        self, status: int, headers: dict[str, str] | None = None, *, body: str = "", length: int | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {status} Done", f"Content-Length: {len(body) if length is None else length}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        more = socket.MSG_MORE if length else 0  # the file follows in the same packet
        self._peer.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1"), more)


def _wanted(text: str | None, size: int) -> tuple[int, int, int] | None:
    """Return first byte, byte behind the last, and status; None for a range that the object does not have."""
    match = _RANGE.fullmatch(text or "")
    if match is None:
        return 0, size, 200
    first, last = match.groups()
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    return (start, end, 206) if start < end else None


def main() -> None:
    """Serve until standard input ends."""
    served = Served.read(sys.argv[1:])
    listener = ports.listen()
    threading.Thread(target=_accept, args=(listener, served), daemon=True).start()
    print(f"http://{ports.HOST}:{listener.getsockname()[1]}", flush=True)
    sys.stdin.read()


def _accept(listener: socket.socket, served: Served) -> None:
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=Connection(peer, served).serve, daemon=True).start()


if __name__ == "__main__":
    main()
