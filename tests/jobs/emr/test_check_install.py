"""check_install.py, as bootstrap.sh, images and people start it."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from s3cse.crypto import native, oracle

SCRIPT = Path(__file__).resolve().parents[3] / "jobs" / "emr" / "check_install.py"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run it isolated, as bootstrap.sh does."""
    command = [sys.executable, "-I", SCRIPT, *arguments]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, cwd="/")


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    """What the script defines."""
    return runpy.run_path(str(SCRIPT))


def test_says_what_is_in_use() -> None:
    """The version, the interpreter, and a libcrypto that is a file and has the version that the extension sees."""
    done = run("--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["s3cse"] == metadata.version("s3cse")
    assert told["interpreter"] == sys.executable
    assert Path(told["libcrypto"]).is_file()
    assert Path(told["libcrypto"]).name.startswith("libcrypto")
    number = native.openssl_version()
    assert told["openssl"].split(".")[:2] == [str(number >> 28), str(number >> 20 & 0xFF)]
    assert told["fips"] is False


def test_one_line_for_people() -> None:
    """Without --json it is a sentence."""
    assert run().stdout.startswith(f"s3cse {metadata.version('s3cse')} works in Python ")


def test_compares_versions(tmp_path: Path) -> None:
    """A package in another version, and one that is missing, are named; comments and hashes are not read."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(f"# python 3.11\ncffi=={metadata.version('cffi')} --hash=sha256:00\n")
    assert run("--requirements", requirements).returncode == 0
    requirements.write_text("cffi==0.0.1 --hash=sha256:00\n")
    assert "cffi" in run("--requirements", requirements).stderr
    requirements.write_text("no_such_package==1\n")
    done = run("--requirements", requirements)
    assert (done.returncode, done.stderr) == (1, "check_install: no_such_package is not installed (expected 1)\n")
    requirements.write_text("# nothing\n")
    assert run("--requirements", requirements).returncode == 1
    assert run("--requirements", tmp_path / "missing").returncode == 1


def test_without_the_extension(script: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The package alone, which would run on `cryptography`, is not enough."""
    monkeypatch.setitem(sys.modules, "s3cse.crypto._native", None)
    monkeypatch.delitem(sys.modules, "s3cse.crypto.native")
    monkeypatch.delattr("s3cse.crypto.native")
    with pytest.raises(script["CheckFailed"], match="does not load"):
        script["check"]()


class Wrong:
    """A backend that encrypts right, but accepts everything or adds things up wrongly."""

    def __init__(self, *, accepts: bool = False, bad_tag: bool = False) -> None:
        self.accepts = accepts
        self.bad_tag = bad_tag

    def object_cipher(self, key: bytes, iv: bytes) -> Any:
        """The oracle's, spoilt."""
        cipher: Any = oracle.object_cipher(key, iv)
        good = cipher.tag
        cipher_tag = (lambda values: bytes(16)) if self.bad_tag else good
        verify = (lambda values, tag: None) if self.accepts else cipher.verify_tag
        return _Spoilt(cipher, cipher_tag, verify)


class _Spoilt:
    def __init__(self, cipher: Any, tag: Any, verify_tag: Any) -> None:
        self.encrypt_segment, self.tag, self.verify_tag = cipher.encrypt_segment, tag, verify_tag

    def __enter__(self) -> _Spoilt:
        return self

    def __exit__(self, *_: object) -> None:
        return None


@pytest.mark.parametrize(
    ("wrong", "words"), [(Wrong(accepts=True), "was accepted"), (Wrong(bad_tag=True), "the known answer")]
)
def test_wrong_arithmetic_is_seen(script: dict[str, Any], wrong: Wrong, words: str) -> None:
    """An extension that miscounts, or accepts any tag, does not pass."""
    with pytest.raises(script["CheckFailed"], match=words):
        script["_check_segments"](wrong)


def test_the_known_answer_is_not_our_own(script: dict[str, Any]) -> None:
    """The other backend, which is OpenSSL by way of `cryptography`, gives it too."""
    script["_check_message"](oracle)
    script["_check_segments"](oracle)
