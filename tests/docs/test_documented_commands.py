"""Programs accept every command in the documents. The commands of `pgan` also run, on narrow networks.

`stages/test_documented_experiments.py` runs DVC's commands, and `test_makefile.py` tests the targets of make.
"""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from fences import DOCUMENTS, ROOT, SHELL, Command, Fence, commands, fences, inline
from programs import PGAN, check, make, module_exists, variables
from zygote import Zygote

from pgan.experiment import Experiment

FOREIGN = ("MASTER_ADDR", "MASTER_PORT", "OMP_NUM_THREADS", "HYPOTHESIS_PROFILE", "MLFLOW_TRACKING_URI")
"""Variables that other programs read."""
BLOCKS = [fence for document in DOCUMENTS for fence in fences(document)]
COMMANDS = [command for fence in BLOCKS if fence.language in SHELL for command in commands(fence)]

FOLDERS = {path.parent for room in ("pgan", "stages", "tests") for path in (ROOT / room).rglob("*.py")} | {ROOT}
"""Where the name of a file in the documents may begin."""
MADE = ("mine.yaml",)
"""By the reader."""


def test_every_block_says_what_it_is() -> None:
    """A block of commands without a language would escape these tests."""
    assert {fence.language for fence in BLOCKS} <= {*SHELL, "yaml", "text", "python", "toml"}
    assert len(COMMANDS) > 50


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: f"{command.document}: {' '.join(command.words)}")
def test_a_command_is_accepted(command: Command) -> None:
    assert set(command.variables) <= variables() | set(FOREIGN)
    if command.words:
        check(command.words)
    for launcher in filter(None, [command.variables.get("PGAN_LAUNCHER")]):
        assert launcher.split()[0] in ("torchrun", "srun")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_the_text_names_exists(document: Path) -> None:
    for code in inline(document):
        if found := re.match(r"pgan ([a-z]+)", code):
            assert found[1] in PGAN.commands, code
        elif found := re.match(r"make ([a-z-]+)", code):
            make([found[1]])
        elif found := re.match(r"python -m ((?:stages|benchmarks|pgan)[\w.]*)(?![\w.<])", code):
            assert module_exists(found[1]), code
        elif re.match(r"PGAN_[A-Z]+$", code):
            assert code in variables(), code
        elif found := re.fullmatch(
            r"([\w/.-]+\.(?:py|yaml)|(?:pgan|stages|tests|docs|verification)/[\w/.-]+)(::.*)?", code
        ):
            assert found[1] in MADE or any((folder / found[1]).exists() for folder in FOLDERS), code


@pytest.mark.parametrize("fence", [f for f in BLOCKS if f.language == "yaml"], ids=lambda fence: fence.document)
def test_a_piece_of_a_parameter_file_fits_into_it(fence: Fence, parameters: dict[str, Any]) -> None:
    content = dict(parameters)
    for key, value in yaml.safe_load(fence.text).items():
        replaces = key == "phases" or "architecture" in value
        content[key] = value if replaces else content[key] | value
    Experiment.model_validate(content)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_test_that_the_text_names_exists(document: Path) -> None:
    """`…` stands for the rest of a name."""
    every = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    for code in inline(document):
        for name in re.findall(r"(?:^|::)(test_\w+…?|…\w+…)(?!\w|\.py)", code):
            assert re.search(rf"def {name.replace('…', '[a-z0-9_]*')}\b", every), code


# --- running

NOT_RUN = (
    "new",  # needs images of the reader's
    "download",  # from the network
    "import",  # needs an official pickle, which is not in the repository
    "--install-completion",  # changes the shell's own files
)
PAGES = ("docs/get-started.md", "docs/generator.md", "docs/comparing.md", "README.md", "docs/presets.md")
"""Those with commands of `pgan`. The first trains what the second uses; the last ones write other parameters."""
PARSED = ("docs/your-images.md",)
"""Pages whose commands are all in `NOT_RUN`."""
PHASES = ("stabilize_4", "grow_8")
TINY: dict[str, dict[str, Any]] = {
    "prepare": {"resolution": 8, "max_images": 120},
    "networks": {"latent_size": 4, "fmap_base": 16, "fmap_max": 4, "classes": 10},
    "training": {"samples": 4, "sample_frames": 2, "log_every_kimg": 0.02, "compile": "never"},
    "evaluate": {
        "images": 40,
        "target_resolution": 8,
        "metrics": ["frechet", "swd"],
        "swd": {"images": 40, "patches": 4, "directions": 8},
    },
    "render": {
        "rows": 2,
        "columns": 2,
        "tile": 8,
        "frames_per_phase": 2,
        "interpolation": {"latents": 2, "frames_between": 2, "walkers": 2},
    },
}


YES = """
import io, sys
class Terminal(io.StringIO):
    def isatty(self): return True
sys.stdin = Terminal("y\\n")
"""
"""The answer to a command that asks."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with narrow networks in its parameters."""
    folder = tmp_path / "work"
    content: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for section, values in TINY.items():
        content[section] |= values
    content["phases"] = {name: content["phases"][name] | {"kimg": 0.016, "batch": 8} for name in PHASES}
    content["features"]["classifier"] |= {"resolution": 8, "width": 2, "epochs": 1}
    (folder / "data/raw").mkdir(parents=True)
    content["prepare"]["path"], content["init"]["path"] = "data/raw", "params.yaml"
    (folder / "params.yaml").write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return folder


@pytest.mark.slow
def test_the_commands_of_pgan_run(folder: Path, zygote: Zygote) -> None:
    """Page by page, in the same folder; what several pages have, once."""
    done: set[str] = set()
    for page in PAGES:
        run_page(page, done, folder, zygote)
        for name in ("CHECKPOINT", "data/train/stabilize_16/checkpoint.pt"):  # as the next pages call it
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copy(folder / "data/train" / PHASES[-1] / "checkpoint.pt", folder / name)


def run_page(page: str, done: set[str], folder: Path, zygote: Zygote) -> None:
    """Run all commands of `pgan` on a page, except for `NOT_RUN` and what is done already."""
    wanted = [command.words for command in COMMANDS if command.document == page and command.words[:1] == ["pgan"]]
    for _, *arguments in wanted:
        line = " ".join(arguments)
        if line not in done and not set(arguments) & set(NOT_RUN):
            code, output = zygote.start(folder, *arguments, before=YES).end()
            assert code == 0, f"{page}: pgan {line}: {output}"
            done.add(line)


def test_no_page_is_left_out() -> None:
    assert {command.document for command in COMMANDS if command.words[:1] == ["pgan"]} == {*PAGES, *PARSED}
