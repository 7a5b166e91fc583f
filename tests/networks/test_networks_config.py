"""An architecture is chosen by its name; its size is known, and bounded, before anything is built."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from pgan.networks.architectures import ARCHITECTURES, MOST_PARAMETERS, check_resolution, count_parameters
from pgan.networks.config import LARGEST, Networks

DCGAN = {"architecture": "dcgan", "channels": 3, "classes": 0, "latent_size": 100, "label_size": 3, "width": 64}
DCGAN |= {"instance_norm": True, "leaky_slope": 0.2}
FISH = {"architecture": "fish", "channels": 3, "latent_size": 256, "width": 128, "leaky_slope": 0.2, "dropout": 0.5}
FISH |= {"minibatch_stddev": 4, "tanh": False}


@pytest.fixture
def progressive(networks):
    """Parameters of progressive networks with these changes, validated."""
    return lambda **changes: Networks.model_validate(networks.model_dump() | changes)


def test_parameters_are_those_of_the_published_networks(progressive):
    paper = progressive(channels=3, latent_size=512, fmap_base=8192, fmap_max=512, minibatch_stddev=4)
    assert round(count_parameters(paper, 1024) / 1e6, 1) == 46.2, "Table 2: 23.1M each"
    tiny = progressive(latent_size=2, fmap_base=1, fmap_max=1, minibatch_stddev=4)
    generator = (2 * 16 + 1) + (9 + 1) + (1 + 1)  # dense layer, convolution, to image
    critic = (1 + 1) + (2 * 9 + 1) + (16 + 1) + (1 + 1)  # from image, convolution, both dense layers
    assert count_parameters(tiny, 4) == generator + critic
    assert count_parameters(Networks.model_validate(FISH), 32) == 3_606_403 + 2_701_841


def test_every_architecture_has_networks_of_its_own_parameters(progressive):
    sections = (progressive(), Networks.model_validate(DCGAN), Networks.model_validate(FISH))
    for section in sections:
        architecture = ARCHITECTURES[section.architecture]
        assert type(section) is architecture.section
        for network in architecture.load_networks():
            assert network(section, section.first_resolution).config is section
    assert {section.architecture for section in sections} == set(ARCHITECTURES)


def test_an_architecture_is_chosen_by_its_name_and_has_keys_of_its_own(networks):
    plain = networks.model_dump()
    del plain["architecture"]
    assert Networks.model_validate(plain) == networks, "files from before there were others"
    assert type(Networks.model_validate(DCGAN)).__name__ == "Dcgan"
    with pytest.raises(ValueError, match="tanh"):
        Networks.model_validate(DCGAN | {"tanh": True})
    with pytest.raises(ValueError, match="must be a whole number, found False"):
        Networks.model_validate(FISH | {"classes": False})
    with pytest.raises(ValueError, match="have 64"):
        Networks.model_validate(DCGAN).resolutions(32)
    with pytest.raises(ValueError, match=r"exceed the limit.*networks\.width"):
        check_resolution(Networks.model_validate(DCGAN | {"width": 2**16}), 64)


@pytest.mark.parametrize("name", ["fishes", "", 7, None, ["fish"], {}, True])
def test_an_unknown_architecture_is_named(name):
    *others, last = map(repr, ARCHITECTURES)
    with pytest.raises(ValueError, match=rf"architecture\n  Input should be {', '.join(others)} or {last}"):
        Networks.model_validate(FISH | {"architecture": name})


def test_networks_that_could_never_fit_are_refused(networks):
    wide = networks.model_copy(update={"fmap_base": 2**20, "fmap_max": 2**14})
    with pytest.raises(ValueError, match="exceed the limit of 268,435,456"):
        check_resolution(wide, 4)
    with pytest.raises(ValueError, match="8192 pixels"):
        check_resolution(networks, 16384)


def largest(fields, **others):
    """Parameters at the upper bounds of their fields."""
    return {"fmap_base": 2**31, "fmap_max": 2**20, "classes": 2**20, "latent_size": 2**20, **fields, **others}


@pytest.mark.parametrize(
    "changes",
    [
        largest({}, fmap_decay=0.0),
        largest({}, fmap_decay=0.0, base_size=LARGEST, minibatch_discrimination=2**16, layer_norm=True),
        largest({}, fmap_decay=64.0, base_size=2, batch_norm=True),
        DCGAN | {"width": 2**16, "latent_size": 2**20, "label_size": 2**20, "classes": 2**20},
        FISH | {"width": 2**16, "latent_size": 2**20},
    ],
    ids=["wide", "wide and high", "deep", "dcgan", "fish"],
)
def test_the_largest_that_the_fields_admit_are_refused_at_once(changes, progressive):
    config = Networks.model_validate(changes) if "architecture" in changes else progressive(**changes)
    size = {"dcgan": 64, "fish": 32}.get(config.architecture, LARGEST)
    count_parameters(progressive(), 4)  # torch is there
    started = time.process_time()
    with pytest.raises(ValueError, match=r"networks of .* parameters at .* exceed the limit"):
        check_resolution(config, size)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_modest_networks_fit_at_every_resolution(name, progressive):
    """At the upper ends of what is called modest, with all that adds weights, the networks are within the limit."""
    section = ARCHITECTURES[name].section
    rest = {"channels": 3} | ({"fmap_base": 2**31, "fmap_decay": 0.0, "batch_norm": True, "layer_norm": True})
    base = {"progressive": progressive().model_dump() | rest, "dcgan": DCGAN, "fish": FISH}[name]
    config = section.model_validate(base | section.modest)
    assert config.is_modest
    last = {"dcgan": 64, "fish": 32}.get(name, LARGEST)
    count = count_parameters(config, last)
    assert MOST_PARAMETERS / 100 < count <= MOST_PARAMETERS
    for key, limit in section.modest.items():
        assert not section.model_validate(base | section.modest | {key: limit * 2}).is_modest


def test_torch_is_imported_only_to_count_what_is_not_modest():
    code = """if True:
        import sys
        from pathlib import Path
        from pgan.experiment import check_experiment
        from pgan.config import read_yaml
        content = read_yaml(Path("params.yaml"))
        check_experiment(content, Path("params.yaml"))
        assert "torch" not in sys.modules
    """
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


def test_batches_that_no_device_holds_are_refused(networks):
    networks.check_batch(8, 1024)
    with pytest.raises(ValueError, match="lower the batch"):
        networks.check_batch(8, 10**9)
