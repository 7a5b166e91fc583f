"""YAML as DVC reads it, but of bounded size, and with nothing in it that would only be stumbled over later."""

import re
from typing import Any

import yaml

MOST_NODES = 20_000
"""Keys and values, each alias counted as what it stands for: nested aliases would otherwise make it exponential."""
DEEPEST = 50
"""Levels of nesting."""
KEY, MERGE = "tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"


def parse(text: str) -> Any:
    """The content of a YAML text: mappings with text as keys, lists, scalars.

    Raises:
        yaml.YAMLError: it is not YAML, is too large or too deep or holds itself, a key is given twice or is no text, a
            value is not what its tag says, or a whole number has more than 64 bits.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _weigh(node, {}, 0)[0] > MOST_NODES:
            raise _problem(f"more than {MOST_NODES} values, each alias counted as what it stands for", node)
        return loader.construct_document(node)
    except RecursionError:
        raise yaml.YAMLError(f"nested deeper than {DEEPEST} levels") from None
    finally:
        loader.dispose()


class _Loader(yaml.SafeLoader):
    """The safe loader with numbers as in YAML 1.2 (`1e-3`), and with one kind of error."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError):  # of the library's constructors
            raise _problem(f"a value that is no {node.tag.rpartition(':')[2]}", node) from None

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        value: int = self.construct_yaml_int(node)
        if not -(2**63) <= value < 2**63:
            raise _problem("a whole number of more than 64 bits", node)
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_integer)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+0123456789."),
)


def _weigh(node: yaml.Node, known: dict[int, tuple[int, int]], depth: int) -> tuple[int, int]:
    """Number of values in a tree, with aliases written out, and its height. Looks at each node once."""
    if id(node) not in known:
        known[id(node)] = (1, DEEPEST + 1)  # what a node that is inside itself will find
        parts = [_weigh(part, known, depth + 1) for part in _parts(node)]
        known[id(node)] = (1 + sum(count for count, _ in parts), 1 + max((height for _, height in parts), default=0))
    count, height = known[id(node)]
    if depth + height > DEEPEST:
        raise _problem(f"nested deeper than {DEEPEST} levels, or inside itself", node)
    return count, height


def _parts(node: yaml.Node) -> list[yaml.Node]:
    """What a node holds, the keys of a mapping checked."""
    if not isinstance(node, yaml.MappingNode):
        return list(node.value) if isinstance(node, yaml.SequenceNode) else []
    seen = set()
    for key, _ in node.value:
        if key.tag not in (KEY, MERGE) or not isinstance(key, yaml.ScalarNode):
            raise _problem("a key that is no text; put it into quotes", key)
        if key.value in seen and key.tag == KEY:
            raise _problem(f"the key '{key.value}' is given twice", key)
        seen.add(key.value)
    return [part for pair in node.value for part in pair]


def _problem(what: str, node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(None, None, what, node.start_mark)
