"""Wheelhouses of a few lines, for tests of what bootstrap.sh makes of them."""

from __future__ import annotations

import hashlib
import platform
import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
#: Passes where the pinned s3cse is the one with this CONTENT.
CHECK = """
import sys
import s3cse
print("s3cse is", s3cse.CONTENT)
sys.exit(s3cse.CONTENT == "broken")
"""


def make_wheel(folder: Path, content: str) -> Path:
    """Make a wheel of s3cse 0.1.0 that has this content and nothing else."""
    path = folder / "s3cse-0.1.0-py3-none-any.whl"
    files = {
        "s3cse/__init__.py": f"CONTENT = {content!r}\n",
        "s3cse-0.1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: s3cse\nVersion: 0.1.0\n",
        "s3cse-0.1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{name},,\n" for name in (*files, "s3cse-0.1.0.dist-info/RECORD"))
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, "s3cse-0.1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    return path


def make_wheelhouse(folder: Path, content: str = "first", *, version: str = VERSION, machine: str = "") -> Path:
    """Make a wheelhouse of that one wheel."""
    folder.mkdir(exist_ok=True)
    wheel = make_wheel(folder, content)
    (folder / "check_install.py").write_text(CHECK)
    (folder / "requirements.txt").write_text(
        f"# python {version}\n# machine {machine or platform.machine()}\n"
        f"s3cse==0.1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
    )
    write_sums(folder)
    return folder


def write_sums(folder: Path) -> str:
    """Write SHA256SUMS anew, as someone would who changed a file on purpose; return its own SHA-256."""
    names = sorted(path.name for path in folder.iterdir() if path.name != "SHA256SUMS")
    sums = folder / "SHA256SUMS"
    sums.write_text("".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names))
    return hashlib.sha256(sums.read_bytes()).hexdigest()


def make_interpreter(folder: Path) -> Path:
    """Make a Python installation of its own, without pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return folder / "bin" / "python"
