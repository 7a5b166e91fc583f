"""The pyramid's files: read back as they were written, refused when they are something else."""

import dataclasses
import json

import numpy as np
import pytest

from pgan.data.pyramid import LABELS, META, Meta, level_name, open_labels, open_level, read_meta, write_meta
from pgan.errors import InputError


def test_meta_round_trip(tmp_path):
    remark = {"what": "of one colour", "count": 2, "examples": ["x"]}
    meta = Meta(3, 1, [4, 8], ["é", "b"], "folder", "0" * 64, [{"file": "x", "reason": "y"}], remarks=[remark])
    write_meta(tmp_path, meta)
    assert read_meta(tmp_path) == meta


def test_meta_of_a_version_without_remarks(tmp_path):
    write_meta(tmp_path, Meta(3, 1, [4, 8], [], "folder", "0" * 64))
    path = tmp_path / META
    description = json.loads(path.read_text())
    assert description.pop("remarks") == []
    path.write_text(json.dumps(description))
    assert read_meta(tmp_path).remarks == []
    path.write_text(json.dumps(description | {"remarks": ["dark"]}))
    with pytest.raises(InputError, match="remarks"):
        read_meta(tmp_path)


OF_ANOTHER_KIND = [
    (field.name, value)
    for field in dataclasses.fields(Meta)
    for value in (None, {}, -1, 1.5, True, [None], [[]])
    if (field.name, value) != ("drawn_with", {})
]


@pytest.mark.parametrize(("field", "value"), OF_ANOTHER_KIND)
def test_a_field_of_another_kind_is_refused_by_name(tmp_path, field, value):
    """It is the first wrong one, whatever the checks of later fields would make of it."""
    write_meta(tmp_path, Meta(3, 1, [4, 8], ["a", "b"], "folder", "0" * 64, class_counts=[1, 2]))
    path = tmp_path / META
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(InputError, match=rf"not a pyramid's description: {field}(\.0)?: "):
        read_meta(tmp_path)


@pytest.fixture
def labelled(tmp_path):
    """A folder that already holds labels, as every pyramid does."""
    np.save(tmp_path / LABELS, np.zeros(3, np.int64))


@pytest.mark.usefixtures("labelled")
def test_level_is_a_memory_map(tmp_path):
    np.save(tmp_path / level_name(8), np.zeros((2, 3, 8, 8), np.uint8))
    images = open_level(tmp_path, 8)
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


@pytest.mark.parametrize(
    "array", [np.zeros((2, 3, 4, 4), np.uint8), np.zeros((2, 3, 8, 8)), np.zeros(3, np.uint8), np.array([{}] * 3)]
)
@pytest.mark.usefixtures("labelled")
def test_a_level_of_another_kind_is_refused(tmp_path, array):
    np.save(tmp_path / level_name(8), array)
    with pytest.raises(InputError, match=r"images_8\.npy: "):
        open_level(tmp_path, 8)


def test_missing_files_are_named_with_advice(tmp_path):
    with pytest.raises(InputError, match="there is no pyramid here"):
        open_level(tmp_path, 8)
    with pytest.raises(InputError, match="no pyramid here"):
        read_meta(tmp_path)
    with pytest.raises(InputError, match="again with `pgan prepare`"):
        open_labels(tmp_path)


@pytest.mark.usefixtures("labelled")
def test_a_missing_level_is_named_with_advice(tmp_path):
    with pytest.raises(InputError, match=r"no level of 8 pixels; raise prepare\.resolution"):
        open_level(tmp_path, 8)


def test_labels_of_another_type_are_refused(tmp_path):
    np.save(tmp_path / LABELS, np.zeros(3))
    with pytest.raises(InputError, match="expected int64"):
        open_labels(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"count": 1, "what": 2}'])
def test_a_description_of_another_kind_is_refused(tmp_path, text):
    (tmp_path / "meta.json").write_text(text)
    with pytest.raises(InputError, match="not a pyramid's description"):
        read_meta(tmp_path)
