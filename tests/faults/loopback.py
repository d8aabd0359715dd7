"""An HTTP server in a thread, on a loopback port below 32768."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from s3cse.local import ports

_POLL_SECONDS = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class LoopbackServer(ThreadingHTTPServer):
    """Runs from construction to :meth:`stop`, one thread per connection."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__((ports.HOST, 0), handler, bind_and_activate=False)
        # The listener comes from us, because port 0 would give one of the system's ports.
        self.socket.close()
        self.socket = ports.listen()
        self.server_address = self.socket.getsockname()
        self.url = f"http://{ports.HOST}:{self.server_address[1]}"
        self._to_reset: set[socket.socket] = set()
        threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,), name=self.url, daemon=True).start()

    def stop(self) -> None:
        """Take no more connections."""
        self.shutdown()
        self.server_close()

    def reset(self, connection: socket.socket) -> None:
        """Make the connection end with RST instead of FIN, once its handler returns."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._to_reset.add(connection)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection; not with FIN first, as the base class would, where a reset is wanted."""
        if request in self._to_reset:
            self._to_reset.discard(request)
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client goes away in the middle."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            raise
