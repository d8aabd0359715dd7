"""The cluster's settings count where nobody says otherwise, once, and in the right order."""

from __future__ import annotations

import argparse
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest

from s3cse.errors import SettingsError
from s3cse.keyrings.configured import KeyringSettings
from s3cse.options import cluster_settings
from s3cse.options.table import Options, parse_options
from s3cse.settings import files
from s3cse.spark import api, job
from s3cse.spark.flags import READING, add_flags

KMS = "com.amazon.ws.emr.hadoop.fs.cse.KMSEncryptionMaterialsProvider"
ARN = "arn:aws:kms:us-east-1:111122223333:key/1"
CSE = {"fs.s3.cse.enabled": "true", "fs.s3.cse.encryptionMaterialsProvider": KMS, "fs.s3.cse.kms.keyId": ARN}
PATH = {"path": "s3://lake/t/"}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster_settings._once.cache_clear()
    for name in ("S3CSE_CONF_DIR", "S3CSE_KMSKEYID", "HADOOP_CONF_DIR", "S3CSE_LEGACY"):
        monkeypatch.delenv(name, raising=False)


def cluster(folder: Path, **settings: str) -> dict[str, str]:
    """Write emrfs-site.xml; return an environment that points there. ``__`` in names are dots."""
    values = {**CSE, **{name.replace("__", "."): value for name, value in settings.items()}}
    rows = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>" for name, value in values.items() if value
    )
    (folder / "emrfs-site.xml").write_text(f"<configuration>{rows}</configuration>")
    return {"S3CSE_CONF_DIR": str(folder)}


def test_nothing_but_the_path(tmp_path: Path) -> None:
    """The user story: the format's name and an address; the key, the format and the rules are the cluster's."""
    found = parse_options(PATH, cluster(tmp_path))
    assert found.keyring == KeyringSettings(kms_key_id=ARN, kms_region="us-east-1")
    assert (found.profile, found.storage, found.policy.legacy) == ("emrfs", "metadata", "allow")
    assert pickle.loads(pickle.dumps(found)) == found


def test_v2_allows_nothing_old(tmp_path: Path) -> None:
    """With encryptionV2 the strictest rules stay."""
    found = parse_options(PATH, cluster(tmp_path, fs__s3__cse__encryptionV2__enabled="true"))
    assert (found.profile, found.policy.legacy) == ("emrfs-v2", "refuse")


def test_order(tmp_path: Path) -> None:
    """Given, the cluster's, the environment's."""
    environment = {**cluster(tmp_path), "S3CSE_PROFILE": "s3ec-v4", "S3CSE_REGION": "eu-west-1", "S3CSE_KMSKEYID": "e"}
    found = parse_options({**PATH, "legacy": "wraps"}, environment)
    assert (found.policy.legacy, found.profile, found.region) == ("wraps", "emrfs", "eu-west-1")
    assert found.keyring.kms_key_id == ARN
    assert parse_options({**PATH, "kmsKeyId": "mine", "profile": "s3ec-v4"}, environment).keyring == KeyringSettings(
        kms_key_id="mine", region="eu-west-1"
    )


@pytest.mark.parametrize("settings", [{"fs__s3__cse__enabled": "false"}, {"fs__s3__cse__enabled": ""}])
@pytest.mark.parametrize("more", [{}, {"fs__s3__enableServerSideEncryption": "true"}])
def test_without_cse_nothing_changes(tmp_path: Path, settings: dict[str, str], more: dict[str, str]) -> None:
    """A cluster without client-side encryption, or with S3's own, is as if it were none."""
    given = {**PATH, "kmsKeyId": "mine"}
    assert parse_options(given, cluster(tmp_path, **settings, **more)) == parse_options(given, {})
    with pytest.raises(SettingsError, match="no key was named"):
        parse_options(PATH, cluster(tmp_path, **settings, **more))


def test_another_bucket_is_another_answer(tmp_path: Path) -> None:
    """Settings are looked up for the path's bucket, with s3a and s3n as well."""
    environment = cluster(tmp_path, **{"fs.s3.bucket.other.cse.kms.keyId": "alias/other"})
    for scheme in ("s3", "s3a", "s3n"):
        assert parse_options({"path": f"{scheme}://other/t"}, environment).keyring.kms_key_id == "alias/other"


@pytest.mark.parametrize("where", ["option", "environment"])
def test_left_aside(tmp_path: Path, where: str) -> None:
    """clusterSettings=ignore: not even broken files are looked at."""
    environment = {**cluster(tmp_path), "S3CSE_KMSKEYID": "env"}
    (tmp_path / "core-site.xml").write_text("<broken")
    with pytest.raises(SettingsError, match=r"core-site\.xml.*clusterSettings=ignore"):
        parse_options(PATH, environment)
    option = {"clusterSettings": "ignore"}
    if where == "environment":
        option, environment = {}, {**environment, "S3CSE_CLUSTERSETTINGS": "IGNORE"}
    assert parse_options({**PATH, **option}, environment) == parse_options({**PATH, "kmsKeyId": "env"}, {})
    with pytest.raises(SettingsError, match="clusterSettings has no such value"):
        parse_options({**PATH, "kmsKeyId": "k", "clusterSettings": "no"}, environment | {"S3CSE_CONF_DIR": ""})


def test_mistakes_of_a_cluster(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A contradiction stops whoever relies on the cluster; whoever names a key gets a warning, once."""
    environment = cluster(tmp_path, fs__s3__enableServerSideEncryption="true")
    with pytest.raises(SettingsError, match="client-side and server-side encryption are both on"):
        parse_options(PATH, environment)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert parse_options({**PATH, "kmsKeyId": "mine"}, environment).profile == "emrfs-v2"
    assert [record.message[:45] for record in caplog.records] == ["the cluster's settings do not count here: cli"]


def test_region_alone_names_no_key(tmp_path: Path) -> None:
    """A contradiction stops whoever gives a Region only: the key would silently be somebody else's."""
    environment = {**cluster(tmp_path, fs__s3__enableServerSideEncryption="true"), "S3CSE_KMSKEYID": "other"}
    with pytest.raises(SettingsError, match="client-side and server-side encryption are both on"):
        parse_options({**PATH, "kmsRegion": "us-east-1"}, environment)


def test_what_is_implied_is_visible(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Reading AES-CBC without having asked for it is logged, with the file and key that said so; once."""
    environment = cluster(tmp_path)
    with caplog.at_level(logging.WARNING):
        parse_options({**PATH, "legacy": "allow"}, environment)
        assert caplog.messages == []
        parse_options(PATH, environment)
        parse_options(PATH, environment)
    assert caplog.messages == [f"s3://lake/t/: legacy=allow, because of {tmp_path}/emrfs-site.xml: fs.s3.cse.enabled"]


def test_a_custom_provider_and_an_rsa_pair(tmp_path: Path) -> None:
    """What a cluster names for CSE-Custom comes out as a keyring's settings."""
    name = "fs__s3__cse__encryptionMaterialsProvider"
    found = parse_options(
        PATH, cluster(tmp_path, **{name: "com.example.Keys", "s3cse.provider.com.example.Keys": "mine:Keys"})
    )
    assert found.keyring == KeyringSettings(kind="provider", provider="mine:Keys")
    rsa = {f"fs.s3.cse.rsa.{part}": value for part, value in (("private", "s3://keys/k.der"), ("name", "pair"))}
    found = parse_options(
        PATH,
        cluster(
            tmp_path, **{name: f"{KMS[: -len('KMSEncryptionMaterialsProvider')]}RSAEncryptionMaterialsProvider"}, **rsa
        ),
    )
    assert found.keyring == KeyringSettings(kind="rsa", key_file="s3://keys/k.der", context={"rsa_name": "pair"})


def test_integrity_has_a_floor(tmp_path: Path) -> None:
    """Neither an option nor clusterSettings=ignore goes below what the cluster's files demand."""
    environment = cluster(tmp_path, **{"fs.s3cse.minimum.integrity": "verify-indexed"})
    assert parse_options({**PATH, "integrity": "verify-indexed"}, environment).policy.integrity == "verify-indexed"
    for more in ({}, {"clusterSettings": "ignore", "kmsKeyId": "k"}):
        with pytest.raises(SettingsError, match="the cluster allows no such integrity"):
            parse_options({**PATH, "integrity": "none", **more}, environment)


class Session:
    """As much of a SparkSession as settings need."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.conf = self

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting."""
        return self.values.get(name, default)

    @property
    def getAll(self) -> dict[str, str]:  # noqa: N802 - Spark's name
        """Return all settings."""
        return self.values


def from_session(values: dict[str, str], use: Any = None, **options: str) -> dict[str, str]:
    """Return the options that a read or write in this session hands to the planner."""
    session: Any = Session(values)
    return api.with_session_settings(session, options, use, PATH["path"])


def planned(travelled: dict[str, str], environment: dict[str, str]) -> Options:
    """Return what the planner makes of options that came from the session."""
    return parse_options({**PATH, **travelled}, environment)


SPARK = {f"spark.hadoop.{name}": value for name, value in CSE.items()}


def test_session_settings_travel_resolved() -> None:
    """spark.hadoop.* are resolved on the driver; the planner gets options, and looks at no files of its own."""
    found = from_session(SPARK)
    assert found == {
        "keyring": "kms", "kmskeyid": ARN, "kmsregion": "us-east-1", "profile": "emrfs", "storage": "metadata",
        "legacy": "allow", "clustersettings": "ignore",
    }  # fmt: skip
    assert planned(found, {"S3CSE_CONF_DIR": "/nowhere"}).profile == "emrfs"


def test_session_over_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session turns the files' V1 into V2, and no half of the files' answer is left anywhere."""
    for name, value in cluster(tmp_path).items():
        monkeypatch.setenv(name, value)
    travelled = from_session({"spark.hadoop.fs.s3.cse.encryptionV2.enabled": "true"})
    found = planned(travelled, {"S3CSE_CONF_DIR": str(tmp_path)})
    assert (found.profile, found.policy.legacy, found.keyring.kms_key_id) == ("emrfs-v2", "refuse", ARN)
    off = from_session({"spark.hadoop.fs.s3.cse.enabled": "false"}, kmsKeyId="mine")
    assert off == {"kmskeyid": "mine", "clustersettings": "ignore"}


def test_sessions_without_a_word_about_encryption() -> None:
    """Nothing is resolved on the driver; the planner does it, from the files where it runs."""
    assert from_session({"spark.hadoop.fs.s3a.endpoint": "http://s3", "spark.app.name": "x"}) == {}


def test_own_settings_of_spark_count_more() -> None:
    """Option, spark.s3cse.*, spark.hadoop.*; what is for the other use stays behind."""
    values = {**SPARK, "spark.s3cse.kmsKeyId": "mine", "spark.s3cse.legacy": "wraps"}
    found = from_session(values, "read", integrity="none")
    assert found == {
        "keyring": "kms", "kmskeyid": "mine", "legacy": "wraps", "integrity": "none", "clustersettings": "ignore",
    }  # fmt: skip
    assert "legacy" not in from_session(SPARK, "write")
    assert from_session(SPARK, "write")["profile"] == "emrfs"


def test_java_class_by_a_setting_of_spark() -> None:
    """spark.s3cse.provider.<Java class> is no unknown option, and names the Python class."""
    values = {
        **SPARK,
        "spark.hadoop.fs.s3.cse.encryptionMaterialsProvider": "com.example.Keys",
        "spark.s3cse.provider.com.example.Keys": "mine:Keys",
    }
    assert from_session(values)["provider"] == "mine:Keys"
    with pytest.raises(SettingsError, match=r"s3cse\.provider\.com\.example\.Keys = module:Class"):
        from_session({name: value for name, value in values.items() if "provider.com" not in name})


class JobSession(Session):
    """A builder and a session in one, as a job starts it."""

    def __init__(self) -> None:
        super().__init__(SPARK)
        self.builder = self

    def appName(self, name: str) -> JobSession:  # noqa: N802 - Spark's name
        """Take the name."""
        return self

    def getOrCreate(self) -> JobSession:  # noqa: N802 - Spark's name
        """Return itself."""
        return self

    def stop(self) -> None:
        """End."""


def test_jobs_see_the_clusters_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's options have what spark.hadoop.* says of its table; a flag leaves it aside."""
    monkeypatch.setattr(job, "SparkSession", JobSession())
    parser = argparse.ArgumentParser()
    add_flags(parser, READING)
    seen: list[job.Job] = []

    def work(found: job.Job) -> int:
        seen.append(found)
        return job.DONE

    assert job.run_job("read", PATH["path"], parser.parse_args([]), work) == job.DONE
    assert (seen[0].options.keyring.kms_key_id, seen[0].options.policy.legacy, seen[0].given) == (ARN, "allow", {})
    flags = ["--cluster-settings", "ignore", "--kms-key-id", "mine"]
    assert job.run_job("read", PATH["path"], parser.parse_args(flags), work) == job.DONE
    assert seen[1].options == parse_options({**PATH, "kmsKeyId": "mine"}, {})


def test_no_secret_travels() -> None:
    """Credentials and a key of SSE-C in the session's settings are in no option."""
    values = {
        **SPARK,
        "spark.hadoop.fs.s3a.secret.key": "hunter2",
        "spark.hadoop.fs.s3a.bucket.lake.encryption.algorithm": "SSE-C",
        "spark.hadoop.fs.s3a.encryption.key": "hunter2",
        "spark.hadoop.fs.s3.impl": "com.amazon.ws.emr.hadoop.fs.EmrFileSystem",
    }
    assert "hunter2" not in str(from_session(values))


def test_session_may_leave_the_cluster_aside() -> None:
    """As an option or as a setting of Spark."""
    assert from_session(SPARK, clusterSettings="ignore", kmsKeyId="k") == {"clustersettings": "ignore", "kmskeyid": "k"}
    assert from_session({**SPARK, "spark.s3cse.clusterSettings": "ignore"}) == {"clustersettings": "ignore"}


def test_environment_leaves_the_session_aside_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3CSE_CLUSTERSETTINGS=ignore holds for spark.hadoop.* as for files: nothing old is allowed because of them."""
    monkeypatch.setenv("S3CSE_CLUSTERSETTINGS", "ignore")
    assert from_session(SPARK) == {"clustersettings": "ignore"}
    assert from_session(SPARK, clusterSettings="use")["kmskeyid"] == ARN


def test_emrs_folders_count_by_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On EMR no variable is needed at all."""
    cluster(tmp_path)
    monkeypatch.setattr(files, "EMR_EMRFS_FOLDER", tmp_path)
    assert parse_options(PATH, {}).keyring.kms_key_id == ARN
