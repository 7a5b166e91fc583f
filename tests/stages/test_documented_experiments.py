"""The commands with which the documents compare runs, on the miniature."""

import pytest
from fences import ROOT, SHELL, Command, commands, fences
from miniature import Pipeline


def lines(block: list[Command]) -> set[tuple[str, ...]]:
    """The commands, without an order."""
    return {tuple(command.words) for command in block}


BLOCKS = {
    f"{fence.document}, block {number}": commands(fence)
    for document in (ROOT / "README.md", ROOT / "docs/get-started.md")
    for number, fence in enumerate(fences(document))
    if fence.language in SHELL and "dvc exp run" in fence.text
}
WHOLE = [
    pytest.param(block, id=name)
    for name, block in BLOCKS.items()
    if not any(lines(block) < lines(other) for other in BLOCKS.values())
]
"""A block that is a part of another need not run by itself."""
RUN = ("git", "dvc")
"""`make` starts a server there, which a test of its own sees to."""


@pytest.mark.slow
@pytest.mark.parametrize("block", WHOLE)
def test_runs_are_compared_as_the_documents_say(block: list[Command], pipeline: Pipeline) -> None:
    (pipeline.path / "notes.txt").write_text("something to commit\n")
    queued = [c.words[c.words.index("-n") + 1] for c in block if "--queue" in c.words]
    try:
        for command in block:
            if command.words[0] in RUN:
                pipeline.run(*command.words)
        for name in queued:
            pipeline.dvc("queue", "logs", "--follow", name)
    finally:
        pipeline.dvc("queue", "stop", "--kill")
    names = {c.words[c.words.index("-n") + 1] for c in block if "-n" in c.words}
    shown = pipeline.dvc("exp", "show", "--csv")
    assert names
    assert all(name in shown for name in names)
