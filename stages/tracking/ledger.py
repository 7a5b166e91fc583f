"""What a run has been given already, so that it is not logged twice: a file in `.pgan/logged` for each run.

The run has one tag, a digest of that file.  A store that comes back from a backup has another one.  Then everything is
logged again, which adds only what is missing.
"""

import hashlib
import json
from pathlib import Path

from mlflow import MlflowClient

TAG = "pgan.logged"
OLDER = "pgan.logged."
"""How tags begin that older versions set, one for each item."""


class Ledger:
    """Names of items and digests of the files that they were logged from."""

    def __init__(self, root: Path, client: MlflowClient, run: str) -> None:
        self._path = root / ".pgan" / "logged" / f"{run}.json"
        self._client, self._run = client, run
        tags = client.get_run(run).data.tags
        text = self._path.read_text(encoding="utf-8") if self._path.is_file() else ""
        self._items: dict[str, str] = json.loads(text) if text and _digest(text) == tags.get(TAG) else {}
        self._older = {tag: value for tag, value in tags.items() if tag.startswith(OLDER)}

    def contradicts(self, digests: dict[str, str]) -> bool:
        """Whether the run has an item of other files than these."""
        held = {tag.removeprefix(OLDER): digest for tag, digest in self._older.items()} | self._items
        return any(held.get(name, digest) != digest for name, digest in digests.items())

    def lacks(self, name: str) -> bool:
        """Whether an item is still to be logged."""
        return name not in self._items

    def add(self, name: str, digest: str) -> None:
        """Note that an item is logged."""
        self._items[name] = digest
        text = json.dumps(self._items, indent=1)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(text, encoding="utf-8")
        self._client.set_tag(self._run, TAG, _digest(text))

    def forget_older(self) -> None:
        """Delete the tags of older versions; call this when everything is logged."""
        for tag in self._older:
            self._client.delete_tag(self._run, tag)
        self._older = {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
