"""The pyramid as a whole: all of it or nothing, the same whatever the number of processes."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from pgan.data.pyramid import level_name, open_labels, open_level, read_meta
from pgan.errors import MOST_LINES, SEPARATOR, InputError, RunError, readable
from pgan.prepare import build as building
from pgan.prepare import level_files, pool
from pgan.prepare.build import build
from pgan.prepare.config import Prepare
from pgan.prepare.sources import Refused, Source
from pgan.prepare.work import chunk_worker

Settings = Callable[..., Prepare]

ROOT = Path(__file__).parents[2]


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def zoo(tmp_path: Path, png: Callable[..., bytes]) -> Path:
    """A folder with one of each kind of image, and broken ones among them."""
    folder = tmp_path / "zoo"
    folder.mkdir()
    rgb = Image.open(BytesIO(png(0, (40, 30))))
    rgb.save(folder / "plain.png")
    rgb.save(folder / "photo.jpg", quality=90)
    rgb.convert("L").save(folder / "grey.png")
    rgb.convert("1").save(folder / "bits.png")
    rgb.convert("LA").save(folder / "grey-alpha.png")
    rgb.quantize(20).save(folder / "palette.png")
    rgb.quantize(20).save(folder / "palette-transparent.png", transparency=3)
    rgb.convert("CMYK").save(folder / "print.jpg")
    rgb.convert("CMYK").save(folder / "print.tif")
    Image.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40) * 50).save(folder / "deep.png")
    rgba = rgb.convert("RGBA")
    rgba.putalpha(rgb.convert("L"))
    rgba.save(folder / "alpha.png")
    rgba.save(folder / "alpha.webp")
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb.save(folder / "turned.jpg", exif=exif)
    rgb.save(folder / "moving.gif", save_all=True, append_images=[rgb.rotate(90)])
    rgb.save(folder / "moving.webp", save_all=True, append_images=[rgb.rotate(90)])
    rgb.resize((1, 1)).save(folder / "tiny.png")
    rgb.resize((3, 2000)).save(folder / "strip.bmp")
    Image.new("1", (11_000, 9_000)).save(folder / "huge.png")  # beyond Pillow's warning
    (folder / "cut.jpg").write_bytes((folder / "photo.jpg").read_bytes()[:-300])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("no picture")
    return folder


def test_every_kind_of_image(zoo: Path, settings: Settings, tmp_path: Path) -> None:
    options = {"path": str(zoo), "resolution": 16, "allow_upscale": True, "max_skipped": 3}
    results = []
    for workers in (1, 2):
        meta = build(settings("folder", **options), tmp_path / f"out{workers}", workers=workers)
        assert meta.count == len(list(zoo.iterdir())) - 3
        assert [skip["file"] for skip in meta.skipped] == ["cut.jpg", "empty.png", "text.png"]
        assert "truncated" in meta.skipped[0]["reason"]
        assert meta.skipped[1]["reason"] == "an empty file; get the file again, or remove it"
        assert meta.skipped[2]["reason"] == "a text, not an image; remove it"
        assert len(open_labels(tmp_path / f"out{workers}")) == meta.count
        results.append(files_of(tmp_path / f"out{workers}"))
    assert results[0] == results[1]
    assert results[0].keys() == {"images_4.npy", "images_8.npy", "images_16.npy", "labels.npy", "meta.json"}


def test_more_broken_images_than_allowed(zoo: Path, settings: Settings, tmp_path: Path) -> None:
    options = {"path": str(zoo), "resolution": 16, "allow_upscale": True}
    for allowed, workers in ((0, 1), (2, 2)):
        with pytest.raises(InputError) as caught:
            build(settings("folder", max_skipped=allowed, **options), tmp_path / "out", workers=workers)
        first, *rest = str(caught.value).split(SEPARATOR)
        assert first.startswith(
            f"{zoo}: 3 of 21 images cannot be used, and prepare.max_skipped allows {allowed}; mend or remove them, or"
        )
        assert [line.partition(":")[0] for line in rest] == ["cut.jpg", "empty.png", "text.png"]
    assert {path.name for path in tmp_path.iterdir()} == {"zoo"}


def test_no_more_lines_than_are_shown(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    for number in range(30):
        (tmp_path / f"tree/{number:02}.png").write_text("<html>429 Too Many Requests</html>")
    with pytest.raises(InputError) as caught:
        build(settings("folder", path=str(tmp_path / "tree")), tmp_path / "out")
    lines = readable(str(caught.value)).split(SEPARATOR)
    assert len(lines) == MOST_LINES
    assert lines[1].startswith("00.png: a web page (HTML)")
    assert lines[-1] == "… and 12 more"


def test_nothing_readable(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "1.png").touch()
    with pytest.raises(InputError, match="not one of 1 images can be used"):
        build(settings("folder", path=str(tmp_path / "tree"), max_skipped=9), tmp_path / "out")


def test_small_images_are_counted_and_can_be_skipped(
    png: Callable[..., bytes], settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    for number in range(9):
        (folder / f"{number}.png").write_bytes(png(number, (12, 10) if number in (3, 7) else (20, 20)))
    (folder / "8.png").write_bytes(b"broken")
    options = {"path": str(folder), "resolution": 16}
    for workers in (1, 2):
        with pytest.raises(InputError) as caught:
            build(settings("folder", **options), tmp_path / "out", workers=workers)
        lines = str(caught.value).split(SEPARATOR)
        assert "3 of 9 images cannot be used" in lines[0]
        assert lines[1].startswith("2 of them are too small: lower prepare.resolution, or set prepare.allow_upscale")
        assert lines[2:4] == [f"{n}.png: 12 × 10 pixels are too few for prepare.resolution 16" for n in (3, 7)]
        assert not (tmp_path / "out").exists()
        meta = build(settings("folder", max_skipped=3, **options), tmp_path / "out", workers=workers)
        assert (meta.count, [skip["file"] for skip in meta.skipped]) == (6, ["3.png", "7.png", "8.png"])
        shutil.rmtree(tmp_path / "out")


@pytest.mark.parametrize("block", [1, 200, 2**24])
def test_gaps_are_closed(block: int, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level_files, "COMPACT_BYTES", block)
    images = np.random.default_rng(0).integers(0, 256, (300, 8, 8), dtype=np.uint8)
    gone = np.isin(np.arange(300), [0, 1, 64, 100, 101, 102, 299])

    def source(settings: Prepare, seed: int) -> Source:
        def read(wanted: list[int]) -> object:
            return ((i, Refused(f"reason {i}") if gone[i] else images[i]) for i in reversed(wanted))

        return Source(names=range(300), labels=np.arange(300), classes=[], read=read)  # type: ignore[arg-type]

    monkeypatch.setattr(building, "open_source", source)
    meta = build(settings("digits", channels=1, max_skipped=7), tmp_path / "out")
    assert meta.count == 293
    assert meta.skipped[2] == {"file": "64", "reason": "reason 64"}
    assert np.array_equal(open_level(tmp_path / "out", 8)[:, 0], images[~gone])
    assert np.array_equal(open_labels(tmp_path / "out"), np.flatnonzero(~gone))
    means = images[~gone].reshape(-1, 4, 2, 4, 2).mean((2, 4))
    assert np.array_equal(open_level(tmp_path / "out", 4)[:, 0], np.rint(means).astype(np.uint8))
    size = (tmp_path / "out" / "images_8.npy").stat().st_size
    assert size == 128 + 293 * 64


def test_every_class_has_an_image(png: Callable[..., bytes], settings: Settings, tmp_path: Path) -> None:
    content = {f"{name}/{number}.png": png(number) for name in "abc" for number in range(3)}
    for name, data in content.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"broken" if name.startswith("b") else data)
    parameters = settings("folder", path=str(tmp_path / "tree"), labels=True, max_skipped=3)
    meta = build(parameters, tmp_path / "out")
    assert (meta.classes, meta.class_counts) == (["a", "c"], [3, 3])
    assert open_labels(tmp_path / "out").tolist() == [0, 0, 0, 1, 1, 1]
    assert meta.left_out == [
        {"what": "classes", "count": 1, "why": "none of their images could be used", "examples": ["b"]}
    ]
    for path in (tmp_path / "tree/c").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(InputError, match="are of one class, and labels need two or more"):
        build(settings("folder", path=str(tmp_path / "tree"), labels=True, max_skipped=6), tmp_path / "out")
    assert read_meta(tmp_path / "out") == meta


def test_classes_that_max_images_leaves_out(settings: Settings, tmp_path: Path) -> None:
    meta = build(settings("digits", labels=True, max_images=7), tmp_path / "out")
    labels = open_labels(tmp_path / "out")
    assert labels.max() + 1 == len(meta.classes) == len(set(labels.tolist())) < 10
    assert sum(meta.class_counts) == 7
    assert [entry["what"] for entry in meta.left_out] == ["classes", "images"]
    assert meta.left_out[1]["count"] == 1790
    with pytest.raises(InputError, match=r"prepare\.max_images leaves some of them"):
        build(settings("digits", labels=True, max_images=1), tmp_path / "out")


def test_the_number_of_processes_changes_nothing(settings: Settings, tmp_path: Path) -> None:
    results = []
    for workers in (1, 2, 3):
        out = tmp_path / f"out{workers}"
        build(settings("avatars", resolution=32, avatars={"styles": ["stack"], "count": 150}), out, workers=workers)
        results.append(files_of(out))
    assert results[0] == results[1] == results[2]


def test_chunks_are_bounded() -> None:
    def sizes(payloads: list[object], resolution: int = 32) -> list[int]:
        return [len(chunk) for _, chunk in pool.chunked(enumerate(payloads), resolution)]  # type: ignore[arg-type]

    assert sizes([b"x"] * 130) == [64, 64, 2]
    assert sizes([b"x"] * 5, resolution=1024) == [1] * 5
    assert sizes([bytes(3 * 2**20)] * 3) == [1, 1, 1]
    assert sizes([np.zeros((2**10, 2**10), np.uint8)] * 9) == [4, 4, 1]
    assert sizes([]) == []


def test_a_pyramid_is_replaced_and_other_things_are_not(settings: Settings, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    small = settings("digits", max_images=3)
    build(small, out)
    build(settings("digits", max_images=5, resolution=4), out)
    assert read_meta(out).count == 5
    assert not (out / "images_8.npy").exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    (tmp_path / "empty").mkdir()
    build(small, tmp_path / "empty")
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    for name in ("precious", "file"):
        with pytest.raises(InputError, match="exists and was not made by"):
            build(small, tmp_path / name)
    assert (tmp_path / "precious" / "thesis.tex").exists()


def test_the_remains_of_a_killed_run_are_removed(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "images_64.npy").touch()
    build(settings("digits", max_images=3), tmp_path / "out")
    assert sorted(files_of(tmp_path / "out")) == ["images_4.npy", "images_8.npy", "labels.npy", "meta.json"]


def test_too_little_room_is_seen_beforehand(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(settings("digits", max_images=3), tmp_path / "out")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    with pytest.raises(RunError, match=r"the pyramid needs .* GiB, and 0\.0 GiB are free"):
        build(settings("digits"), tmp_path / "out")
    assert read_meta(tmp_path / "out").count == 3
    assert not (tmp_path / ".out.part").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk(workers: int, settings: Settings, tmp_path: Path) -> None:
    """A limit on the size of files stands for the full disk: the system refuses to write in the same way."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(RunError, match="out: cannot be written: File too large; make room"):
            build(settings("digits"), tmp_path / "out", workers=workers)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


PREPARE_FOR_EVER = """
from pathlib import Path
from pgan.process import user_errors
from pgan.prepare.build import build
from pgan.prepare.config import Avatars, Prepare
if __name__ == "__main__":
    settings = Prepare(source="avatars", resolution=64, avatars=Avatars(styles=["stack"], count=10**6))
    user_errors(build)(settings, Path("out"), workers=2)
"""


def start(folder: Path) -> "subprocess.Popen[str]":
    """A command that would run for an hour, in a process group of its own."""
    (folder / "main.py").write_text(PREPARE_FOR_EVER)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=folder,
        env=environment,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    level = folder / ".out.part" / "images_64.npy"
    deadline = time.monotonic() + 60
    while not (level.exists() and level.stat().st_size > 10**6):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    os.killpg(group, signal.SIGKILL)
    pytest.fail("processes are left over")


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    process = start(tmp_path)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "interrupted"
    assert "Traceback" not in errors
    wait_until_gone(process.pid)
    assert [path.name for path in tmp_path.iterdir()] == ["main.py"]


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    process = start(tmp_path)
    process.kill()
    process.communicate(timeout=20)
    wait_until_gone(process.pid)
    assert not (tmp_path / "out").exists()


def test_a_killed_worker_is_an_error(settings: Settings, tmp_path: Path) -> None:
    def images() -> object:
        yield 0, np.zeros((8, 8), np.uint8)
        (worker, *_) = multiprocessing.active_children()
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        for position in range(1, 10_000):
            yield position, np.zeros((8, 8), np.uint8)

    import multiprocessing

    folder = tmp_path / "part"
    folder.mkdir()
    parameters = settings("digits")
    for resolution in parameters.levels:
        shape = (10_000, parameters.channels, resolution, resolution)
        np.save(folder / level_name(resolution), np.zeros(shape, np.uint8))
    with pytest.raises(RunError, match="a worker process died"):
        list(pool.outcomes(late(images()), partial(chunk_worker, parameters, folder), 2, 8))


def late(images: object) -> object:
    """The same images, the first 64 of them at once, so that a worker has started before the second."""
    yield from [(0, np.zeros((8, 8), np.uint8))] * 65
    yield from images  # type: ignore[misc]
