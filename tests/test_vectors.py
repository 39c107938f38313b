"""The frozen vectors: sound in form, complete, unchanged, and every one usable by an adapter."""

import hashlib
import json
import math
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest

from refopt.conformance.ops import OPERATIONS

FOLDER = Path(__file__).parent.parent / "oracles" / "vectors"
SCHEMA = json.loads((FOLDER.parent / "vectors.schema.json").read_text(encoding="utf-8"))
PATHS = sorted(FOLDER.glob("*/*.json"))
MANIFEST = json.loads((FOLDER / "MANIFEST.json").read_text(encoding="utf-8"))
METHODS = {
    "derivatives",
    "spectrum",
    "first_order",
    "comparators",
    "fosi",
    "summary",
    "cubic",
    "grouped_newton",
    "elmo",
    "eigen_arc",
    "sophia",
    "amos",
}
LARGEST_TOTAL = 6_750_000  # bytes: what a clone, and the wheel, should carry at most


def without_twins(pairs):
    assert len({key for key, _ in pairs}) == len(pairs), (
        f"a key stands twice in {[key for key, _ in pairs][:5]}"
    )
    return dict(pairs)


def forbid(name):
    raise AssertionError(f"{name} is not JSON")


def read(path):
    text = path.read_text(encoding="ascii")
    return json.loads(text, object_pairs_hook=without_twins, parse_constant=forbid)


CONTENTS = {path.relative_to(FOLDER).as_posix(): read(path) for path in PATHS}
CASES = [case for content in CONTENTS.values() for case in content["cases"]]


def members(expectation):
    return expectation["members"] if expectation["kind"] == "any" else [expectation]


def expectations(case):
    for expect in (case["expect"], *case.get("alternatives", {}).values()):
        for quantity, expectation in expect.items():
            for member in members(expectation):
                yield quantity, member


@pytest.fixture(scope="module")
def validator():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("name", CONTENTS)
def test_file_satisfies_the_schema(name, validator):
    error = next(iter(validator.iter_errors(CONTENTS[name])), None)
    assert error is None, f"{error.json_path}: {error.message[:300]}"


def broken(change):
    content = json.loads(json.dumps(CONTENTS["spectrum/L2-lanczos.json"]))
    change(content["cases"][0])
    return content


FAULTS = {
    "unknown key": lambda case: case.update(extra=1),
    "no source": lambda case: case.pop("source"),
    "empty comment": lambda case: case.update(comment=""),
    "level": lambda case: case.update(level="L5"),
    "kind": lambda case: case["expect"]["diagonal"].update(kind="list"),
    "zero scale": lambda case: case["expect"]["diagonal"].update(scale=0),
    "hp as number": lambda case: case["expect"]["diagonal"]["value"].update(hp=[1.0]),
    "NaN in hp": lambda case: case["expect"]["diagonal"]["value"].update(hp=["nan"]),
    "input array without shape": lambda case: case["in"].update(theta={"f64": [1.0]}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_schema_sees_a_planted_fault(fault, validator):
    assert not validator.is_valid(broken(FAULTS[fault]))


def sphere(content):
    return next(e for case in content["cases"] for _, e in expectations(case) if e["kind"] == "sphere")


SPHERE_FAULTS = {
    "no free directions, not even none": lambda e: e.pop("free"),
    "a value": lambda e: e.update(value=e["center"]),
    "zero scale": lambda e: e.update(scale=0),
    "a condition for each step": lambda e: e.update(condition=[1.0, 2.0]),
    "bare numbers": lambda e: e.update(directions=[[1.0], [0.0]]),
}


@pytest.mark.parametrize("fault", SPHERE_FAULTS)
def test_schema_sees_a_fault_in_a_sphere(fault, validator):
    content = json.loads(json.dumps(CONTENTS["cubic/L3-degenerate.json"]))
    assert validator.is_valid(content)
    SPHERE_FAULTS[fault](sphere(content))
    assert not validator.is_valid(content)


def test_spheres_have_columns_of_the_size_of_their_center():
    found = [(c["id"], e) for c in CASES for _, e in expectations(c) if e["kind"] == "sphere"]
    assert len(found) >= 10
    for where, expectation in found:
        (n,) = expectation["center"]["shape"]
        shapes = [expectation[part]["shape"] for part in ("directions", "free")]
        assert [shape[0] for shape in shapes] == [n, n], where
        assert 1 <= sum(shape[1] for shape in shapes) <= n, where


def test_manifest_describes_every_file():
    assert set(MANIFEST["files"]) == set(CONTENTS)
    lines = []
    for path in PATHS:
        name, data = path.relative_to(FOLDER).as_posix(), path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        expected = {"sha256": digest, "size": len(data), "cases": len(CONTENTS[name]["cases"])}
        assert MANIFEST["files"][name] == expected, name
        lines.append(f"{digest}  {name}\n")
    assert MANIFEST["root_sha256"] == hashlib.sha256("".join(lines).encode()).hexdigest()
    assert MANIFEST["cases"] == len(CASES)


def test_counts():
    assert len(CASES) >= 150
    assert {case["id"].split(".")[0] for case in CASES} == METHODS
    assert {case["level"] for case in CASES} == {"L1", "L2", "L3", "L4", "L6"}
    assert all(content["count"] == len(content["cases"]) for content in CONTENTS.values())


def test_size():
    assert sum(entry["size"] for entry in MANIFEST["files"].values()) <= LARGEST_TOTAL


def test_ids_are_unique_in_place_and_locked():
    ids = [case["id"] for case in CASES]
    locked = (FOLDER / "ids.lock").read_text(encoding="ascii").split()
    assert len(set(ids)) == len(ids)
    assert len(set(locked)) == len(locked)
    assert set(ids) == set(locked)
    for name, content in CONTENTS.items():
        assert name == f"{content['method']}/{content['level']}-{content['group']}.json"
        for case in content["cases"]:
            assert case["id"].startswith(f"{content['method']}.{case['op']}.{content['level']}.")


def test_flags_are_described_and_used():
    for name, content in CONTENTS.items():
        assert {flag for case in content["cases"] for flag in case["flags"]} == set(content["flags"]), name


@pytest.mark.parametrize("name", CONTENTS)
def test_every_case_is_one_that_an_adapter_can_run(name):
    for case in CONTENTS[name]["cases"]:
        operation = OPERATIONS[case["op"]]
        takes = operation.takes()
        needed = {key for key, required in takes.items() if required}
        assert needed <= set(case["in"]) <= set(takes), case["id"]
        for quantity, expectation in expectations(case):
            assert expectation["kind"] == "behaviour" or operation.knows(quantity), (case["id"], quantity)


def test_every_operation_is_covered():
    assert {case["op"] for case in CASES} == set(OPERATIONS)


def test_problems_exist():
    problems = {path.stem for path in (FOLDER.parent.parent / "problems").glob("*.toml")}
    assert {case["in"]["problem"] for case in CASES if "problem" in case["in"]} <= problems


@pytest.mark.parametrize("name", CONTENTS)
def test_arrays_are_whole_and_their_floats_nearest_to_the_digits(name):
    for case in CONTENTS[name]["cases"]:
        for quantity, expectation in expectations(case):
            where = (case["id"], quantity)
            arrays = [expectation.get(part) for part in ("value", "center", "directions", "free")]
            for value in [array for array in arrays if isinstance(array, dict)]:
                assert math.prod(value["shape"]) == len(value["f64"]) == len(value["hp"]), where
                assert [float(text) for text in value["hp"]] == value["f64"], where
                assert all(len(Decimal(text).as_tuple().digits) <= 60 for text in value["hp"]), where
            for key in ("condition", "scale"):
                if isinstance(expectation.get(key), list):
                    assert expectation["axis"] == "step", where
                    assert len(expectation[key]) == expectation["value"]["shape"][0], where


def test_float32_cases_have_float32_inputs():
    def floats(value):
        if isinstance(value, dict):
            return value["f64"] if "f64" in value else [x for v in value.values() for x in floats(v)]
        return [value] if isinstance(value, float) else []

    cases = [case for case in CASES if case["dtype"] == "float32"]
    assert len(cases) >= 8
    for case in cases:
        numbers = [x for x in floats(case["in"]) if isinstance(x, float)]
        # 24 bits of mantissa: scaled by its exponent a float32 is an integer below 2^24
        assert all(math.ldexp(math.frexp(x)[0], 24).is_integer() for x in numbers), case["id"]


def test_thresholds_and_conditions_leave_three_digits():
    for case in CASES:
        unit = 2.0**-53 if case["dtype"] == "float64" else 2.0**-24
        for quantity, expectation in expectations(case):
            if expectation["kind"] in ("array", "sphere"):
                assert expectation["threshold"] <= 30 or "threshold" in expectation["why"], (
                    case["id"],
                    quantity,
                )
                conditions = expectation["condition"]
                worst = max(conditions if isinstance(conditions, list) else [conditions], default=0)
                assert worst * unit <= 1e-3 or "IllConditioned" in case["flags"], (case["id"], quantity)


def test_public_domain_dedication_lies_beside_the_vectors():
    assert "CC0-1.0" in (FOLDER / "LICENSE").read_text(encoding="ascii")
    assert (FOLDER / "ERRATA.md").is_file()
