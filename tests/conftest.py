"""What several test folders share: tiny parameters, and a process from which commands are forked."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# tiny tensors gain nothing from a second thread; before anything imports torch, and for every subprocess
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import yaml
from filelock import FileLock
from zygote import Zygote

from pgan.config import read_yaml
from pgan.networks.config import Networks
from pgan.training.config import Training

ROOT = Path(__file__).parent.parent

# a shell that starts the tests in the background has them ignore Ctrl-C, and every process that they start
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a CUDA device where there is none."""
    marked = [item for item in items if item.get_closest_marker("gpu")]
    if marked:
        import torch

        if not torch.cuda.is_available():
            for item in marked:
                item.add_marker(pytest.mark.skip(reason="no CUDA device here"))


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    """Starts commands at once."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], object]], Path]:
    """Makes a folder that all processes of this run share: whoever needs it first builds it. It must not be changed."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def make(name: str, build: Callable[[Path], object]) -> Path:
        folder, done = root / "shared" / name, root / "shared" / f"{name}.done"
        folder.parent.mkdir(exist_ok=True)
        with FileLock(f"{folder}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # another test failed to build it
                folder.mkdir()
                build(folder)
                done.touch()
        return folder

    return make


@pytest.fixture(scope="session")
def parameters() -> dict[str, Any]:
    """The repository's own params.yaml."""
    return read_yaml(ROOT / "params.yaml")


@pytest.fixture
def networks(parameters: dict[str, Any]) -> Networks:
    """Narrow networks for tests."""
    return Networks.model_validate(parameters["networks"] | {"latent_size": 8, "fmap_base": 64, "fmap_max": 8})


@pytest.fixture
def training(parameters: dict[str, Any]) -> Training:
    """The demo's training parameters."""
    return Training.model_validate(parameters["training"])


@pytest.fixture
def params_file(tmp_path: Path, parameters: dict[str, Any], networks: Networks) -> Path:
    """A parameter file with narrow networks and short phases."""
    phases = {name: phase | {"kimg": 0.1, "batch": 8} for name, phase in parameters["phases"].items()}
    training = parameters["training"] | {"log_every_kimg": 0.02, "samples": 4, "sample_frames": 3, "compile": "never"}
    content = parameters | {"networks": networks.model_dump(), "phases": phases, "training": training}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path
