"""A server that takes requests for EMR and Glue, checks nothing, and remembers them: the AWS CLI has checked them.

S3 is another matter, there is a real server for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from faults.loopback import LoopbackServer

#: By operation (JSON services) or by the path's first part (REST services).
ANSWERS: dict[str, dict[str, Any]] = {
    "RunJobFlow": {"JobFlowId": "j-1A2B3C4D5E6F7", "ClusterArn": "arn:aws:elasticmapreduce:eu-west-1:111122223333:j"},
    "DescribeCluster": {"Cluster": {"Id": "j-1A2B3C4D5E6F7", "Name": "s3cse", "ReleaseLabel": "emr-7.13.0"}},
    "AddJobFlowSteps": {"StepIds": ["s-1A2B3C4D5E6F7"]},
    "CreateJob": {"Name": "encrypt"},
    "StartJobRun": {"JobRunId": "jr_1"},
    "applications": {"applicationId": "00abcdef12345678", "jobRunId": "00fabc", "arn": "arn:aws:emr-serverless:::/j"},
    "virtualclusters": {"id": "0001", "name": "encrypt", "arn": "arn:aws:emr-containers:::/j", "virtualClusterId": "0"},
}


@dataclass
class AwsStandIn:
    """Runs until :meth:`stop`; ``requests`` has an (operation, body) for each request."""

    requests: list[tuple[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        requests = self.requests

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                target = self.headers.get("X-Amz-Target", "").rpartition(".")[2] or self.path.split("/")[1]
                requests.append((target, body))
                answer = json.dumps(ANSWERS[target]).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = LoopbackServer(Handler)
        self.url = self._server.url

    def of(self, operation: str) -> list[Any]:
        """Return the bodies of an operation's requests."""
        return [body for name, body in self.requests if name == operation]

    def stop(self) -> None:
        """Take no more requests."""
        self._server.stop()
