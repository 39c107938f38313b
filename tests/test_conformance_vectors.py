"""Vector folders are verified before anything is run: checksums, then structure."""

import copy
import json

import handmade
import pytest
from handmade import DIRECTIONS, HEAVY_BALL, PERIOD, array, close

from refopt.conformance import vectors
from refopt.conformance.ops import OPERATIONS
from refopt.resources import vectors_directory


def refused(folder, word):
    with pytest.raises(vectors.CorruptVectors, match=word):
        vectors.load(folder)


def test_a_sound_folder_is_read_in_order(tmp_path):
    found = vectors.load(handmade.write(tmp_path, HEAVY_BALL, PERIOD, DIRECTIONS))
    assert [case.op for case in found.cases] == ["base_step", "refresh_period", "base_directions"]
    case = found.cases[0]
    assert list(case.expect) == ["direction", "theta_next", "state.velocity", "state.iteration"]
    assert case.flags == {"ByHand": "a number somebody can check with a pencil"}
    assert case.file == "first_order/byhand.json"


def test_a_changed_file_is_refused(tmp_path):
    path = handmade.write(tmp_path, HEAVY_BALL) / "first_order" / "byhand.json"
    path.write_text(path.read_text().replace("2.125", "2.126"))
    refused(tmp_path, r"byhand\.json was changed")


def test_a_changed_manifest_is_refused(tmp_path):
    manifest = handmade.write(tmp_path, HEAVY_BALL) / "MANIFEST.json"
    content = json.loads(manifest.read_text())
    content["files"]["first_order/byhand.json"]["sha256"] = "0" * 64
    manifest.write_text(json.dumps(content))
    refused(tmp_path, "root_sha256")


def test_missing_files_are_refused(tmp_path):
    refused(tmp_path, "MANIFEST.json cannot be read")
    handmade.write(tmp_path, HEAVY_BALL)
    (tmp_path / "first_order" / "byhand.json").unlink()
    refused(tmp_path, "byhand.json cannot be read")


@pytest.mark.parametrize(
    "content", ["{}", '{"files": {}}', '{"files": {"a": {}}}', '{"files": 1}', "no", "[]"]
)
def test_a_manifest_without_files_is_refused(tmp_path, content):
    (tmp_path / "MANIFEST.json").write_text(content)
    refused(tmp_path, "MANIFEST.json")


def test_a_wrong_count_is_refused(tmp_path):
    manifest = handmade.write(tmp_path, HEAVY_BALL) / "MANIFEST.json"
    content = json.loads(manifest.read_text())
    content["files"]["first_order/byhand.json"]["cases"] = 2
    manifest.write_text(json.dumps(content))
    refused(tmp_path, "1 cases, 2 are listed")


def test_an_id_used_twice_is_refused(tmp_path):
    refused(handmade.write(tmp_path, PERIOD, PERIOD), "is also in")


def altered(path, value, base=HEAVY_BALL):
    """A case with one entry, found by its path, replaced or taken away."""
    entry = copy.deepcopy(base)
    *way, last = path
    inner = entry
    for key in way:
        inner = inner[key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return entry


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        (altered(["source"], None), "has no source"),
        (altered(["flags"], ["NoSuchFlag"]), "NoSuchFlag"),
        (altered(["op"], "fly"), "is not named"),
        (altered(["level"], "L9"), "is not named"),
        (altered(["dtype"], "float16"), "float16"),
        (altered(["in", "speed"], 1.0), "unknown input 'speed'"),
        (altered(["in", "theta"], None), "lacks the input 'theta'"),
        (altered(["expect"], {}), "expects nothing"),
        (altered(["expect", "speed"], close(array("1"))), "does not answer"),
        (altered(["expect", "direction", "kind"], "magic"), "magic"),
        (altered(["expect", "direction", "scale"], 0.0), "scale is not positive"),
        (altered(["expect", "direction", "threshold"], "nan"), "threshold is not positive"),
        (altered(["expect", "direction", "terms"], -1), "terms is not positive"),
        (altered(["expect", "direction", "value", "shape"], [3]), "disagree in length"),
        (altered(["expect", "direction", "value", "hp"], ["1"]), "disagree in length"),
        (altered(["expect", "direction", "value", "f64"], [1, 2]), "finite floats"),
        (altered(["expect", "direction", "value"], None), "not sound"),
        (altered(["expect", "state.iteration", "value"], 4.0), "not made of integers"),
        (altered(["expect", "direction", "condition"], [1.0, 1.0]), "one number per step"),
        (altered(["expect", "directions", "condition"], [1.0], DIRECTIONS), "one number per step"),
        (altered(["in", "theta"], {"shape": [9], "f64": [1.0]}), "not sound"),
        (altered(["alternatives"], {"a=b": {"speed": close(array("1"))}}), "does not answer"),
        (altered(["expect", "behaviour"], {"kind": "behaviour", "allowed": ["panic"]}), "behaviours"),
        (altered(["expect", "direction"], {"kind": "any", "members": []}), "no members"),
    ],
)
def test_unsound_cases_are_refused(tmp_path, entry, word):
    refused(handmade.write(tmp_path, entry), word)


def test_other_formats_are_refused(tmp_path):
    refused(handmade.write(tmp_path, HEAVY_BALL, format="refopt-vectors/2"), "refopt-vectors/2")


def test_a_duplicate_key_is_refused(tmp_path):
    path = handmade.write(tmp_path, HEAVY_BALL) / "first_order" / "byhand.json"
    path.write_text(path.read_text().replace('"dtype": "float64"', '"dtype": "float64", "dtype": "float32"'))
    handmade.seal(tmp_path)
    refused(tmp_path, "twice")


def test_selection_by_pattern_method_and_level(tmp_path):
    cases = vectors.load(handmade.write(tmp_path, HEAVY_BALL, PERIOD, DIRECTIONS)).cases
    assert len(vectors.select(cases)) == 3
    assert [case.op for case in vectors.select(cases, ["*.base_*"], levels=["L3"])] == ["base_step"]
    assert not vectors.select(cases, methods=["fosi"])


@pytest.fixture(scope="module")
def shipped():
    return vectors.load(vectors_directory())


def test_the_shipped_vectors_are_sound(shipped):
    assert len(shipped.cases) >= 150


def test_every_operation_has_shipped_cases(shipped):
    assert {case.op for case in shipped.cases} == set(OPERATIONS)


def test_a_file_that_is_not_listed_is_refused(tmp_path):
    folder = handmade.write(tmp_path, HEAVY_BALL)
    (folder / "first_order" / "stray.json").write_text("{}")
    with pytest.raises(vectors.CorruptVectors, match=r"first_order/stray\.json is not listed"):
        vectors.load(folder)


def test_a_manifest_of_another_format_is_refused(tmp_path):
    folder = handmade.write(tmp_path, HEAVY_BALL)
    manifest = folder / "MANIFEST.json"
    manifest.write_text(manifest.read_text().replace("refopt-vectors/1", "refopt-vectors/9"))
    with pytest.raises(vectors.CorruptVectors, match="refopt-vectors/9"):
        vectors.load(folder)


@pytest.mark.parametrize("condition", [-1.0, "nan", "inf", True, [1.0, -2.0]])
def test_a_condition_is_a_finite_number_from_0_on(tmp_path, condition):
    entry = altered(["expect", "direction", "condition"], condition, HEAVY_BALL)
    with pytest.raises(vectors.CorruptVectors, match="condition"):
        vectors.load(handmade.write(tmp_path, entry))
