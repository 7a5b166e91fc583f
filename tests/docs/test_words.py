"""The documents stay short, and so do their sentences."""

import re
from pathlib import Path

import pytest
from fences import DOCUMENTS, FENCE, ROOT

MOST_LINES = 150
MOST_WORDS = 28
"""Of nine sentences in ten."""


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_sentences_are_short(document: Path) -> None:
    lengths = sorted(len(sentence.split()) for sentence in sentences(document.read_text(encoding="utf-8")))
    assert lengths[int(0.9 * len(lengths))] <= MOST_WORDS


def sentences(text: str) -> list[str]:
    """The sentences of a text, without blocks, tables and headings. Code in backticks counts as a word."""
    text = re.sub(r"`[^`]*`", "Code", re.sub(r"\]\([^)]*\)", "]", FENCE.sub("\n\n", text)))
    paragraphs = re.split(r"\n\s*\n|\n\s*(?=[-*|#]|\d+\.)", text)
    prose = [" ".join(p.split()) for p in paragraphs if not p.lstrip().startswith(("|", "#", "<"))]
    return [s for p in prose for s in re.split(r"(?<=[.!?;:])\s+(?=[A-Z`(*])", p) if len(s.split()) > 2]
