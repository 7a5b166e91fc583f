"""A corpus of malformed inputs over all commands.

None is accepted, ends in a traceback, hangs, takes more than 2 GiB or 10 s, runs anything, or leaves anything behind.
`make test` takes a sample of it; `make test-all` the rest.
"""

import zlib
from pathlib import Path

import checkpoint_cases
import compare_cases
import file_cases
import new_cases
import parameter_cases
import pytest
import report_cases
import source_cases
from harness import Case, Server, judge, sandbox, tree
from world import COMMANDS

from pgan.cli import app

CASES = [
    case
    for module in (
        parameter_cases,
        checkpoint_cases,
        source_cases,
        file_cases,
        compare_cases,
        new_cases,
        report_cases,
    )
    for case in module.cases()
]

ALWAYS = (
    "aliases 30 deep",
    "a python tag",
    "that runs a command",
    "a command",
    "a name with ..",
    "an absolute name",
    ": a link",
    "a bomb",
    "zip bomb",
    "10^5 x 10^5",
    "a JPEG cut",
    "a negative number",
    "a huge number",
    "a short file",
    ": objects",
    "a flipped bit",
    "a fish",
    "a pipe",
    "out: here",
    "out: the root",
    "out: its own input",
)
"""What the sample always holds, once for each command: the inputs that everybody thinks of first."""


def sample(cases: list[Case]) -> list[Case]:
    """Cases of all commands, the same on every machine."""
    chosen, held = [], set()
    for case in cases:
        first = {(case.command, name) for name in ALWAYS if name in case.name} - held
        if first or zlib.crc32(case.id.encode()) % 24 == 0:
            chosen.append(case)
        held |= first
    return chosen


SHORT = sample(CASES)
LONG = [case for case in CASES if case not in SHORT]


def commands_of_the_program() -> set[str]:
    """All that `pgan --help` lists."""
    return {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}


def test_the_corpus_is_large_and_knows_every_command() -> None:
    for cases, least in ((SHORT, 100), (CASES, 1000)):
        print(f"{len(cases)} hostile inputs")
        assert len(cases) >= least
        assert {case.command for case in cases} == commands_of_the_program()
    assert len({case.id for case in CASES}) == len(CASES)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_world_is_good_until_it_is_spoilt(command: str, server: Server, world: Path, place: Path) -> None:
    with sandbox(world, place) as folder:
        ending = server.run(folder, COMMANDS[command])
        assert ending.code == 0, ending.stderr


@pytest.mark.parametrize("name", ["new\nline\x1b[31m.png", "any\udcffbytes.png", "new/folders/grid.png"])
def test_strange_names_are_no_failure(name: str, server: Server, world: Path, place: Path) -> None:
    with sandbox(world, place) as folder:
        ending = server.run(folder, [*COMMANDS["sample"][:2], name])
        assert ending.code == 0, ending.stderr
        assert (folder / name).is_file()


@pytest.mark.parametrize("case", SHORT, ids=lambda case: case.id[:80].encode("unicode_escape").decode())
def test_hostile_inputs_end_in_one_line(case: Case, server: Server, world: Path, place: Path) -> None:
    check(case, server, world, place)


@pytest.mark.slow
@pytest.mark.parametrize("case", LONG, ids=lambda case: case.id[:80].encode("unicode_escape").decode())
def test_all_other_hostile_inputs(case: Case, server: Server, world: Path, place: Path) -> None:
    check(case, server, world, place)


def check(case: Case, server: Server, world: Path, place: Path) -> None:
    """Run a case and judge it."""
    with sandbox(world, place) as folder:
        arguments = case.prepare(folder)
        before = tree(folder)
        ending = server.run(folder, arguments)
        assert judge(ending) == [], ending
        assert tree(folder) == before
