"""Places at which the pipeline cannot work are refused before the work, with what to do."""

import shutil
import socket
from pathlib import Path

import pytest
from miniature import ROOT, Pipeline, isolated_environment
from places import read_only, small_disk
from zygote import Zygote

from pgan.errors import InputError
from stages.ablations.experiments import check_path as check_experiments_path
from stages.checks.places import OWN, START, check, check_links, check_repository, place_environment
from stages.tracking.ui import check_port

SMALL = "stages:\n  init: {cmd: mkdir -p data/train/init && echo 1 > data/train/init/a, outs: [data/train/init/a]}\n"


def refusal(work: object, *arguments: object) -> str:
    """The message with which a check refuses."""
    with pytest.raises(InputError) as error:
        work(*arguments)  # type: ignore[operator]
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A whole copy of the repository, as far as DVC and the checks see it, with one small stage."""
    root = tmp_path / "root"
    for name in ("stages", "pgan", ".dvc"):
        (root / name).mkdir(parents=True)
    (root / "dvc.yaml").write_text(SMALL, encoding="utf-8")
    (root / "params.yaml").touch()
    (root / ".gitignore").write_text("/data/\n", encoding="utf-8")
    return root


# --- data/ on another disk


@pytest.mark.parametrize("name", ["data", "data/train", "data/evaluate", "data/train/grow_8"])
def test_a_link_out_of_the_repository_is_refused_with_advice(root: Path, name: str) -> None:
    disk = root.parent / "big disk"
    disk.mkdir()
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).symlink_to(disk)
    message = refusal(check, root)
    assert message.startswith(f"{name}: a link to {disk}, outside of the repository")
    restore = "git checkout data && " if name == "data" else ""
    assert f"`rm {name} && {restore}dvc cache dir --local '{disk / 'dvc-cache'}'`" in message
    assert f"mount the disk at {name}" in message


def test_the_advice_works(root: Path, zygote: Zygote) -> None:
    disk = root.parent / "big disk"
    place = Pipeline(root, isolated_environment(root.parent), zygote)
    place.run("git", "init", "--quiet")
    (root / "data").mkdir()
    (root / "data/README.md").touch()
    place.run("git", "add", "--force", "data/README.md")
    (root / "data").rename(disk)
    (root / "data").symlink_to(disk)
    command = refusal(check, root).split("`")[1]
    place.run("sh", "-c", command.replace("dvc ", "python -m dvc "))
    check(root)
    assert place.repro() == ["init"]
    assert place.repro() == []
    assert (root / "data/train/init/a").read_text(encoding="utf-8") == "1\n"
    assert (root / "data/README.md").is_file()
    assert len([path for path in (disk / "dvc-cache").rglob("*") if path.is_file()]) == 1


def test_links_that_do_no_harm_pass(root: Path) -> None:
    inside, outside = root / "store", root.parent / "outside"
    for folder in (inside / "pyramid", inside / "train", outside):
        folder.mkdir(parents=True)
    (root / "data").symlink_to("store")
    (outside / "a").touch()
    (root / "data/train/checkpoint").symlink_to(outside / "a")  # as DVC makes them
    (root / "data/features").symlink_to(outside)  # an output itself, which DVC follows
    check(root)
    (root.parent / "by a link").symlink_to(root)
    check(root.parent / "by a link")


def test_a_link_to_nothing_is_refused(root: Path) -> None:
    (root / "data").symlink_to("/nowhere/at/all")
    assert refusal(check, root).startswith("data: a link to /nowhere/at/all, which is not there; remove")
    (root / "data").unlink()
    (root / "data").symlink_to("data")
    assert "which is not there" in refusal(check, root)


def test_a_file_in_the_place_of_a_folder_is_refused(root: Path) -> None:
    (root / "data").touch()
    assert refusal(check, root) == "data: a file, where the pipeline needs a folder; move it away"


def test_a_disk_that_cannot_be_written_is_refused(root: Path) -> None:
    with small_disk(root / "data", 2**16) as disk:
        check(root)
        read_only(disk)
        assert refusal(check, root).startswith("data: cannot be written: a read-only disk")


def test_braces_in_the_path_are_refused(root: Path) -> None:
    for name in ("{x}", "a}"):
        assert "rename the folder" in refusal(check, root.rename(root.parent / name))
        (root.parent / name).rename(root)


def test_a_stage_refuses_before_its_work(root: Path, zygote: Zygote) -> None:
    (root / "data").touch()
    shutil.copy(ROOT / "params.yaml", root)
    place = Pipeline(root, isolated_environment(root.parent) | {"PYTHONPATH": str(ROOT)}, zygote)
    done = place.run("python", "-m", "stages.init", check=False)
    assert done.returncode == 2
    assert done.stdout == "error: data: a file, where the pipeline needs a folder; move it away\n"
    assert (root / "data").is_file()


# --- git and DVC


def test_a_folder_without_git_is_told_how_to_become_a_repository(root: Path, zygote: Zygote) -> None:
    message = refusal(check_repository, root)
    assert message == f"{root} is no git repository, which DVC needs; {START}"
    place = Pipeline(root, isolated_environment(root.parent), zygote)
    place.run("sh", "-c", START.strip("`"))
    check_repository(root)
    assert place.repro() == ["init"]


def test_a_machine_without_git_is_told_so(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(root))
    assert "install git, then run `git init" in refusal(check_repository, root)


@pytest.mark.parametrize("name", OWN)
def test_a_copy_that_is_not_whole_is_refused(root: Path, name: str) -> None:
    (root / ".git").mkdir()
    check_repository(root)
    (root / name).rename(root.parent / "gone")
    assert refusal(check_repository, root).startswith(f"{name}: missing in {root}, which is no whole copy")


def test_within_another_repository_it_works_unless_that_ignores_it(root: Path, zygote: Zygote) -> None:
    outer = Pipeline(root.parent, isolated_environment(root.parent), zygote)
    outer.run("git", "init", "--quiet")
    check_repository(root)
    assert Pipeline(root, outer.environment, zygote).repro() == ["init"]
    (root.parent / ".gitignore").write_text("root/\n", encoding="utf-8")
    message = refusal(check_repository, root)
    assert message.startswith(f"dvc.yaml: ignored by the git repository in {root.parent}")
    assert START in message


# --- paths, disks, ports


@pytest.mark.parametrize("name", ["a#b", "why?", "müller"])
def test_paths_in_which_dvc_s_experiments_fail_are_refused(name: str) -> None:
    assert "rename the folder" in refusal(check_experiments_path, Path("/home") / name)
    check_experiments_path(Path("/home/my gan's (v2) 100% $HOME"))


@pytest.mark.parametrize("name", ["my gan's (v2) #1 100%", "a:b", "$HOME", "{x}"])
def test_an_environment_lies_in_a_plain_path(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAN_CACHE", str(tmp_path / "cache"))
    (tmp_path / name).mkdir()
    environment = tmp_path / name / ".venv"
    place_environment(tmp_path / name, environment)
    place = environment.resolve()
    assert place.is_relative_to(tmp_path / "cache")
    place_environment(tmp_path / name, environment)
    assert environment.resolve() == place
    place.rmdir()  # somebody emptied the cache
    place_environment(tmp_path / name, environment)
    assert environment.resolve() == place
    assert place.is_dir()


def test_an_environment_that_is_there_or_in_a_plain_path_stays(tmp_path: Path) -> None:
    place_environment(tmp_path, tmp_path / ".venv")
    assert not (tmp_path / ".venv").is_symlink()
    (tmp_path / "a b/.venv").mkdir(parents=True)
    place_environment(tmp_path / "a b", tmp_path / "a b/.venv")
    assert not (tmp_path / "a b/.venv").is_symlink()


def test_paths_in_which_no_environment_can_be_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "rename the folder" in refusal(place_environment, Path("/home/a\nb"), Path(".venv"))
    monkeypatch.setenv("PGAN_CACHE", str(tmp_path / "my cache"))
    assert "set PGAN_CACHE to a folder" in refusal(place_environment, tmp_path / "my gans", tmp_path / "my gans/.venv")


def test_a_disk_without_symbolic_links_is_refused_while_there_is_no_environment(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_links(root, root / ".venv")

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("stages.checks.places.sys.platform", "linux")
    monkeypatch.setattr("stages.checks.places.os.symlink", refuse)
    assert "has no symbolic links" in refusal(check_links, root, root / ".venv")
    (root / ".venv").mkdir()
    check_links(root, root / ".venv")
    assert {path.name for path in root.iterdir()} == {*OWN, ".gitignore", ".venv"}


def test_a_port_that_is_taken_is_refused_with_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        message = refusal(check_port, port)
    assert message.startswith(f"PORT: {port} is taken")
    assert "make ui PORT=5001" in message
    check_port(port)


@pytest.mark.parametrize("port", ["", "http", "0", "-1", "65536", "5000x", "٣"])
def test_what_is_no_port_is_refused(port: str) -> None:
    assert "is no port; choose one from 1024 to 65535" in refusal(check_port, port)
