"""The commands with which the documents compare runs, on the miniature."""

from pathlib import Path

import pytest
from fences import ROOT, SHELL, Command, commands, fences
from miniature import Pipeline
from test_experiments import wait_for_queue

PAGE = ROOT / "docs/compare-runs.md"
DOCUMENTS = (ROOT / "README.md", ROOT / "docs/get-started.md")
RUN = ("git", "dvc")
"""`make` starts a server there, which a test of its own sees to."""


def lines(block: list[Command]) -> set[tuple[str, ...]]:
    """The commands, without an order."""
    return {tuple(command.words) for command in block if command.words[0] in RUN}


COMMANDS = [command for fence in fences(PAGE) if fence.language in SHELL for command in commands(fence)]
"""Of the page, one block after the other."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_other_documents_have_commands_of_the_page(document: Path) -> None:
    found = [commands(fence) for fence in fences(document) if fence.language in SHELL and "dvc exp run" in fence.text]
    assert found
    for block in found:
        assert lines(block) <= lines(COMMANDS)


@pytest.mark.slow
def test_runs_are_compared_as_the_documents_say(pipeline: Pipeline) -> None:
    (pipeline.path / "notes.txt").write_text("something to commit\n")
    queued = [command.words[command.words.index("-n") + 1] for command in COMMANDS if "--queue" in command.words]
    shown = ""
    try:
        for command in COMMANDS:
            if command.words[:2] == ["dvc", "exp"] and command.words[2] == "show":
                for name in queued:
                    pipeline.dvc("queue", "logs", "--follow", name)
                wait_for_queue(pipeline)
            if command.words[0] in RUN:
                output = pipeline.run(*command.words).stdout
                shown += output if command.words[2] == "show" else ""
    finally:
        pipeline.dvc("queue", "stop", "--kill")
    names = {command.words[command.words.index("-n") + 1] for command in COMMANDS if "-n" in command.words}
    assert len(names) == 3
    assert all(name in shown for name in names)
    assert pipeline.dvc("exp", "list", "--name-only").split() == ["longer-fade", "without-drift"]
    assert "fade-30" in pipeline.run("git", "branch").stdout
