"""Which backend a process gets."""

from __future__ import annotations

import subprocess
import sys
import textwrap

from s3cse.crypto import native
from s3cse.crypto.backend import default_backend
from s3cse.crypto.ciphers import Backend

WITHOUT_EXTENSION = textwrap.dedent(
    """
    import sys, warnings
    sys.modules["s3cse.crypto._native"] = None  # importing it is an ImportError from now on
    from s3cse.crypto.backend import default_backend
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        backends = [default_backend() for _ in range(3)]
    assert {backend.NAME for backend in backends} == {"oracle"}
    assert [warning.category for warning in caught] == [RuntimeWarning]
    assert "compiled extension" in str(caught[0].message)
    encryptor = backends[0].gcm_encryptor(bytes(32), bytes(12))
    out = bytearray(3)
    encryptor.update_into(b"abc", out)
    decryptor = backends[0].gcm_decryptor(bytes(32), bytes(12))
    decryptor.update_into(out, out)
    decryptor.finalize(encryptor.finalize())
    assert out == b"abc"
    """
)


def test_the_compiled_backend_is_the_default() -> None:
    """Where the extension is installed it is used, always the same module."""
    assert default_backend() is native
    assert default_backend() is default_backend()


def test_a_machine_without_the_extension_works_and_is_warned_once() -> None:
    """The oracle takes over with one RuntimeWarning per process, and encrypts."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_EXTENSION], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_importing_does_nothing() -> None:
    """Import warns nobody, starts no thread and fetches no cipher."""
    code = (
        "import threading, warnings; warnings.simplefilter('error'); import s3cse.crypto.backend; "
        "assert threading.active_count() == 1"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_modules_are_backends(backend: Backend) -> None:
    """Each module is a Backend as mypy sees it: this call type-checks and both have every member."""
    for member in ("NAME", "gcm_encryptor", "gcm_decryptor", "ctr_cipher", "cbc_encryptor", "cbc_decryptor"):
        assert hasattr(backend, member)
