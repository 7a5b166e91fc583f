"""What phases left behind that params.yaml no longer has."""

from pathlib import Path

import pytest

from stages.checks.leftovers import set_aside

TRAIN, EVALUATE = Path("data/train"), Path("data/evaluate")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Outputs of two phases."""
    monkeypatch.chdir(tmp_path)
    for phase in ("init", "a", "b"):
        write(TRAIN / phase / "checkpoint.pt")
    for phase in ("a", "b"):
        write(TRAIN / phase / "losses.csv")
        write(EVALUATE / phase / "metrics.json")


def write(path: Path, content: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


def tree() -> set[str]:
    """All files."""
    return {str(path) for path in Path("data").rglob("*") if path.is_file()}


def test_nothing_moves_where_all_is_as_it_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    before = tree()
    set_aside((TRAIN, EVALUATE), ["a", "b"])
    set_aside((Path("data/nothing"),), ["a", "b"])
    assert tree() == before
    assert capsys.readouterr() == ("", "")


def test_a_removed_phase_moves_with_all_that_lies_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    write(TRAIN / "b/notes.txt", "mine")
    set_aside((TRAIN, EVALUATE), ["a"])
    assert tree() == {
        "data/train/init/checkpoint.pt",
        "data/train/a/checkpoint.pt",
        "data/train/a/losses.csv",
        "data/evaluate/a/metrics.json",
        "data/removed/train/b/checkpoint.pt",
        "data/removed/train/b/losses.csv",
        "data/removed/train/b/notes.txt",
        "data/removed/evaluate/b/metrics.json",
    }
    assert capsys.readouterr().err.splitlines() == [
        f"data/{kind}/b -> data/removed/{kind}/b: params.yaml has no such phase; delete it if you like"
        for kind in ("train", "evaluate")
    ]


def test_what_was_removed_before_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    for content in ("one", "two", "three"):
        write(TRAIN / "b/checkpoint.pt", content)
        set_aside((TRAIN,), ["a"])
    found = {path.parent.name: path.read_text() for path in Path("data/removed").rglob("checkpoint.pt")}
    assert found == {"b": "one", "b.2": "two", "b.3": "three"}


@pytest.mark.parametrize(
    "path", ["b.bak/checkpoint.pt", "a (copy)/losses.csv", ".c.part/checkpoint.pt", "c/notes.txt", "c/b/losses.csv"]
)
def test_what_dvc_does_not_see_stays(path: str) -> None:
    write(TRAIN / path)
    before = tree()
    set_aside((TRAIN, EVALUATE), ["a", "b"])
    assert tree() == before


def test_a_link_to_a_folder_stays() -> None:
    """DVC does not go into one."""
    (TRAIN / "c").symlink_to(Path("data/train/a").absolute())
    set_aside((TRAIN, EVALUATE), ["a", "b"])
    assert (TRAIN / "c").is_symlink()
