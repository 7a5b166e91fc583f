"""Runs and experiments from one clone to another, by the commands of docs/share-runs.md."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from fences import FENCE, ROOT, Command, Fence, commands
from miniature import UNTRACKED, Pipeline, stages_run
from mlruns import artifacts, parents

PAGE = ROOT / "docs/share-runs.md"
BUCKET = "faces"
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
LONGER = ("-S", "phases.stabilize_8.kimg=0.12", "-n", "longer-fade")
FROM_STABILIZE_8 = {"train@stabilize_8", "evaluate@stabilize_8", "render"}
RUN = ("git", "dvc", "python")
"""Programs that are run; `cd` and `pip` are not."""


def blocks(section: str) -> list[list[Command]]:
    """The commands of each block of a section of the page."""
    _, _, rest = PAGE.read_text(encoding="utf-8").partition(f"\n## {section}\n")
    text = rest.partition("\n## ")[0]
    found = [commands(Fence(PAGE.name, match["language"], match["text"])) for match in FENCE.finditer(text)]
    assert found, section
    return found


@dataclass(frozen=True)
class World:
    """The miniature, pushed to a bare repository; and the names that the page has for places."""

    pipeline: Pipeline
    folder: Path
    """Of the repository, and of all clones."""
    endpoint: str = ""
    """Of S3."""

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.folder / "origin.git"

    def follow(self, block: list[Command], place: Pipeline, **environment: str) -> str:
        """Run commands of the page, and return what they print."""
        names = {
            "REPOSITORY": str(self.origin),
            "/srv/pgan": str(self.folder / "srv"),
            "https://s3.example.org": self.endpoint,
        }
        output = ""
        for command in block:
            if command.words[0] in RUN:
                words = [_replaced(word, names) for word in command.words]
                output += place.run(*words, **environment).stdout
        return output

    def clone(self) -> Pipeline:
        """A fresh clone."""
        path = self.folder / "clone"
        self.pipeline.run("git", "clone", "--quiet", str(self.origin), str(path))
        return replace(self.pipeline, path=path)


def _replaced(word: str, names: dict[str, str]) -> str:
    for name, real in names.items():
        word = word.replace(name, real)
    return word


@pytest.fixture
def world(pipeline: Pipeline, tmp_path: Path) -> World:
    """With git's remote, and none of DVC's."""
    world = World(pipeline, tmp_path)
    pipeline.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", str(world.origin))
    pipeline.run("git", "remote", "add", "origin", str(world.origin))
    pipeline.run("git", "push", "--quiet", "--set-upstream", "origin", "main")
    return world


@pytest.fixture
def shared_world(world: World) -> World:
    """With a folder as DVC's remote, and the run in it."""
    world.follow(blocks("A folder")[0], world.pipeline)
    return world


@pytest.fixture
def s3() -> Iterator[str]:
    """The address of an S3 server on this machine, with a bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        boto3.client("s3", endpoint_url=f"http://{host}:{port}", **keys).create_bucket(Bucket=BUCKET)
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def assert_all_arrives(world: World, **environment: str) -> None:
    """In a fresh clone nothing runs, and MLflow gets the run."""
    clone, *rest = blocks("A folder")[1]
    assert clone.words[:2] == ["git", "clone"]
    world.follow([clone], replace(world.pipeline, path=world.folder))
    other = replace(world.pipeline, path=world.folder / "clone")
    assert not (other.path / "data/render").exists()
    output = world.follow(rest, other, **environment)
    assert stages_run(output) == []
    assert "up to date" in output
    assert "data/metrics.json" in output
    for name in ("data/metrics.json", "data/render/report.html"):
        assert (other.path / name).read_bytes() == (world.pipeline.path / name).read_bytes()
    (run,) = parents(other)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["quality/swd"] > 0
    assert "pictures/samples.png" in artifacts(other, run)


@pytest.mark.slow
def test_a_run_goes_through_a_folder(shared_world: World) -> None:
    assert_all_arrives(shared_world)


@pytest.mark.slow
def test_a_run_goes_through_s3(world: World, s3: str) -> None:
    world = replace(world, endpoint=s3)
    world.follow(blocks("S3")[0], world.pipeline, **KEYS)
    assert_all_arrives(world, **KEYS)


@pytest.mark.slow
def test_metrics_are_read_from_the_remote(shared_world: World) -> None:
    """A look at the numbers costs no download of images and networks."""
    other = shared_world.clone()
    assert "swd" in other.dvc("metrics", "show")
    assert not (other.path / "data/metrics.json").exists()


@pytest.mark.slow
def test_an_experiment_goes_through_a_bare_repository(shared_world: World) -> None:
    push, get = blocks("Experiments")
    shared_world.pipeline.dvc("exp", "run", "--temp", *LONGER, **UNTRACKED)
    shared_world.follow(push, shared_world.pipeline)
    other = shared_world.clone()
    assert "longer-fade" in shared_world.follow(get, other)
    assert other.dvc("exp", "list", "--name-only").split() == ["longer-fade"]
    assert other.parameters()["phases"]["stabilize_8"]["kimg"] == 0.12
    assert other.repro() == []
    other.run("python", "-m", "stages.tracking.report")
    (run,) = parents(other)
    assert run.data.params["phases.stabilize_8.kimg"] == "0.12"


@pytest.mark.slow
def test_what_another_has_trained_is_not_trained_again(shared_world: World) -> None:
    """It was never committed, and no experiment."""
    push, pull, _ = blocks("Train nothing twice")
    pipeline = shared_world.pipeline
    pipeline.change("phases.stabilize_8.kimg", 0.12)
    assert set(pipeline.repro(**UNTRACKED)) == FROM_STABILIZE_8
    shared_world.follow(push, pipeline)

    other = shared_world.clone()
    other.change("phases.stabilize_8.kimg", 0.12)
    assert stages_run(shared_world.follow(pull, other, **UNTRACKED)) == []
    assert other.hashes() == pipeline.hashes()


@pytest.mark.slow
def test_clones_on_one_machine_share_a_cache(world: World) -> None:
    """Without a remote: what one clone has trained, an experiment in another one does not train."""
    *_, share = blocks("Train nothing twice")
    pipeline, cache = world.pipeline, world.folder / "srv/cache"
    cache.parent.mkdir()
    (pipeline.path / ".dvc/cache").rename(cache)
    world.follow(share, pipeline)
    pipeline.change("phases.stabilize_8.kimg", 0.12)
    assert set(pipeline.repro(**UNTRACKED)) == FROM_STABILIZE_8

    other = world.clone()
    world.follow(share, other)
    other.dvc("checkout")
    assert stages_run(other.dvc("exp", "run", *LONGER, **UNTRACKED)) == []
    assert other.hashes() == pipeline.hashes()


@pytest.mark.slow
def test_artifacts_are_got_by_name(shared_world: World) -> None:
    tag, get = blocks("A generator by name")
    pipeline, elsewhere = shared_world.pipeline, shared_world.folder / "elsewhere"
    shared_world.follow(tag, pipeline)
    pipeline.run("git", "tag", "-a", "classifier@v1.0.0", "-m", "an annotated one, as DVC sees no other")
    pipeline.run("git", "push", "--quiet", "origin", "classifier@v1.0.0")
    elsewhere.mkdir()
    place = replace(pipeline, path=elsewhere)
    shared_world.follow(get, place)
    place.dvc("artifacts", "get", str(shared_world.origin), "classifier", "--rev", "v1.0.0")
    assert sorted(path.name for path in elsewhere.iterdir()) == ["classifier.pt", "generator.safetensors"]
    for name, made in (("classifier.pt", "data/features"), ("generator.safetensors", "data")):
        assert (elsewhere / name).read_bytes() == (pipeline.path / made / name).read_bytes()
    place.run("python", "-m", "pgan", "sample", "generator.safetensors", "grid.png", "--seeds", "0-3")
    assert (elsewhere / "grid.png").is_file()
