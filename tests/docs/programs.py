"""What each program of the documents takes: a command that it would refuse fails its check, without being run."""

import ast
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import click
import typer
import yaml
from fences import ROOT

from pgan.cli import app

PGAN = typer.main.get_command(app)
COMPLETION = "--install-completion"


def check(words: list[str]) -> None:
    """Fail unless a program of `PROGRAMS` would accept these words."""
    name, *arguments = words
    assert name in PROGRAMS, f"{name}: no program that this test knows; check it here, or name it in UNCHECKED"
    PROGRAMS[name](arguments)


def pgan(arguments: list[str]) -> None:
    """Parse, without running the command."""
    parse(PGAN, "pgan", arguments)


def parse(command: "click.Command", name: str, arguments: list[str]) -> None:
    """Let a command, or the one of a group that is named, parse its arguments."""
    subcommands = getattr(command, "commands", None)
    if COMPLETION in arguments:  # parsing it would run it
        assert any(COMPLETION in parameter.opts for parameter in command.params)
        return
    try:
        if subcommands and arguments and not arguments[0].startswith("-"):
            assert arguments[0] in subcommands, f"{name} has no command {arguments[0]}"
            subcommands[arguments[0]].make_context(arguments[0], arguments[1:])
        else:
            command.make_context(name, arguments)
    except Exception as error:  # Click's own errors, or those in Typer's copy of Click
        if type(error).__name__ != "Exit":
            raise AssertionError(f"{name} {' '.join(arguments)}: {getattr(error, 'message', error)}") from error


def python(arguments: list[str]) -> None:
    """`python -m MODULE …` or `python FILE …` of this repository: there is one, and it has all options."""
    if arguments[0] == "-m":
        module, rest = arguments[1], arguments[2:]
        path = ROOT / module.replace(".", "/")
        path = path / "__main__.py" if path.is_dir() else path.with_suffix(".py")
    else:
        path, rest = ROOT / arguments[0], arguments[1:]
    assert path.is_file(), f"{path.relative_to(ROOT)} does not exist"
    if path == ROOT / "stages/ablations/__main__.py":
        from stages.ablations.__main__ import ablate

        one = typer.Typer()
        one.command()(ablate)
        parse(typer.main.get_command(one), "ablate", rest)
        for number, word in enumerate(rest):
            if word == "--set":
                parameter(rest[number + 1])
        return
    known = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    for word in rest:
        assert not word.startswith("-") or word in known, f"{path.relative_to(ROOT)} has no option {word}"


def make(arguments: list[str]) -> None:
    """A target of the Makefile, and variables that may be set."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in arguments:
        name, equals, _ = word.partition("=")
        assert re.search(rf"^{name} \?=" if equals else rf"^{name}:.*## ", text, re.MULTILINE), f"make has no {name}"


def dvc(arguments: list[str]) -> None:
    """Parse as DVC does; what it is to set or run must exist in this project."""
    from dvc.cli import parse_args

    parsed = parse_args(arguments)
    for setting in getattr(parsed, "set_param", None) or []:
        parameter(setting)
    if arguments[0] == "repro":
        stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
        assert {target.partition("@")[0] for target in parsed.targets} <= set(stages)


def parameter(setting: str) -> None:
    """KEY=VALUE, where params.yaml has the key."""
    key, equals, _ = setting.partition("=")
    assert equals, f"{setting}: no KEY=VALUE"
    value = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    for part in key.split("."):
        assert isinstance(value, dict), f"params.yaml has no {key}"
        assert part in value, f"params.yaml has no {key}"
        value = value[part]


def pip(arguments: list[str]) -> None:
    """`pip install .`, with extras that there are."""
    assert arguments[0] == "install"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for target in arguments[1:]:
        extras = re.fullmatch(r"(?:\.|pgan)(?:\[(.*)\])?", target)
        assert extras, f"pip install {target}: not this project"
        assert set((extras[1] or "").split(",")) - {""} <= set(project["optional-dependencies"]), target


def pytest(arguments: list[str]) -> None:
    """Files that there are, and markers."""
    markers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    before = ""
    for word in arguments:
        if before == "-m":
            assert any(marker.startswith(f"{word}:") for marker in markers["markers"]), f"no marker {word}"
        elif before != "-k" and not word.startswith("-"):
            assert (ROOT / word.partition("::")[0]).exists(), f"{word} does not exist"
        before = word


def launcher(arguments: list[str]) -> None:
    """`torchrun … -m -- COMMAND` and `srun … COMMAND`: what they start."""
    for start in ("pgan", "python", "dvc"):
        if start in arguments:
            return check(arguments[arguments.index(start) :])
    raise AssertionError(f"nothing known is started: {arguments}")


def export(arguments: list[str]) -> None:
    """NAME=VALUE."""
    assert all(re.fullmatch("[A-Z_]+=.+", word) for word in arguments)


def mlflow(arguments: list[str]) -> None:
    """Parse, without running the command."""
    from mlflow.cli import cli

    group, rest = (cli.commands["models"], arguments[1:]) if arguments[0] == "models" else (cli, arguments)
    assert rest[0] in group.commands, f"mlflow has no command {' '.join(arguments[:2])}"
    group.commands[rest[0]].make_context(rest[0], rest[1:])


def of_environment(name: str) -> Callable[[list[str]], None]:
    """A tool of the extra `dev`; its arguments are paths of this repository."""

    def check_tool(arguments: list[str]) -> None:
        assert re.search(rf'"{name}[>\[]', (ROOT / "pyproject.toml").read_text(encoding="utf-8")), name
        for word in arguments:
            assert word in ("check", "format") or word.startswith("-") or (ROOT / word).exists(), word

    return check_tool


def unchecked(arguments: list[str]) -> None:
    """A program of the system."""


UNCHECKED = ("git", "cp", "ln", "cd")
"""Nothing of this project can make these wrong."""
PROGRAMS: dict[str, Callable[[list[str]], None]] = {
    "pgan": pgan,
    "python": python,
    "make": make,
    "dvc": dvc,
    "mlflow": mlflow,
    "pip": pip,
    "pytest": pytest,
    "torchrun": launcher,
    "srun": launcher,
    "export": export,
    "ruff": of_environment("ruff"),
    "mypy": of_environment("mypy"),
    "lint-imports": of_environment("import-linter"),
    **dict.fromkeys(UNCHECKED, unchecked),
}


def variables() -> set[str]:
    """Environment variables that the code reads."""
    sources = [path.read_text(encoding="utf-8") for room in ("pgan", "stages") for path in (ROOT / room).rglob("*.py")]
    return {name for text in sources for name in re.findall(r'"((?:PGAN|MLFLOW)_[A-Z_]+)"', text)}


def module_exists(name: str) -> bool:
    """Whether this repository has a module or package."""
    path = Path(ROOT, *name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__main__.py").is_file()
