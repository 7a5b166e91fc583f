"""`pgan report`, whole: the page as a browser reads it."""

import base64
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from document import Document

from pgan.reporting.command import report

RunFolder = Callable[..., Path]
PAGE = Path("data/render/report.html")


def written(out: Path = PAGE) -> Document:
    """The page that the command writes."""
    report(out=out, device="cpu")
    return Document(out.read_text(encoding="utf-8"))


def change_params(change: Callable[[dict[str, Any]], Any]) -> None:
    """Change params.yaml."""
    content = yaml.safe_load(Path("params.yaml").read_text())
    change(content)
    Path("params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def test_the_page_needs_nothing_but_itself(run_folder: RunFolder) -> None:
    run_folder()
    page = written()
    assert not page.all("script", "link", "iframe", "object", "form")
    shown = [each["src"] for each in page.all("img")]
    assert len(shown) == 8 + 2, "films have a still for print"
    assert all(source is not None and source.startswith("data:image/") for source in shown)
    (policy,) = [each["content"] for each in page.all("meta") if "http-equiv" in each]
    assert policy == "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    assert "url(" not in PAGE.read_text()
    assert "@import" not in PAGE.read_text()


def test_a_reader_finds_the_way(run_folder: RunFolder) -> None:
    run_folder()
    page = written()
    assert all(each.get("alt") and each.get("width") and each.get("height") for each in page.all("img"))
    sections = [each["id"] for each in page.all("section")]
    assert len(sections) == len(set(sections)) == 12
    inside = [each["href"] for each in page.all("a") if str(each["href"]).startswith("#")]
    assert {f"#{name}" for name in sections} == set(inside)
    beside = [each["href"] for each in page.all("a") if str(each["href"]).startswith("phases/")]
    assert len(beside) == 4
    assert all((PAGE.parent / str(path)).is_file() for path in beside)
    assert page.all("html") == [{"lang": "en"}]


def test_the_same_files_give_the_same_bytes(run_folder: RunFolder) -> None:
    run_folder()
    written()
    first = PAGE.read_bytes()
    written()
    assert PAGE.read_bytes() == first
    for private in (platform.node(), str(Path.cwd()), str(Path.home())):
        assert private.encode() not in first or len(private) < 4


def test_what_it_says(run_folder: RunFolder) -> None:
    run_folder(classes=["seven", "one"], class_counts=[30, 10])
    text = written().text
    assert "Handwritten digits at 8 × 8 pixels" in text
    assert "40 handwritten digits from scikit-learn in 2 classes, and now draws new ones" in text
    assert "In 3 phases it was shown 6,000 training images" in text
    assert "fell from 18 after the first phase to 6" in text
    assert "Fréchet distance 5.00 ± 0.10 lower is better ↓" in text
    assert "Precision 80% ± 1.0% higher is better ↑" in text
    assert "generator 1,234 weights, critic 1,000" in text
    assert "side_8 8 px, branch" in text
    assert "seven 30" in text


def test_what_a_reader_copies_has_all_its_lines(run_folder: RunFolder) -> None:
    run_folder()
    blocks = written().blocks
    assert yaml.safe_load(blocks[0]) == yaml.safe_load(Path("params.yaml").read_text())
    assert [line.split()[:2] for line in blocks[1].splitlines()] == [
        ["pgan", "check"],
        ["pgan", "plan"],
        ["dvc", "repro"],
    ]
    assert blocks[2].splitlines()[:3] == ["pgan prepare", "pgan init", "pgan train stabilize_4"]
    assert blocks[3].splitlines()[0] == "pgan sample data/train/last_8/checkpoint.pt grid.png --seeds 0-63"
    (file,) = [str(each["href"]) for each in Document(PAGE.read_text()).all("a") if "download" in each]
    assert base64.b64decode(file.removeprefix("data:text/yaml;base64,")).decode() == blocks[0]


def test_the_clearly_best_phase_is_marked(run_folder: RunFolder) -> None:
    run_folder()
    html = " ".join((written(), PAGE.read_text())[1].split())
    assert html.count('class="best"') == 1, "the others have no standard error, or are equal"
    assert '<td class="best">5.00 ± 0.10*</td>' in html


@pytest.mark.parametrize(
    ("path", "title"),
    [("data/raw/faces.zip", "faces"), ("data/raw", "Images"), ("../Katzen & Hunde/", "Katzen & Hunde")],
)
def test_the_title_comes_from_the_path(path: str, title: str, run_folder: RunFolder) -> None:
    run_folder()
    change_params(lambda content: content["prepare"].update(source="folder", path=path))
    text = written().text
    assert f"{title} at 8 × 8 pixels: training report" in text
    assert f"Put the same images at {path} ." in text


HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e'


def test_whatever_names_say_the_page_runs_nothing(run_folder: RunFolder) -> None:
    licence = {"style": HOSTILE, "work": HOSTILE, "work_url": "javascript:alert(1)", "url": f"https://x/{HOSTILE}"}
    run_folder(
        classes=[HOSTILE],
        class_counts=[40],
        skipped=[{"file": HOSTILE, "reason": HOSTILE}],
        left_out=[{"what": HOSTILE, "count": HOSTILE, "why": [HOSTILE], "examples": [HOSTILE]}],
        remarks=[{"what": {"<b>": HOSTILE}, "examples": HOSTILE}],
        licences=[licence | {"name": HOSTILE, "creator": HOSTILE, "credit": HOSTILE}],
        drawn_with={HOSTILE: HOSTILE},
    )

    def change(content: dict[str, Any]) -> None:
        content["prepare"]["path"] = content["training"]["loss"] = content["networks"]["architecture"] = HOSTILE
        content[HOSTILE] = {HOSTILE: HOSTILE}

    change_params(change)
    page = written()
    assert not page.all("script", "b")
    assert len(page.all("img")) == 10
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not [each for each in page.all("a") if str(each["href"]).startswith("javascript:")]
    assert page.text.count("<script>alert(1)</script>") > 10, "it is shown as text"
    assert "\\u202e" in page.text
    assert not {"\x1b", "\u202e"} & set(page.text)


def test_what_a_run_lacks_is_left_out(run_folder: RunFolder) -> None:
    run_folder()
    (PAGE.parent / "nearest.png").unlink()
    for path in Path("data/evaluate").rglob("metrics.json"):
        path.write_text("{}")
    for path in (PAGE.parent / "phases").iterdir():
        path.unlink()
    page = written()
    assert "copies" not in [each["id"] for each in page.all("section")]
    assert "None of the metrics was measured in the final phase." in page.text


def test_a_page_elsewhere_links_to_the_pictures(run_folder: RunFolder) -> None:
    run_folder()
    out = Path("a folder/page.html")
    links = [str(each["href"]) for each in written(out).all("a") if str(each["href"]).endswith(".gif")]
    assert links[0] == "../data/render/phases/stabilize_4.gif"


@pytest.mark.parametrize(
    ("path", "content", "said"),
    [
        ("data/render/progress.gif", None, "no such file; draw it again with `pgan render`"),
        ("data/render/samples.png", b"", "not a PNG or GIF that can be read"),
        ("data/render/losses.png", "cut", "not a PNG or GIF that can be read"),
        ("data/render/progress.gif", "cut", "not a PNG or GIF that can be read"),
        ("data/render/metrics.png", b"BM" + bytes(100), "not a PNG or GIF that can be read"),
        ("data/train/grow_8/summary.json", b"{", "not valid JSON"),
        ("data/evaluate/grow_8/metrics.json", None, "no such file; evaluate the phase 'grow_8' first"),
        ("data/pyramid/meta.json", None, "no pyramid here"),
        ("params.yaml", b"seed: 0", "phases: expected a mapping"),
        ("params.yaml", None, "no such file"),
    ],
)
def test_a_missing_or_damaged_input_is_one_line(
    path: str, content: bytes | str | None, said: str, run_folder: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    run_folder()
    if content is None:
        Path(path).unlink()
    else:
        Path(path).write_bytes(Path(path).read_bytes()[:-200] if content == "cut" else content)  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as stop:
        report(device="cpu")
    assert stop.value.code == 2
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert path in line or "data/pyramid" in line
    assert said in line
    assert not PAGE.exists()
    assert not list(PAGE.parent.glob(".*"))


def test_the_page_is_whole_or_what_it_was(run_folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    run_folder()
    written()
    first = PAGE.read_bytes()
    Path("data/evaluate/last_8/metrics.json").write_text(json.dumps({"frechet": 1.0}))
    monkeypatch.setattr(Path, "replace", _fail)
    with pytest.raises(SystemExit):
        report(device="cpu")
    assert PAGE.read_bytes() == first
    assert not list(PAGE.parent.glob(".*"))


def _fail(*_: Any) -> None:
    raise OSError(28, "No space left on device")
