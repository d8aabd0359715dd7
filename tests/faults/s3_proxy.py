"""A proxy in front of the S3 server that fails on demand and counts requests.

    with S3Proxy(servers.s3_url) as proxy:
        client = servers.s3_client(proxy.url)
        proxy.fail(Fault(Reset(), method="PUT", query="partNumber=2", nth=1), Fault(SLOW_DOWN, method="GET", nth=3))
        …
        assert proxy.count("GET", key="table/*") == 2

Faults are data, see :mod:`faults.s3_faults`. Requests go through unchanged, the Host header included, so the client's
signature (which it makes for the proxy) stays valid. Bodies are streamed both ways; aws-chunked ones unread.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from faults.loopback import LoopbackServer
from faults.s3_faults import Action, Answer, Call, CutError, Fault, LoggedRequest, LoseAnswer, Reset, Stall, altered

_PIECE = 64 * 1024
_UPSTREAM_SECONDS = 120.0
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "expect"})
_METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE")


class S3Proxy:
    """The proxy, running from construction to the end of its ``with`` block; safe to use from several threads."""

    def __init__(self, upstream_url: str) -> None:
        self.upstream = urlsplit(upstream_url).netloc
        self.requests: list[LoggedRequest] = []
        self._faults: list[tuple[Fault, Iterator[int]]] = []
        self._lock = threading.Lock()
        methods = {f"do_{method}": _Handler.handle_request for method in _METHODS}
        self._server = LoopbackServer(type("_BoundHandler", (_Handler,), {"proxy": self, **methods}))
        self.url = self._server.url

    def __enter__(self) -> S3Proxy:
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.stop()

    def fail(self, *faults: Fault) -> None:
        """Put faults in force in place of those before; the first one that is due for a request acts."""
        with self._lock:
            self._faults = [(fault, itertools.count(1)) for fault in faults]

    def clear(self) -> None:
        """Forget the faults and the log."""
        with self._lock:
            self._faults, self.requests = [], []

    def find(self, method: str | None = None, *, key: str = "*", query: str = "") -> list[LoggedRequest]:
        """Return the logged requests that match; the arguments are those of :class:`Fault`."""
        with self._lock:
            return [request for request in self.requests if request.matches(method, key, query)]

    def count(self, method: str | None = None, *, key: str = "*", query: str = "") -> int:
        """Return how many logged requests match."""
        return len(self.find(method, key=key, query=query))

    def admit(self, request: LoggedRequest) -> Action | None:
        """Log a request and return what is to happen to it."""
        with self._lock:
            self.requests.append(request)
            matching = [each for each in self._faults if request.matches(each[0].method, each[0].key, each[0].query)]
            # All count before one acts, so that nth does not depend on the other faults.
            numbered = [(fault, next(seen)) for fault, seen in matching]
        return next((fault.action for fault, number in numbered if fault.nth in (None, number)), None)

    def reset(self, handler: BaseHTTPRequestHandler) -> None:
        """End a handler's connection with RST."""
        handler.close_connection = True
        self._server.reset(handler.connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Header and body are two writes; Nagle's algorithm would hold the second back for 40 ms.
    disable_nagle_algorithm = True
    timeout = _UPSTREAM_SECONDS
    proxy: S3Proxy

    def handle_request(self) -> None:
        """Let one request through, or do to it what is due."""
        request = self._logged()
        action = self.proxy.admit(request)
        if isinstance(action, Call) and action.before is not None:
            action.before(request)
        if isinstance(action, Answer):
            self._answer(request, action)
        elif action == Reset():
            self.proxy.reset(self)
        else:
            self._forward(request, action)

    def _logged(self) -> LoggedRequest:
        path, _, query = self.path.partition("?")
        bucket, _, key = path.removeprefix("/").partition("/")
        return LoggedRequest(self.command, unquote(bucket), unquote(key), unquote(query), self.headers.get("Range"))

    def _answer(self, request: LoggedRequest, answer: Answer) -> None:
        for _ in self._body():
            pass
        request.status, request.bytes = answer.status, len(answer.body)
        self.send_response_only(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    def _forward(self, request: LoggedRequest, action: Action | None) -> None:
        upstream = HTTPConnection(self.proxy.upstream, timeout=_UPSTREAM_SECONDS)
        try:
            self._send(upstream)
            response = upstream.getresponse()
            if isinstance(action, LoseAnswer):
                response.read()
                self.proxy.reset(self)
            else:
                self._relay(request, response, action)
        except (OSError, HTTPException):
            # Half an answer may be out; the client must not take what follows for the rest.
            self.proxy.reset(self)
        finally:
            upstream.close()

    def _send(self, upstream: HTTPConnection) -> None:
        chunked = self._is_chunked()
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                upstream.putheader(name, value)
        if chunked:
            upstream.putheader("Transfer-Encoding", "chunked")
        upstream.endheaders()
        body = self._body()
        try:
            for piece in body:
                upstream.send(_chunk(piece) if chunked else piece)
            if chunked:
                upstream.send(_chunk(b""))
        except ConnectionError:
            # The server has answered without reading on; the client wants to get rid of the rest before it listens.
            for _ in body:
                pass

    def _is_chunked(self) -> bool:
        return self.headers.get("Transfer-Encoding", "").lower() == "chunked"

    def _body(self) -> Iterator[bytes]:
        """Read the request's body piece by piece, without the framing of Transfer-Encoding."""
        if not self._is_chunked():
            yield from self._exactly(int(self.headers.get("Content-Length", 0)))
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield from self._exactly(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _exactly(self, size: int) -> Iterator[bytes]:
        while size:
            piece = self.rfile.read(min(size, _PIECE))
            if not piece:
                raise ConnectionAbortedError("the client went away within a body")
            size -= len(piece)
            yield piece

    def _relay(self, request: LoggedRequest, response: HTTPResponse, action: Action | None) -> None:
        chunked = response.chunked and self.command != "HEAD"
        pieces = altered(_pieces(response), action, request)
        # Fetched before the headers go, so that what has to happen before the answer does, with an empty body too.
        if isinstance(action, Call) or (isinstance(action, Stall) and action.after is None):
            pieces = itertools.chain([next(pieces, b"")], pieces)
        request.status = response.status
        self.send_response_only(response.status, response.reason)
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self._write(request, pieces, chunked=chunked)
        except CutError:
            self.close_connection = True
            if isinstance(action, Reset):
                self.proxy.reset(self)
        if response.length or (response.length is None and not chunked):
            # The server sent less than it promised, or its end of the connection is the end of the body.
            self.close_connection = True

    def _write(self, request: LoggedRequest, pieces: Iterator[bytes], *, chunked: bool) -> None:
        for piece in filter(None, pieces):
            request.bytes += len(piece)
            self.wfile.write(_chunk(piece) if chunked else piece)
        if chunked:
            self.wfile.write(_chunk(b""))

    def log_message(self, *args: object) -> None:
        """Say nothing: the proxy has a log of its own."""


def _chunk(piece: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _pieces(response: HTTPResponse) -> Iterator[bytes]:
    return iter(lambda: response.read1(_PIECE), b"")
