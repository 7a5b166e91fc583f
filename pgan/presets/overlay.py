"""One parameter file laid over another: what the upper one says replaces what the lower one says.

The result is a text with the comments of both. ruamel.yaml keeps a comment with the key whose line it ends. The lines
from there to the next key belong to the same comment: blank ones, and comments above the next key.
"""

import io
from dataclasses import dataclass, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.tokens import CommentToken

from pgan.presets.values import WHOLE

BESIDE, INSIDE = 2, 3
"""Places where ruamel.yaml keeps a key's comments: from the end of its line on, and at the start of a mapping."""
NO_COMMENTS = (None, None, None, None)


@dataclass(frozen=True)
class Comment:
    """What ruamel.yaml keeps beside a key."""

    first: str
    """The comment that ends the key's line."""
    below: str
    """The lines from there to the next key."""
    column: int
    """Where `first` begins."""


def overlay(lower: str, upper: str) -> str:
    """The lower file with the upper one's values, comments and further keys.

    A comment of the lower file stays where the upper one has none of its own.  A section that names another
    `architecture` than the lower one's replaces it as a whole, since its keys are others.

    Args:
        upper: its comments end a line or stand at the start of a mapping. Those above other keys are lost.
    """
    yaml, text = YAML(), io.StringIO()
    yaml.width = 1000  # no line is broken
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(type(None), _represent_null)
    merged = yaml.load(lower)
    _lay_over(merged, yaml.load(upper))
    yaml.dump(merged, text)
    return text.getvalue()


def _represent_null(representer: Any, _: None) -> Any:
    """As `null`; ruamel.yaml leaves the place empty."""
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")


def _lay_over(lower: CommentedMap, upper: CommentedMap) -> None:
    for key, value in upper.items():
        own = _beside(upper, key)
        if key in lower and _is_mixed(key, lower[key], value):
            _lay_over(lower[key], value)
            if own.first:
                _write(lower, key, replace(own, below=own.below or _beside(lower, key).below))
        else:
            _put(lower, key, value, own)
            lower.ca.items[key][INSIDE] = upper.ca.items.get(key, NO_COMMENTS)[INSIDE]


def _is_mixed(key: str, lower: Any, upper: Any) -> bool:
    """Whether both are mappings over several lines that are laid over each other key by key."""
    if key in WHOLE or not (_is_block(lower) and _is_block(upper)):
        return False
    return upper.get("architecture") in (None, lower.get("architecture"))


def _is_block(value: Any) -> bool:
    return isinstance(value, CommentedMap) and not value.fa.flow_style()


def _put(lower: CommentedMap, key: str, value: Any, own: Comment) -> None:
    """Give a key a value, or append it. What stands between it and the next key stays there."""
    place = _end(lower, key if key in lower else next(reversed(lower)))
    before, below = lower.get(key), _beside(*place).below
    if key not in lower:
        _write(*place, replace(_beside(*place), below=""))
    elif not own.first and not _is_block(before):
        own = replace(_beside(lower, key), below=own.below)
    lower[key] = value
    _write(lower, key, own)
    place = _end(lower, key)
    _write(*place, replace(_beside(*place), below=below))


def _end(mapping: CommentedMap, key: str) -> tuple[CommentedMap, str]:
    """The mapping and the key with which an entry ends."""
    while _is_block(mapping[key]):
        mapping, key = mapping[key], next(reversed(mapping[key]))
    return mapping, key


def _beside(mapping: CommentedMap, key: str) -> Comment:
    token = mapping.ca.items.get(key, NO_COMMENTS)[BESIDE]
    if token is None:
        return Comment("", "", 0)
    first, _, below = token.value.partition("\n")
    return Comment(first, below, token.start_mark.column)


def _write(mapping: CommentedMap, key: str, comment: Comment) -> None:
    text = f"{comment.first}\n{comment.below}"
    token = CommentToken(text, CommentMark(comment.column), None) if text.strip("\n") or comment.below else None
    mapping.ca.items.setdefault(key, list(NO_COMMENTS))[BESIDE] = token
