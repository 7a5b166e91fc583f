"""The Inception code path, with a small TorchScript network of the same signature."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pgan.errors import InputError, RunError
from pgan.metrics.config import InceptionParams
from pgan.metrics.inception import find_inception, inception_features, inception_probabilities, load_inception

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, save_stand_in: Callable[[Path, int], Path]) -> Path:
    return save_stand_in(tmp_path_factory.mktemp("inception") / "stand-in.pt", 0)


@pytest.fixture(scope="module")
def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.fixture
def server(file: Path) -> Iterator[str]:
    """A web server that knows one file; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = file.read_bytes()
            self.send_response(200 if self.path == "/file.pt" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body if self.path != "/cut.pt" else body[:100])

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_local_file_is_found_and_checked(file: Path, sha256: str) -> None:
    assert find_inception(InceptionParams(path=str(file), url=None, sha256=None)) == (file, sha256)
    assert find_inception(InceptionParams(path=str(file), url=None, sha256=sha256)) == (file, sha256)
    with pytest.raises(InputError, match="another file"):
        find_inception(InceptionParams(path=str(file), url=None, sha256="0" * 64))
    with pytest.raises(InputError, match="no such file"):
        find_inception(InceptionParams(path=str(file) + "x", url=None, sha256=None))


def test_a_download_is_kept_and_not_repeated(server: str, sha256: str, cache: Path) -> None:
    path, digest = find_inception(InceptionParams(path=None, url=f"{server}/file.pt", sha256=sha256))
    assert path.parent == cache
    assert digest == sha256
    offline = InceptionParams(path=None, url="http://127.0.0.1:9/none.pt", sha256=sha256)
    assert find_inception(offline) == (path, digest)


def test_a_wrong_checksum_keeps_nothing(server: str, cache: Path) -> None:
    with pytest.raises(RunError, match="nothing was kept"):
        find_inception(InceptionParams(path=None, url=f"{server}/file.pt", sha256="0" * 64))
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/file.pt", "nonsense", "file:///no/such/file"])
def test_a_failed_download_is_one_line(url: str, cache: Path) -> None:
    with pytest.raises(RunError, match=r"cannot be reached: .*features\.inception\.path") as error:
        find_inception(InceptionParams(path=None, url=url, sha256="0" * 64))
    assert "\n" not in str(error.value)
    assert list(cache.iterdir()) == []


def test_an_answer_of_not_found_is_one_line(server: str, cache: Path) -> None:
    with pytest.raises(RunError, match=r"the server says 404 .*features\.inception\.path"):
        find_inception(InceptionParams(path=None, url=f"{server}/other.pt", sha256="0" * 64))


def test_features_and_probabilities_have_the_networks_meaning(file: Path) -> None:
    model = load_inception(file, CPU)
    grey = np.full((2, 1, 32, 32), 100, np.uint8)
    features = inception_features(model, grey, CPU)
    assert features.shape == (2, 48)
    assert torch.allclose(features, torch.tensor(100.0))  # [0, 255] goes in, grey as three channels
    probabilities = inception_probabilities(model, np.zeros((2, 3, 8, 8), np.uint8), CPU)
    assert torch.allclose(probabilities, torch.tensor(0.2))  # black and no bias: no class is preferred


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "text.pt"
    text.write_text("no network")
    with pytest.raises(InputError, match=r"a text file \('no network'\), not the Inception network of 2015"):
        load_inception(text, CPU)
    other = tmp_path / "other.pt"
    torch.jit.script(nn.Linear(3, 3)).save(other)
    with pytest.raises(InputError, match="not the Inception network"):
        inception_features(load_inception(other, CPU), np.zeros((1, 3, 8, 8), np.uint8), CPU)
