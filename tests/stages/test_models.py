"""A generator as an MLflow model: what it draws, what it needs, and what it refuses."""

import ast
import base64
import importlib.metadata
import io
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from miniature import Pipeline, miniature_parameters
from mlflow import pyfunc
from mlflow.exceptions import MlflowException
from mlruns import answers, client, parents
from packaging.requirements import Requirement
from PIL import Image
from workplace import wait_until

from pgan.interchange.description import Description
from pgan.interchange.tensors import to_safetensors
from pgan.networks.architectures import build_generator
from pgan.networks.config import Networks
from stages.tracking.models import requirements, save, write_code

IN_COLOUR = {"channels": 3, "classes": 3, "latent_size": 4, "fmap_base": 16, "fmap_max": 4}
DRAW = """
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from mlflow import pyfunc

model = pyfunc.load_model(sys.argv[1])
import pgan
assert "pgan.zip" in pgan.__file__, pgan.__file__
table = model.predict(pd.DataFrame({"seed": [0, 1, 2, 3]}))
Path(sys.argv[2]).write_bytes(b"".join(len(png).to_bytes(4, "big") + png for png in table["png"]))
"""


def decode(png: bytes) -> np.ndarray:
    """Pixels, (H, W) or (H, W, 3)."""
    return np.asarray(Image.open(io.BytesIO(png)))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A model of three classes in colour, loaded again."""
    folder = tmp_path_factory.mktemp("model")
    networks = Networks.model_validate(miniature_parameters()["networks"] | IN_COLOUR)
    generator = build_generator(networks, 8)
    generator.initialize(0)
    (folder / "weights.safetensors").write_bytes(to_safetensors(generator, Description(networks, 8)))
    save(folder / "weights.safetensors", folder / "model")
    return pyfunc.load_model(str(folder / "model"))


@pytest.fixture(scope="module")
def logged(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The miniature's last model, downloaded."""
    (parent,) = parents(finished)
    found = client(finished).search_logged_models([parent.info.experiment_id], "name = 'generator-stabilize_8'")
    folder = Path(found[0].artifact_location.removeprefix("file://"))
    assert (folder / "MLmodel").is_file()
    return folder


@pytest.fixture(scope="module")
def drawn(finished: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What `pgan sample` draws of the same checkpoint, (4, H, W)."""
    out = tmp_path_factory.mktemp("sample") / "images.npy"
    checkpoint = "data/train/stabilize_8/checkpoint.pt"
    finished.run("python", "-m", "pgan", "sample", checkpoint, str(out), "--seeds", "0-3")
    return np.load(out)[:, 0]


def test_a_model_holds_no_pickle(logged: Path) -> None:
    names = {path.relative_to(logged).as_posix() for path in logged.rglob("*") if path.is_file()}
    assert {"MLmodel", "data/generator.safetensors", "code/pgan.zip", "code/pgan_generator.py"} <= names
    assert not [name for name in names if name.endswith((".pkl", ".pt", ".pth"))]
    assert (logged / "input_example.json").is_file()


def test_a_model_needs_what_its_code_imports(tmp_path: Path) -> None:
    """The requirements name each package that is imported at the beginning, and pgan.zip has every part of pgan."""
    loader, archive = write_code(tmp_path)
    with zipfile.ZipFile(archive) as file:
        texts = {name: file.read(name).decode() for name in file.namelist()}
    inside = {re.sub(r"(/__init__)?\.py$", "", name).replace("/", ".") for name in texts}
    texts["loader"] = loader.read_text(encoding="utf-8")
    imported = {module for text in texts.values() for module in imports(text)}
    assert {module for module in imported if module.partition(".")[0] == "pgan"} <= inside
    foreign = {module.partition(".")[0] for module in imported} - set(sys.stdlib_module_names) - {"pgan", "mlflow"}
    distributions = importlib.metadata.packages_distributions()
    named = {Requirement(line).name.lower() for line in requirements()}
    needed = {name.lower() for module in foreign for name in distributions[module]} - {"pydantic_core", "pydantic-core"}
    assert needed <= named
    assert all(re.fullmatch(r"[a-z-]+==[\d.]+", line) for line in requirements())


def imports(text: str) -> Iterator[str]:
    """Modules that are imported when a module is."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_a_model_draws_as_pgan_sample_in_an_environment_of_its_requirements(
    logged: Path, drawn: np.ndarray, tmp_path: Path
) -> None:
    """The environment has the packages of requirements.txt, what these require, and no other: neither pgan nor DVC."""
    packages = tmp_path / "packages"
    packages.mkdir()
    link_distributions((logged / "requirements.txt").read_text(encoding="utf-8").split(), packages)
    assert not (packages / "dvc").exists()
    assert not (packages / "typer").exists()
    script, out = tmp_path / "draw.py", tmp_path / "pngs"
    script.write_text(DRAW)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MLFLOW"))}
    command = [sys.executable, "-S", str(script), str(logged), str(out)]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment | {"PYTHONPATH": str(packages), "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    stream, images = io.BytesIO(out.read_bytes()), []
    while length := stream.read(4):
        images.append(decode(stream.read(int.from_bytes(length, "big"))))
    np.testing.assert_array_equal(np.stack(images), drawn)


def link_distributions(lines: list[str], folder: Path) -> None:
    """Link these packages and all that they require into a folder."""
    waiting, seen = [Requirement(line) for line in lines], set()
    while waiting:
        requirement = waiting.pop()
        key = (requirement.name.lower(), tuple(sorted(requirement.extras)))
        if key in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(key)
        try:
            found = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:  # a further package of a build for another device
            continue
        waiting += [Requirement(line) for line in found.requires or []]
        for name in {
            Path(file).parts[0] for file in found.files or [] if Path(file).parts[0] not in ("..", "__pycache__")
        }:
            if not (folder / name).exists():
                (folder / name).symlink_to(Path(str(found.locate_file(name))).resolve())


def test_a_model_of_labels_draws_each_label(conditional: Any) -> None:
    table = conditional.predict(pd.DataFrame({"seed": [5, 5, 5], "label": [0, 1, 2]}))
    images = [decode(png) for png in table["png"]]
    assert {image.shape for image in images} == {(8, 8, 3)}
    assert len({image.tobytes() for image in images}) == 3
    (of_seed,) = conditional.predict(pd.DataFrame({"seed": [5]}))["png"]
    assert of_seed == table["png"][2]  # 5 % 3


def test_a_model_takes_latents_and_truncation(conditional: Any) -> None:
    from pgan.sampling.draw import latent_of

    networks = Networks.model_validate(miniature_parameters()["networks"] | IN_COLOUR)
    latent = latent_of(7, networks).double().tolist()
    (of_latent,) = conditional.predict(pd.DataFrame({"latent": [latent], "label": [1]}))["png"]
    (of_seed,) = conditional.predict(pd.DataFrame({"seed": [7], "label": [1]}))["png"]
    assert of_latent == of_seed
    half, halved = (torch.tensor(latent) * 0.5).tolist(), {"seed": [7], "label": [1], "truncation": [0.5]}
    (of_half,) = conditional.predict(pd.DataFrame({"latent": [half], "label": [1]}))["png"]
    assert conditional.predict(pd.DataFrame(halved))["png"][0] == of_half


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ({"label": [1]}, "one of the columns 'seed' and 'latent'"),
        ({"seed": [0], "latent": [[0.0] * 4], "label": [1]}, "one of the columns"),
        ({"seed": [-1]}, "'seed': expected whole numbers from 0"),
        ({"seed": [0], "label": [3]}, "'label': expected whole numbers from 0 to 2"),
        ({"latent": [[0.0] * 3], "label": [0]}, "'latent': expected 4 numbers"),
        ({"latent": [[0.0] * 4]}, "latents need labels, from 0 to 2"),
        ({"seed": [0], "truncation": [-1.0]}, "'truncation'"),
    ],
)
def test_a_model_refuses_what_it_cannot_draw(conditional: Any, table: dict[str, Any], reason: str) -> None:
    with pytest.raises(MlflowException, match=re.escape(reason)) as caught:
        conditional.predict(pd.DataFrame(table))
    assert caught.value.get_http_status_code() == 400


@pytest.mark.slow
def test_a_served_model_answers_a_request(logged: Path, drawn: np.ndarray, tmp_path: Path) -> None:
    """As in MLflow's documents: JSON in, and the bytes of the PNG files as base64 out."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(logged), "--env-manager", "local"]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--workers", "1"],
            cwd=tmp_path,
            env=os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PATH": path},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        wait_until(lambda: server.poll() is not None or answers(f"http://127.0.0.1:{port}/ping"))
        assert server.poll() is None, (tmp_path / "log").read_text()
        body = json.dumps({"dataframe_records": [{"seed": seed} for seed in range(4)]}).encode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            rows = json.load(answer)["predictions"]
        images = [decode(base64.b64decode(row["png"])) for row in rows]
        np.testing.assert_array_equal(np.stack(images), drawn)
    finally:
        os.killpg(server.pid, 15)
        server.wait()
