"""The program behind :mod:`s3cse.local.kms`: moto on a socket that already listens.

Started as ``python -m s3cse.local.kms_server FD``. moto answers for other AWS services there too, Glue among them.
"""

from __future__ import annotations

import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import make_server

from s3cse.local.ports import HOST


def main() -> None:
    """Serve until killed."""
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(HOST, 0, application, threaded=True, request_handler=MotoRequestHandler, fd=int(sys.argv[1]))
    server.serve_forever()


if __name__ == "__main__":
    main()
