"""Pages of the site whose source lies in the repository's root, and links between them and `docs/`.

Each text has one source: README.md is the site's first page, and nothing is copied.
"""

import os.path
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

PAGES = {
    "index.md": "README.md",
    "architecture.md": "ARCHITECTURE.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
}
"""Page of the site -> file in the root."""
LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<path>[^)#:\s]+)(?P<anchor>#[^)\s]*)?\)")
"""A link to a file of the repository, or a picture; addresses with a scheme are left alone."""
DOCS = "docs/"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    for page, source in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(_root(config) / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links at pages; one that leads to a file outside the site, such as code, becomes its text."""
    folder = "" if page.file.src_uri in PAGES else os.path.dirname(DOCS + page.file.src_uri)
    pages = {source: page for page, source in PAGES.items()}

    def rewritten(match: re.Match[str]) -> str:
        target = os.path.normpath(os.path.join(folder, match["path"]))
        if target.startswith(DOCS) or target in pages:
            found = pages.get(target, target.removeprefix(DOCS))
            relative = os.path.relpath(found, os.path.dirname(page.file.src_uri))
            return f"{match['text']}({relative}{match['anchor'] or ''})"
        if not (_root(config) / target).exists():
            return match[0]  # `mkdocs build --strict` refuses it
        return match["text"].strip("[]")

    return LINK.sub(rewritten, markdown)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent
