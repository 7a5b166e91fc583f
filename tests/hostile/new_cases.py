"""What `pgan new` and `pgan plan` are given: archives that lie, options that are nonsense, parameters and states."""

from collections.abc import Iterator
from pathlib import Path

from compare_cases import LEFT_OUT
from file_cases import JSON, Damage
from harness import Case, Prepare
from source_cases import SOURCES
from world import COMMANDS


def cases() -> Iterator[Case]:
    """All of them."""
    for name, damage in SOURCES["zip"].items():
        if name not in LEFT_OUT:
            yield Case(
                "new", f"zip: {name}", damaged("images.zip", damage, ["new", "images.zip", *COMMANDS["new"][2:]])
            )
    for name, time in {
        "a time of nothing": "0s",
        "a second": "1s",
        "a time that is none": "soon\x1b[31m",
        "a time of a trillion hours": "9" * 400 + "h",
    }.items():
        yield Case("new", name, with_options(["new", "many.zip", "--yes", "--workers", "1"], ["--time", time]))
    for name, arguments in {
        "a negative number of images": ["--kimg", "-1"],
        "kimg that are no number": ["--kimg", "nan"],
        "a resolution of 100": ["--resolution", "100"],
        "a resolution of a trillion": ["--resolution", str(2**40)],
        "two channels": ["--channels", "2"],
        "a batch of 6": ["--batch", "6"],
        "a colour that is none": ["--background", "no\nsuch \x1b[31mcolour"],
        "a device that is none": ["--device", "tpu\x1b[31m"],
        "workers: none": ["--workers", "0"],
        "params: in a file": ["--params", "official.pkl/x.yaml"],
        "params: in a device": ["--params", "/dev/full/x.yaml"],
        "params: a folder": ["--params", "data"],
        "params: a name of 5000": ["--params", "x" * 5000 + ".yaml"],
    }.items():
        yield Case("new", name, with_options(COMMANDS["new"], arguments))
    for name, damage in JSON.items():
        yield Case("plan", f"status: {name}", damaged("status.json", damage, ["plan", "--status", "status.json"]))
    for name, arguments in {
        "a device that is none": ["--device", "tpu\x1b[31m"],
        "workers: none": ["--workers", "0"],
        "params: nothing": ["--params", "no\nsuch \x1b[31mfile \udcff"],
        "params: a checkpoint": ["--params", "official.pkl"],
    }.items():
        yield Case("plan", name, with_options(["plan"], arguments))


def damaged(name: str, damage: Damage, arguments: list[str]) -> Prepare:
    """A file of the world, made hostile."""

    def prepare(folder: Path) -> list[str]:
        if not (folder / name).exists():
            (folder / name).write_text("{}")
        damage(folder / name)
        return arguments

    return prepare


def with_options(command: list[str], arguments: list[str]) -> Prepare:
    """A command with more options; the last of an option counts."""
    return lambda _: [*command, *arguments]
