"""The functions for notebooks, as far as they go without Spark."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.errors import AnalysisException

from s3cse.errors import SettingsError
from s3cse.spark import api


class Settings:
    """What ``spark.conf`` answers."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting."""
        return self.values.get(name, default)

    @property
    def getAll(self) -> dict[str, str]:  # noqa: N802 - Spark's name
        """Return all settings."""
        return self.values


class Session:
    """As much of a SparkSession as settings need."""

    def __init__(self, values: dict[str, str]) -> None:
        self.conf = Settings(**values)


def test_options_win_over_the_session() -> None:
    """What is given counts more than spark.s3cse.*, in any letter case; the rest of the session's counts too."""
    session: Any = Session({"spark.s3cse.kmsKeyId": "session", "spark.s3cse.region": "eu-west-1", "spark.other": "x"})
    assert api.with_session_settings(session, {"KMSkeyID": "given"}) == {"kmskeyid": "given", "region": "eu-west-1"}


def test_settings_of_the_session_in_any_letter_case() -> None:
    """What passes for one of ours counts: otherwise a key, or a refusal, would be ignored in silence."""
    session: Any = Session({"spark.s3cse.kmskeyid": "session", "spark.s3cse.LEGACY": "refuse"})
    assert api.with_session_settings(session, {}) == {"kmskeyid": "session", "legacy": "refuse"}


def test_misspelt_session_settings_are_errors() -> None:
    """A setting of ours that does not exist would be ignored in silence: the error names the nearest one."""
    session: Any = Session({"spark.s3cse.kmsKeyIdd": "x"})
    with pytest.raises(SettingsError, match=r"spark\.s3cse\.kmsKeyIdd.*Did you mean spark\.s3cse\.kmsKeyId\?"):
        api.with_session_settings(session, {})


def test_settings_of_the_other_use_stay_behind() -> None:
    """A session may be set up for reads and writes; what is given is passed on, for the data source to refuse."""
    session: Any = Session({"spark.s3cse.legacy": "allow", "spark.s3cse.profile": "emrfs", "spark.s3cse.region": "r"})
    assert api.with_session_settings(session, {}, "read") == {"legacy": "allow", "region": "r"}
    assert api.with_session_settings(session, {}, "write") == {"profile": "emrfs", "region": "r"}
    assert api.with_session_settings(session, {"filter": "x"}, "write")["filter"] == "x"
    named: Any = Session({"spark.s3cse.profile": "sse-c"})  # S3 wants the key on reads, too
    assert api.with_session_settings(named, {}, "read") == {"profile": "sse-c"}


def test_names_travel_as_json() -> None:
    """Column names with commas and brackets stay themselves."""
    from s3cse.options.table import parse_options

    names = ["a,b", "[c]", 'd"', "ü"]
    given = {"path": "s3://b/t", "kmsKeyId": "k", "columns": api._json_names(names)}
    assert parse_options(given, {}).columns == tuple(names)


@pytest.mark.parametrize("mode", ["ignore", "errorifexists", "Overwrite", ""])
def test_write_knows_two_modes(mode: str) -> None:
    """A mode that Spark would refuse with an unclear message is refused at once, before anything happens."""
    nothing: Any = None
    with pytest.raises(SettingsError, match=r"append \| overwrite"):
        api.write(nothing, "s3://b/t", mode)


@pytest.mark.parametrize(("condition", "refused"), [("DATA_SOURCE_ALREADY_EXISTS", False), ("OTHER", True)])
def test_a_format_that_spark_found_by_itself_is_registered(condition: str, refused: bool) -> None:
    """Spark 4.0 refuses to register it again, which is no failure; any other refusal is one."""

    class Refusal(AnalysisException):
        def getCondition(self) -> str:  # noqa: N802 - Spark's name
            return condition

    def register(source: type) -> None:
        raise Refusal("no")

    session: Any = SimpleNamespace(dataSource=SimpleNamespace(register=register))
    with pytest.raises(Refusal) if refused else nullcontext():
        api.register(session)
