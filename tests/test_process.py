"""What a command says reaches any terminal, in any locale, without passwords; files are read the same in all."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

from pgan.process import Discreet, Unbreakable

ROOT = Path(__file__).parent.parent
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0"}
"""Python then knows names of files in ASCII only."""
LOCALES = {
    "ascii output": {"PYTHONIOENCODING": "ascii"},
    "strict ascii output": {"PYTHONIOENCODING": "ascii:strict"},
    "Latin-1 output": {"PYTHONIOENCODING": "latin-1"},
    "C": {"LANG": "C", "LC_ALL": ""},
    "ASCII": ASCII,
}
HELP = """
import runpy, sys
for module in sys.argv[1:]:
    sys.argv = [module, "--help"]
    try:
        runpy.run_module(module, run_name="__main__")
    except SystemExit as end:
        assert not end.code, module
"""
WITHOUT = ("LC_ALL", "LANG", "PYTHONUTF8", "PYTHONIOENCODING")


def run(*command: str, folder: Path = ROOT, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """`python …` with these settings, and none of the machine's own."""
    kept = {key: value for key, value in os.environ.items() if key not in WITHOUT}
    own = {"PYTHONPATH": str(ROOT), "COLUMNS": "80", "PGAN_WORKERS": "1", "PGAN_DEVICE": "cpu"}
    return subprocess.run(
        [sys.executable, *command], cwd=folder, env=kept | own | environment, capture_output=True, check=False
    )


@pytest.mark.parametrize("locale", LOCALES)
def test_the_help_of_all_commands_is_said(locale: str) -> None:
    modules = ("stages.checks.places", "stages.ablations", "stages.tracking.ui", "benchmarks.prepare", "pgan")
    done = run("-c", HELP, *modules, **LOCALES[locale])
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.count(b"--help") == len(modules)


def test_what_ascii_cannot_say_is_written_out(tmp_path: Path) -> None:
    done = run("-m", "pgan", "check", "--params", "größe.yaml", folder=tmp_path, **ASCII)
    assert done.returncode == 2
    assert b"gr\\xf6\\xdfe.yaml" in done.stderr
    assert b"Traceback" not in done.stderr


def test_files_and_classes_are_the_same_in_any_locale(tmp_path: Path) -> None:
    images = tmp_path / "bilder für später"
    for name in ("äpfel", "梨"):
        (images / name).mkdir(parents=True)
        for i in range(2):
            Image.new("L", (4, 4), 100 * i).save(images / name / f"größe {i}.png")
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    parameters["prepare"] |= {"source": "folder", "path": images.name, "resolution": 4}
    text = "# größe in Pixeln: 4×4\n" + yaml.safe_dump(parameters, allow_unicode=True, sort_keys=False)
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    made = []
    for number, environment in enumerate(({"LC_ALL": "C.UTF-8"}, ASCII)):
        done = run("-m", "pgan", "prepare", "--out", f"out ü{number}", folder=tmp_path, **environment)
        assert done.returncode == 0, done.stderr.decode()
        made.append({path.name: path.read_bytes() for path in (tmp_path / f"out ü{number}").iterdir()})
    assert made[0] == made[1]
    assert made[0]["meta.json"]


class Full(io.StringIO):
    """A disk without room."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_streams_say_no_passwords_whoever_writes() -> None:
    text = io.StringIO()
    stream = Discreet(text)
    print("a", "http://me:secret@host", file=stream)
    stream.writelines(["https://h?token=abc\n"])
    assert text.getvalue() == "a http://***@host\nhttps://h?token=***\n"
    assert stream.getvalue() == text.getvalue()


def test_only_messages_may_be_lost() -> None:
    Unbreakable(Full()).write("a message")
    with pytest.raises(OSError, match="No space left"):
        Discreet(Full()).write("a result")


def test_a_traceback_holds_no_password() -> None:
    code = "from pgan.process import begin; begin(); raise ValueError('http://me:secret@host is wrong')"
    done = run("-c", code)
    assert b"ValueError: http://***@host is wrong" in done.stderr
    assert b"secret" not in done.stderr


SPINS = """
import os, sys
from pgan.process import begin
begin()
assert "torch" not in sys.modules
print(os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.mark.parametrize(
    ("given", "spins"),
    [({}, "3000"), ({"GOMP_SPINCOUNT": "17"}, "17"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "None")],
)
def test_waiting_threads_sleep_soon_unless_the_user_says_otherwise(given: dict[str, str], spins: str) -> None:
    clean = {name: text for name, text in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    output = subprocess.run(
        [sys.executable, "-c", SPINS], env=clean | given, check=True, capture_output=True, text=True
    )
    assert output.stdout == spins + "\n"


@pytest.mark.parametrize("module", ["pgan.cli", "stages.train", "stages.evaluate", "stages.features", "stages.render"])
def test_torch_is_loaded_after_the_process_has_begun(module: str) -> None:
    """libgomp reads how long to spin when torch is loaded."""
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
