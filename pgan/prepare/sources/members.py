"""The members of an archive, sorted as they come: images, links to them, and what is left out."""

from collections.abc import Callable
from typing import Generic, TypeVar

from pgan.prepare.sources.links import Link, resolve
from pgan.prepare.sources.tree import DESCRIPTION, ESCAPES, Listing, in_order, normalised

Place = TypeVar("Place")
"""Where a member is, as the archive knows it."""


class Members(Generic[Place]):
    """Takes each member in; after `follow_links`, `images` and `refused` have the names of all images."""

    def __init__(self) -> None:
        self.listing = Listing()
        self.images: dict[str, Place] = {}
        """By name; of members of the same name, the last."""
        self.refused: dict[str, str] = {}
        """Names of images that are not to be read, and why."""
        self.descriptions: dict[str, Place] = {}
        """The files `dataset.json`."""
        self._links: dict[str, Link] = {}

    @property
    def escaping(self) -> frozenset[str]:
        """Names that lead out of the archive, as they stand in it."""
        return frozenset(name for name, reason in self.refused.items() if reason == ESCAPES)

    @property
    def names(self) -> list[str]:
        """Of all images, in order."""
        return in_order([*self.images, *self.refused])

    def add_folder(self, name: str) -> None:
        """A member that is a folder."""
        inside = normalised(name)
        if inside:
            self.listing.enters(inside)

    def add_file(self, name: str, place: Place, head: Callable[[], bytes | None]) -> None:
        """A member that is anything else but a link; `head` reads its first bytes."""
        inside = normalised(name)
        taken = self.listing.takes(inside or name, head)
        if inside is None:
            if taken:
                self.refused[name] = ESCAPES
            return
        if taken:
            self._forget(inside)
            self.images[inside] = place
        elif inside.rpartition("/")[2] == DESCRIPTION:
            self.descriptions[inside] = place

    def add_link(self, name: str, make: Callable[[str], Link]) -> None:
        """A member that stands for another one; `make` gives the link of that name."""
        inside = normalised(name)
        if not self.listing.passes(inside or name):
            return
        if inside is None:
            if self.listing.has_suffix(name):
                self.refused[name] = ESCAPES
            return
        self._forget(inside)
        self._links[inside] = make(inside)

    def follow_links(self) -> None:
        """Let each link be the image that it leads to. One that leads to none is refused if its name is an image's."""
        found = {name: resolve(link, self._links, self.images) for name, link in self._links.items()}
        for name, target in found.items():
            if target is not None:
                self.images[name] = self.images[target]
            elif self.listing.has_suffix(name):
                self.refused[name] = self._links[name].refusal
            else:
                self.listing.left_out.add("links", name)

    def _forget(self, name: str) -> None:
        """An earlier member of the same name does not count."""
        if name in self.images or name in self._links:
            self.listing.left_out.add("again", name)
            self.images.pop(name, None)
            self._links.pop(name, None)
