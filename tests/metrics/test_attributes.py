"""Coverage of known attributes: what is missing is seen, and an attribute that features do not show is left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pgan.errors import InputError
from pgan.metrics.attributes import attribute_metrics, read_attributes

HATS, HAIR = ["none", "cap", "crown"], ["red", "black"]
ORDER = np.random.default_rng(5).permutation(1200)


def drawn(count: int, seed: int, hats: int = 3, linked: bool = False) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Features (count, 8) in which each attribute has an axis of its own, with noise; `secret` has none."""
    random = np.random.default_rng(seed)
    hat = random.integers(hats, size=count)
    hair = hat % 2 if linked else random.integers(2, size=count)
    features = random.normal(0, 0.3, (count, 8))
    features[np.arange(count), hat] += 3
    features[:, 4] += 3 * hair
    table = {"hat": np.array(HATS)[hat], "hair": np.array(HAIR)[hair], "secret": random.choice(["a", "b"], count)}
    return features, table


def of(fake: np.ndarray, **changes: Any) -> tuple[dict[str, float], list[str]]:
    real, table = drawn(1200, 0)
    return attribute_metrics(real, table | changes, fake, ORDER)


def test_images_like_the_data_show_everything() -> None:
    found, unread = of(drawn(600, 1)[0])
    assert found["attribute_values"] == found["attribute_pairs"] == 1
    assert found["attribute_kl"] < 0.01
    assert found["attribute_accuracy"] > 0.99
    assert unread == ["secret"]


def test_a_value_that_is_missing_is_missed() -> None:
    found, _ = of(drawn(600, 1, hats=2)[0])
    assert found["attribute_values"] == pytest.approx(4 / 5)
    assert found["attribute_pairs"] == pytest.approx(4 / 6)
    assert found["attribute_kl"] == pytest.approx(np.log(3 / 2) / 2, abs=0.02), "of the hats; the hair has none"


def test_pairs_that_never_occur_are_missed_though_all_values_occur() -> None:
    found, _ = of(drawn(600, 1, linked=True)[0])
    assert found["attribute_values"] == 1
    assert found["attribute_pairs"] == pytest.approx(3 / 6)


def test_another_style_has_no_such_attribute() -> None:
    """Its images are not counted where the attribute is read, nor in a pair with it."""
    real, table = drawn(1200, 0)
    bald = table["hat"] == "none"
    hair = np.where(bald, "", table["hair"])
    found, _ = attribute_metrics(real, {"hat": table["hat"], "hair": hair}, drawn(600, 1)[0], ORDER)
    assert found["attribute_pairs"] == 1
    assert found["attribute_accuracy"] > 0.95


def test_rare_values_and_constant_attributes_are_not_learned() -> None:
    hat = drawn(1200, 0)[1]["hat"].astype("<U10")
    hat[:4] = "tiara"
    found, unread = of(drawn(600, 1)[0], hat=hat, secret=np.full(1200, "a"))
    assert unread == ["secret"]
    assert found["attribute_values"] == 1


def test_nothing_can_be_read_from_noise() -> None:
    _, table = drawn(1200, 0)
    noise = np.random.default_rng(1).normal(size=(1200, 8))
    assert attribute_metrics(noise, table, noise, ORDER) == ({}, ["hat", "hair", "secret"])


def test_few_fakes_are_compared_with_as_few_reals() -> None:
    found, _ = of(drawn(5, 1)[0])
    assert 0 < found["attribute_pairs"] <= 1


def test_a_table_is_read_with_the_style(tmp_path: Path) -> None:
    (tmp_path / "attributes.csv").write_text("style,hair,hat\nclay,red,\ncritters,,cap\n")
    table = {name: values.tolist() for name, values in read_attributes(tmp_path, 2).items()}
    assert table == {"style": ["clay", "critters"], "hair": ["clay: red", ""], "hat": ["", "critters: cap"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "needs images of source avatars"),
        (b"", "expected 2 rows"),
        (b"style,hair\nclay,red\n", "expected 2 rows"),
        (b"style,hair\nclay,red\nclay\n", "of equal length"),
        (b"style,hair\nclay,red\nclay,red,blue\n", "of equal length"),
        (b"style,hair\nclay,\xff\nclay,red\n", "not a table"),
        (b'style,hair\nclay,"red\nclay,red\n', "not a table"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "attributes.csv").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_attributes(tmp_path, 2)
