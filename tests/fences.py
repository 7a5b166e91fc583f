"""The fenced blocks and inline commands of the documents."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/*.md"))]
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$", re.DOTALL | re.MULTILINE
)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHELL = ("sh", "bash", "shell", "console", "zsh")
ENDS = ("&&", ";", "||", "|", "&")
"""Of a command within a line."""


@dataclass(frozen=True)
class Fence:
    """A block between ``` and ```."""

    document: str
    language: str
    text: str


@dataclass(frozen=True)
class Command:
    """A program with its arguments, and the variables that are set for it."""

    document: str
    variables: dict[str, str]
    words: list[str]


def fences(document: Path) -> list[Fence]:
    """All blocks of a document, in order."""
    name, text = str(document.relative_to(ROOT)), document.read_text(encoding="utf-8")
    return [Fence(name, match["language"], match["text"]) for match in FENCE.finditer(text)]


def inline(document: Path) -> list[str]:
    """What stands between single backticks outside of blocks."""
    return INLINE.findall(FENCE.sub("", document.read_text(encoding="utf-8")))


def commands(fence: Fence) -> list[Command]:
    """The commands of a block of shell: joined where a line ends in a backslash, apart where it has `&&` or `;`."""
    found = []
    for line in fence.text.replace("\\\n", " ").splitlines():
        words: list[str] = []
        for token in [*_tokens(line), ";"]:
            if token not in ENDS:
                words.append(token)
            elif words:
                found.append(_command(fence.document, words))
                words = []
    return found


def _tokens(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.whitespace_split = True
    return list(lexer)


def _command(document: str, words: list[str]) -> Command:
    variables = {}
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return Command(document, variables, words)
