"""Builds csrc/tests with warnings as errors and runs them: as shipped, under the sanitizers, under valgrind."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from system_packages import install

CSRC = Path(__file__).parents[2] / "csrc"
#: One program per unit and per size of EVP's pieces; a list that shrinks unseen would test nothing.
NUM_PROGRAMS = 24


def run(*command: str | Path, **environment: str) -> str:
    """Run a command and return its output; a failure shows all of it."""
    done = subprocess.run(
        [str(part) for part in command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout


def tool(name: str, package: str) -> str:
    """Find a program, or install its Debian package where that is allowed."""
    found = shutil.which(name)
    if found is None and install(package):
        found = shutil.which(name)
    if found is None:
        pytest.fail(f"this test needs {name}: install the package {package}")
    return found


def build(folder: Path, build_type: str, sanitize: str = "", *, ctgrind: bool = False) -> Path:
    """Configure and build csrc with its tests in ``folder``."""
    cmake = tool("cmake", "cmake")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    options = {
        "S3CSE_EXTENSION": "OFF",
        "S3CSE_TESTS": "ON",
        "S3CSE_WERROR": "ON",
        "CMAKE_BUILD_TYPE": build_type,
        "S3CSE_SANITIZE": sanitize,
        "S3CSE_CTGRIND": "ON" if ctgrind else "OFF",
    }
    run(cmake, "-S", CSRC, "-B", folder, *generator, *(f"-D{name}={value}" for name, value in options.items()))
    run(cmake, "--build", folder, "--parallel", "2")
    return folder


def run_ctest(folder: Path, *only: str, expected: int = NUM_PROGRAMS, **environment: str) -> None:
    """Run every program, or those that ``only`` selects, and make sure that none is missing."""
    told = run(tool("ctest", "cmake"), "--test-dir", folder, "--output-on-failure", *only, **environment)
    # CMake has left out the failed ones, where there are none, since 4.4 or so.
    assert re.search(rf"100% tests passed(, 0 tests failed)? out of {expected}\n", told), told


def test_units_as_shipped(tmp_path: Path) -> None:
    """Every C unit passes its tests in the build that users get, with warnings as errors."""
    run_ctest(build(tmp_path, "Release"))


def test_every_unit_has_a_test() -> None:
    """For each csrc/src/x.c there is a csrc/tests/test_x.c."""
    units = {path.stem for path in (CSRC / "src").glob("*.c")}
    assert units
    assert units <= {path.stem.removeprefix("test_") for path in (CSRC / "tests").glob("test_*.c")}


def test_the_declarations_for_cffi_are_in_the_header() -> None:
    """What Python calls is part of the public header, function by function."""
    declared = set(re.findall(r"\b(s3cse_\w+)\(", (CSRC / "cffi" / "cdef.h").read_text(encoding="utf-8")))
    public = set(re.findall(r"\b(s3cse_\w+)\(", (CSRC / "include" / "s3cse.h").read_text(encoding="utf-8")))
    assert declared
    assert declared <= public


@pytest.mark.heavy
def test_units_under_address_and_undefined_behaviour_sanitizers(tmp_path: Path) -> None:
    """No access outside memory, no leak, no undefined behaviour."""
    folder = build(tmp_path, "RelWithDebInfo", "address,undefined")
    run_ctest(folder, ASAN_OPTIONS="detect_stack_use_after_return=1", UBSAN_OPTIONS="print_stacktrace=1")


@pytest.mark.heavy
def test_units_under_the_thread_sanitizer(tmp_path: Path) -> None:
    """Threads that start ciphers at once do not race."""
    run_ctest(build(tmp_path, "RelWithDebInfo", "thread"), TSAN_OPTIONS="halt_on_error=1")


@pytest.mark.heavy
def test_frames_under_a_fuzzer(tmp_path: Path) -> None:
    """Frames made of what libFuzzer thinks of, under the sanitizers, for a bounded time."""
    clang = tool("clang", "clang")
    program = tmp_path / "fuzz_frames"
    sources = sorted((CSRC / "src").glob("*.c"))
    warnings = ("-Wall", "-Wextra", "-Wconversion", "-Werror")
    run(
        *(
            clang,
            "-std=c11",
            "-O1",
            "-g",
            "-fsanitize=fuzzer,address,undefined",
            "-fno-sanitize-recover=all",
            *warnings,
        ),
        *(f"-I{CSRC / 'include'}", f"-I{CSRC / 'src'}", "-o", program),
        *(CSRC / "tests" / "fuzz_frames.c", *sources, "-lcrypto"),
    )
    seconds = os.environ.get("S3CSE_FUZZ_SECONDS", "30")
    bounds = ("-timeout=10", "-rss_limit_mb=1024", "-max_len=2048", "-seed=1", f"-max_total_time={seconds}")
    said = run(program, *bounds, f"-artifact_prefix={tmp_path}/", "-print_final_stats=1")
    assert int(re.findall(r"number_of_executed_units: (\d+)", said)[0]) > 10_000


@pytest.mark.heavy
def test_units_under_valgrind(tmp_path: Path) -> None:
    """No use of memory that was never written, and none is lost."""
    valgrind = tool("valgrind", "valgrind")
    programs = sorted((build(tmp_path, "RelWithDebInfo") / "tests").glob("test_*_shipped"))
    assert len(programs) == NUM_PROGRAMS // 2
    for program in programs:
        # Test_memory puts a header in front of each allocation, so OpenSSL's own look only possibly lost.
        run(valgrind, "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite", program)


@pytest.mark.heavy
def test_no_branch_and_no_index_depends_on_a_secret(tmp_path: Path) -> None:
    """With key, H and S marked as undefined memory valgrind sees no branch on them, and it does see a planted one."""
    tool("valgrind", "valgrind")
    run_ctest(build(tmp_path, "Release", ctgrind=True), "-R", "ctgrind", expected=2)


@pytest.mark.heavy
def test_the_field_arithmetic_of_arm64(tmp_path: Path) -> None:
    """PMULL gives the products that the definition gives, under QEMU where this machine is another one."""
    compiler = tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    qemu = tool("qemu-aarch64", "qemu-user")
    program = tmp_path / "test_ghash"
    run(
        *(compiler, "-std=c11", "-O3", "-static", "-Wall", "-Wextra", "-Wconversion", "-Werror"),
        *("-DS3CSE_CHECK_WITHOUT_OPENSSL", f"-I{CSRC / 'include'}", "-o", program),
        *(CSRC / "src" / "ghash.c", CSRC / "tests" / "test_ghash.c"),
    )
    assert "hardware multiplication" in run(qemu, "-cpu", "max", program)
