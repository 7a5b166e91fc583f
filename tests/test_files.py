"""Files and folders that appear whole or not at all."""

import errno
import os
from pathlib import Path

import pytest
from places import read_only, small_disk

from pgan import files
from pgan.errors import InputError, RunError
from pgan.files import check_output, check_place, replaced_folder, whole_file, whole_folder, writing


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    with whole_file(path) as part:
        part.write_text("1")
        assert not path.exists()
        assert part.suffix == ".json"
    assert path.read_text() == "1"
    assert names(tmp_path) == ["new", "new/a.json"]


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt(), SystemExit(143)])
def test_a_failure_leaves_the_old_file(error: BaseException, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("old")

    def fail() -> None:
        with whole_file(path) as part:
            part.write_text("new")
            raise error

    with pytest.raises(type(error)):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_folder_s_files_move_beside_those_that_are_there(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for text in ("old", "new"):
        with whole_folder(out) as part:
            (part / "sub").mkdir()
            (part / "sub/a").write_text(text)
        (out / "mine").write_text("mine")
    assert names(tmp_path) == ["out", "out/mine", "out/sub", "out/sub/a"]
    assert (out / "sub/a").read_text() == "new"


def test_a_replaced_folder_keeps_nothing_of_the_old(tmp_path: Path) -> None:
    out = tmp_path / "out"
    for name in ("first", "second"):
        with replaced_folder(out, "marker", "pgan x") as part:
            (part / "marker").touch()
            (part / name).touch()
    assert names(tmp_path) == ["out", "out/marker", "out/second"]


def test_a_link_is_followed_to_the_disk_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "far/out").mkdir()
    (tmp_path / "out").symlink_to("far/out")
    with replaced_folder(tmp_path / "out", "marker", "pgan x") as part:
        assert part.parent == (tmp_path / "far").resolve()
        (part / "marker").touch()
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "out/marker").exists()


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos/mine.jpg").write_text("precious")
    with (
        pytest.raises(InputError, match=r"photos: exists and was not made by `pgan x`"),
        replaced_folder(tmp_path / "photos", "marker", "pgan x"),
    ):
        pytest.fail("must not begin")
    assert (tmp_path / "photos/mine.jpg").read_text() == "precious"


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    with replaced_folder(tmp_path / "out", "marker", "pgan x") as part:
        (part / "marker").write_text("old")

    def fail() -> None:
        with replaced_folder(tmp_path / "out", "marker", "pgan x") as part:
            (part / "marker").write_text("new")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert (tmp_path / "out/marker").read_text() == "old"
    assert names(tmp_path) == ["out", "out/marker"]


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    for name in (".out.part", ".out.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rest").touch()
    with replaced_folder(tmp_path / "out", "marker", "pgan x") as part:
        assert names(part) == []
    assert names(tmp_path) == ["out"]


def test_a_full_disk_is_a_failure_and_costs_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2**16) as disk:
        (disk / "out").write_text("old")
        with pytest.raises(RunError, match="out: cannot be written: No space left on device; make room"):
            with_bytes(disk / "out", 2**17)
        assert (disk / "out").read_text() == "old"
        assert names(disk) == ["out"]


def with_bytes(path: Path, count: int) -> None:
    with whole_file(path) as part:
        part.write_bytes(b"x" * count)


def test_a_read_only_disk_is_the_user_s_to_mend(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 2**16) as disk:
        (disk / "old").mkdir()
        read_only(disk)
        for path in (disk / "new", disk / "old", disk / "deep/er"):
            with pytest.raises(InputError, match="cannot be written: Read-only file system"):
                check_place(path)
        with pytest.raises(InputError, match="cannot be written: Read-only file system"):
            with_bytes(disk / "file", 1)


def test_a_device_or_pipe_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "."):
        with pytest.raises(InputError, match="cannot be written: it is a"):
            with_bytes(tmp_path / name, 1)
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("name", [".", "..", "/"])
def test_places_without_a_name(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(InputError, match="cannot be written: it is"):
        with_bytes(Path(name), 1)
    if name == "/":
        with pytest.raises(InputError, match="the root"), whole_folder(Path(name)):
            pass
        return
    with whole_folder(Path(name)) as part:
        (part / "a").touch()
    assert Path(name, "a").exists()


def test_the_output_of_a_command_is_not_its_input(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "link").symlink_to("a")
    check_output(tmp_path / "new", tmp_path / "a", tmp_path / "missing")
    with pytest.raises(InputError, match="link: would be written over its own source"):
        check_output(tmp_path / "link", tmp_path / "a")


def test_looking_at_a_place_does_not_disturb_one_who_writes_there(tmp_path: Path) -> None:
    with whole_folder(tmp_path / "out") as part:
        (part / "a").touch()
        check_place(tmp_path / "out")
    assert names(tmp_path) == ["out", "out/a"]


def test_a_place_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file/out: cannot be written"):
        check_place(tmp_path / "file/out")


def test_an_error_about_something_that_was_read_is_not_said_of_what_is_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), writing(tmp_path / "out"):
        (tmp_path / "missing").read_bytes()
    with pytest.raises(OSError, match="strange"), writing(tmp_path / "out"):
        raise OSError("strange: what gzip says of broken data")


def test_a_failing_disk_is_no_fault_of_the_user(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be written: Input/output error"), writing(tmp_path / "out"):
        raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_everything_reaches_the_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(files, "_sync", lambda path: done.append(f"sync {path.name}"))
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda a, b: (done.append(f"name {b.name}"), replace(a, b))[1])
    with whole_file(tmp_path / "a") as part:
        part.touch()
    with whole_folder(tmp_path / "b") as part:
        (part / "c").touch()
    place = tmp_path.name
    assert done == ["sync .a.part", "name a", f"sync {place}", "sync c", "name b", f"sync {place}"]
