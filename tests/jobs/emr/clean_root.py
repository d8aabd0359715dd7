"""A system of its own to run bootstrap.sh in: a minimal Debian, a user `hadoop` with sudo, nothing of this machine's.

Debian 12, because its C library is younger than 2.28, its Python is /usr/bin/python3.11 as on EMR, and apt has it.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PACKAGES = "python3.11,python3-pip,sudo,ca-certificates"
#: Amazon Linux's Python takes packages from pip; Debian's does not, as long as this file is there.
_EXTERNALLY_MANAGED = "usr/lib/python3.11/EXTERNALLY-MANAGED"
_AWS = """#!/bin/sh
exec env PYTHONPATH=/opt/aws-cli /usr/bin/python3.11 -m awscli "$@"
"""


@dataclass(frozen=True)
class CleanRoot:
    """A folder that is a system's root."""

    folder: Path

    def run(
        self, *command: str, user: str = "hadoop", network: bool = True, environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it as a user; without network there is not even a loopback interface that is up.

        It gets namespaces of its own for processes, mounts and host names, /proc and /dev, and this environment only.
        """
        spaces = ["unshare", "--mount", "--pid", "--fork", "--uts", "--ipc", *([] if network else ["--net"])]
        enter = 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
        inside = ["su", user, "-s", "/bin/bash", "-c", 'cd /; [ ! -d ~ ] || cd; exec "$0" "$@"', "--", *command]
        clean = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8", **(environment or {})}
        return subprocess.run(
            [*spaces, "sh", "-c", enter, str(self.folder), *inside],
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )

    def path(self, inside: str) -> Path:
        """Return where a file of the system is from outside."""
        return self.folder / inside.lstrip("/")

    def copy(self, source: Path, inside: str) -> None:
        """Put a folder's files there."""
        target = self.path(inside)
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)


def make_root(folder: Path, aws_cli: Path) -> CleanRoot:
    """Make the system, once: about a minute.

    Args:
        folder: that becomes the root.
        aws_cli: site-packages with the AWS CLI.
    """
    done = subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", "bookworm", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    root = CleanRoot(folder)
    root.path(_EXTERNALLY_MANAGED).unlink(missing_ok=True)
    added = root.run("useradd", "--create-home", "--shell", "/bin/bash", "hadoop", user="root")
    assert added.returncode == 0, added.stdout
    sudoers = root.path("/etc/sudoers.d/hadoop")
    sudoers.write_text("hadoop ALL=(ALL) NOPASSWD: ALL\n")
    sudoers.chmod(0o440)
    # Or sudo says each time that it cannot resolve this machine's name.
    root.path("/etc/hosts").write_text(f"127.0.0.1 localhost {socket.gethostname()}\n")
    root.copy(aws_cli, "/opt/aws-cli")
    root.path("/usr/bin/aws").write_text(_AWS)
    root.path("/usr/bin/aws").chmod(0o755)
    return root
