"""Small trees of images to prepare."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pgan.prepare.config import Prepare


@pytest.fixture
def settings() -> Callable[..., Prepare]:
    """Parameters of a small pyramid of a folder, but for what a test says."""

    def make(source: str, **changes: Any) -> Prepare:
        return Prepare.model_validate({"source": source, "resolution": 8, **changes})

    return make


@pytest.fixture
def png() -> Callable[..., bytes]:
    """An encoded image of random pixels."""

    def encode(seed: int, size: tuple[int, int] = (12, 10), form: str = "PNG") -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, form)
        return file.getvalue()

    return encode


@pytest.fixture
def tree(png: Callable[..., bytes]) -> dict[str, bytes]:
    """Names and contents of a tree of two classes, with things in it that are no images; not in sorted order."""
    return {
        "dog/2.png": png(2),
        "cat/10.jpg": png(0, form="JPEG"),
        "cat/9.webp": png(1, form="WEBP"),
        "cat/more/1.PNG": png(3),
        "cat.x/1.png": png(4),
        "cat/Thumbs.db": b"thumbs",
        "cat/.hidden.png": b"hidden",
        "__MACOSX/cat/._10.jpg": b"resource fork",
        ".git/x.png": b"hidden",
        "notes.txt": b"notes",
    }


@pytest.fixture
def tree_folder(tree: dict[str, bytes], tmp_path: Path) -> Path:
    """The tree as a folder."""
    for name, data in tree.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return tmp_path / "tree"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets beside the repository."""
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data beside the repository")
    return folder
