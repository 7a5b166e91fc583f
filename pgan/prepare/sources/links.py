"""Links inside an archive: nothing is followed that leads out of it."""

import posixpath
from collections.abc import Container
from dataclasses import dataclass

from pgan.prepare.sources.tree import normalised

MOST_STEPS = 16
"""Links that lead to links."""


@dataclass(frozen=True)
class Link:
    """A member that stands for another one."""

    text: str
    """Where it leads, as the archive says it."""
    target: str | None
    """The same as a name in the archive; None where it leads out."""

    @property
    def refusal(self) -> str:
        """Why it cannot be read."""
        return f"a link to {self.text}, which is no image in the archive"


def symbolic(name: str, text: str) -> Link:
    """A link whose text counts from the folder of its own name."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(name), text)) if text else ".."
    return Link(text, normalised(target))


def hard(text: str) -> Link:
    """A link whose text counts from the root of the archive."""
    return Link(text, normalised(text))


def resolve(link: Link, links: dict[str, Link], images: Container[str]) -> str | None:
    """The name of the image that a link leads to, if it does."""
    for _ in range(MOST_STEPS):
        if link.target is None or link.target in images:
            return link.target
        further = links.get(link.target)
        if further is None:
            return None
        link = further
    return None
