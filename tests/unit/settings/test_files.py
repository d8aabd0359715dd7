"""Where a cluster's files are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from s3cse.errors import SettingsError
from s3cse.settings import files
from s3cse.settings.files import configuration_files, load

SITE = "<configuration><property><name>a</name><value>{}</value></property></configuration>"


@pytest.fixture
def emr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """EMR's folders, and others."""
    folders = {name: tmp_path / name for name in ("hadoop", "emrfs", "own", "other")}
    for name, folder in folders.items():
        folder.mkdir()
        for site in (
            files.FILE_NAMES if name in ("own", "other") else (f"{'core' if name == 'hadoop' else 'emrfs'}-site.xml",)
        ):
            (folder / site).write_text(SITE.format(f"{name} {site}"))
    monkeypatch.setattr(files, "EMR_HADOOP_FOLDER", folders["hadoop"])
    monkeypatch.setattr(files, "EMR_EMRFS_FOLDER", folders["emrfs"])
    return folders


def names(found: tuple[Path, ...]) -> list[str]:
    """Return folder and name of each file."""
    return [f"{path.parent.name}/{path.name}" for path in found]


def test_emr_has_fixed_places(emr: dict[str, Path]) -> None:
    """Without a word from anybody: Hadoop's file, then EMRFS's, which counts more."""
    assert names(configuration_files({})) == ["hadoop/core-site.xml", "emrfs/emrfs-site.xml"]
    found = load({}).properties.get("a")
    assert found is not None
    assert found.value == "emrfs emrfs-site.xml"


def test_hadoop_conf_dir_replaces_hadoops_folder(emr: dict[str, Path]) -> None:
    """HADOOP_CONF_DIR says where Hadoop's files are; EMRFS's own stays; what counts less comes first."""
    found = configuration_files({"HADOOP_CONF_DIR": str(emr["own"])})
    assert names(found) == ["own/core-site.xml", "own/emrfs-site.xml", "emrfs/emrfs-site.xml"]
    assert names(configuration_files({"HADOOP_CONF_DIR": "/nowhere/at/all"})) == ["emrfs/emrfs-site.xml"]


def test_own_variable_replaces_all(emr: dict[str, Path]) -> None:
    """S3CSE_CONF_DIR names folders and files, and nothing else is read."""
    environment = {"S3CSE_CONF_DIR": f"{emr['own']}:{emr['other'] / 'emrfs-site.xml'}", "HADOOP_CONF_DIR": "/x"}
    assert names(configuration_files(environment)) == [
        "other/emrfs-site.xml",
        "own/core-site.xml",
        "own/emrfs-site.xml",
    ]
    assert names(configuration_files(environment, [emr["other"]])) == ["other/core-site.xml", "other/emrfs-site.xml"]


def test_same_file_is_read_once(emr: dict[str, Path]) -> None:
    """A folder that is named twice, or linked, counts once."""
    link = emr["own"].with_name("link")
    link.symlink_to(emr["own"])
    found = configuration_files({"S3CSE_CONF_DIR": f"{emr['own']}:{link}:{emr['own']}"})
    assert [path.name for path in found] == ["core-site.xml", "emrfs-site.xml"]


def test_named_place_must_be_there(tmp_path: Path) -> None:
    """A mistyped folder is an error; an empty one has nothing to say."""
    with pytest.raises(SettingsError, match="no settings where they were said to be"):
        configuration_files({"S3CSE_CONF_DIR": str(tmp_path / "nope")})
    assert configuration_files({"S3CSE_CONF_DIR": str(tmp_path)}) == ()


def test_no_files_are_no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a machine that is no cluster there is nothing, and no error."""
    monkeypatch.setattr(files, "EMR_HADOOP_FOLDER", tmp_path / "no")
    monkeypatch.setattr(files, "EMR_EMRFS_FOLDER", tmp_path / "no")
    found = load({})
    assert (found.files, list(found.properties)) == ((), [])


def test_security_configuration_by_variable(tmp_path: Path) -> None:
    """S3CSE_SECURITY_CONFIGURATION names the JSON; it counts as a file that was read."""
    document = tmp_path / "security.json"
    document.write_text('{"EncryptionConfiguration": {"EnableAtRestEncryption": false}}')
    found = load({"S3CSE_CONF_DIR": str(tmp_path), "S3CSE_SECURITY_CONFIGURATION": str(document)})
    assert found.files == (document,)


@pytest.mark.parametrize("environment", [{}, {"S3CSE_CONF_DIR": "/closed"}])
def test_folder_that_nobody_may_look_into(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error as a file would be, as its settings would be missed; and one of ours, which names it."""

    def refuse(path: Path, **_: object) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    for look in ("is_file", "exists"):  # root may look into everything: refuse as the system would
        monkeypatch.setattr(Path, look, refuse)
    with pytest.raises(SettingsError, match=r"cannot be read; found /.*: Permission denied"):
        load(environment)
