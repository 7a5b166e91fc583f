"""The API reference: a page for each room of `pgan`, made by mkdocstrings from the code, which it does not import."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

INDEX = "api/index.md"
INTRODUCTION = """# API reference

Every public module of `pgan`, by room. [How it works](../architecture.md) says what each room is for.
Names may change before version 1.0.

"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """List the pages in the navigation, below the entry that names the first."""
    pages = [{"Overview": INDEX}, *({room: _page(room) for room in [name]} for name in _rooms(config))]
    config.nav = _expanded(config.nav, pages)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    rooms = _rooms(config)
    overview = "\n".join(f"- [{room}]({Path(_page(room)).name})" for room in rooms)
    files.append(File.generated(config, INDEX, content=INTRODUCTION + overview + "\n"))
    for room, modules in rooms.items():
        content = f"# {room}\n\n" + "\n\n".join(f"::: {module}" for module in modules) + "\n"
        files.append(File.generated(config, _page(room), content=content))
    return files


def _page(room: str) -> str:
    return f"api/{room}.md"


def _rooms(config: MkDocsConfig) -> dict[str, list[str]]:
    """Package -> its public modules, nested packages included; what lies in `pgan` itself comes first."""
    root = Path(config.config_file_path).parent
    rooms: dict[str, list[str]] = {"pgan": []}
    for path in sorted((root / "pgan").rglob("*.py")):
        *packages, name = path.relative_to(root).with_suffix("").parts
        if not name.startswith("__"):
            room = ".".join(packages[:2])
            rooms.setdefault(room, []).append(".".join([*packages, name]))
    return rooms


def _expanded(entry: object, pages: list[dict[str, str]]) -> object:
    """The navigation, with the pages in place of the index."""
    if isinstance(entry, list):
        return [_expanded(one, pages) for one in entry]
    if isinstance(entry, dict):
        return {title: pages if inner == INDEX else _expanded(inner, pages) for title, inner in entry.items()}
    return entry
