"""How Spark finds the format: the small package it imports, and a built wheel on a path."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import s3cse.local
from s3cse.spark.api import DATA_SOURCES
from spark.fixtures import SETTINGS, spark_environment

ROOT = Path(__file__).resolve().parents[2]

MEASURE = """
import sys, time
import pyspark.sql.datasource
before = set(sys.modules)
started = time.perf_counter()
import pyspark_s3cse
seconds = time.perf_counter() - started
print(seconds, sorted(set(sys.modules) - before))
print(pyspark_s3cse.DefaultSource.name())
"""


@pytest.mark.data_source
def test_small_package_imports_fast_and_alone() -> None:
    """Spark imports pyspark_s3cse for other formats, too: that takes less than 50 ms and pulls nothing in."""
    fastest = 1.0
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", MEASURE], capture_output=True, text=True, check=True, cwd="/")
        measured, name = done.stdout.splitlines()
        seconds, _, modules = measured.partition(" ")
        assert modules == "['pyspark_s3cse']"
        assert name == "s3cse"
        fastest = min(fastest, float(seconds))
    assert fastest < 0.05


def test_package_is_silent_without_data_sources() -> None:
    """On a Spark without the Python data source API the package imports all the same: it must never break others."""
    script = (
        "import sys, types\n"
        "old = types.ModuleType('pyspark.sql.datasource')\n"
        "sys.modules['pyspark.sql.datasource'] = old\n"
        "import pyspark_s3cse\n"
        "print(hasattr(pyspark_s3cse, 'DefaultSource'))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "False"


def test_small_package_on_this_spark() -> None:
    """The package imports in a fresh process, and has a source to register where this Spark knows such."""
    script = "import pyspark_s3cse as package; print(hasattr(package, 'DefaultSource'))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == str(DATA_SOURCES)


FIND = """
from pyspark.sql import SparkSession
import pyspark_s3cse
print("PLACE", pyspark_s3cse.__file__)
spark = SparkSession.builder.getOrCreate()
try:
    spark.read.format("s3cse").load("s3://bucket/table")
except Exception as error:
    print("ANSWER", error)
"""


@pytest.mark.data_source
def test_wheel_on_a_path_is_found(tmp_path: Path, servers: s3cse.local.Servers) -> None:
    """A wheel unpacked into a folder on PYTHONPATH is found by Spark without register()."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    wheels, target = tmp_path / "wheels", tmp_path / "site"
    # Not in the build folder of the checkout, which belongs to the editable install.
    elsewhere = f"--config-settings=build-dir={tmp_path / 'build'}"
    build = [*pip, "wheel", "--no-deps", "--wheel-dir", str(wheels), elsewhere, str(ROOT)]
    subprocess.run(build, check=True, timeout=300)
    (wheel,) = wheels.glob("s3cse-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", str(target), str(wheel)], check=True, timeout=60)
    assert list((target / "s3cse" / "crypto").glob("_native*.so")), "the wheel has no compiled extension"
    script = tmp_path / "find.py"
    script.write_text(FIND)
    # The interpreter outside the environment: .pth files on PYTHONPATH do not count, the editable install is not seen.
    packages = sysconfig.get_path("purelib")
    environment = spark_environment(servers)
    environment |= {"PYTHONPATH": f"{target}:{packages}", "PYSPARK_PYTHON": sys._base_executable}
    environment.pop("VIRTUAL_ENV", None)
    settings = [word for name, value in SETTINGS.items() for word in ("--conf", f"{name}={value}")]
    command = [str(Path(packages, "pyspark", "bin", "spark-submit")), *settings, str(script)]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"PLACE {target / 'pyspark_s3cse' / '__init__.py'}" in done.stdout
    # The format's own complaint, so it was found.
    assert "SettingsError: no key was named" in done.stdout
    assert str(target / "s3cse" / "spark") in done.stdout, "the code of another copy was run"
