"""One server and one world for all cases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import Server
from world import build


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def world(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "world"
    folder.mkdir()
    build(folder, server)
    return folder


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where copies of the world stand, one after the other."""
    return tmp_path_factory.mktemp("place")
