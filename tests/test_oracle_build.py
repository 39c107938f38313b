"""Collecting, writing and checking vectors, the list of ids, and the command line of the oracle."""

import json
import shutil
from functools import cache
from types import ModuleType

import pytest
from planted_cases import noisy, simple

from oracles import build, encoding, freeze, render
from oracles.__main__ import main

QUICK = "spectrum.lanczos_steps.L3.*"


@pytest.fixture
def planted(monkeypatch):
    """A module of cases whose list the test may change."""
    module = ModuleType("oracles.planted")
    module.METHOD, module.FLAGS, module.SOURCES = "planted", {"Flag": "a flag"}, ()
    module.list = [simple(), simple(id="planted.op.L3.other", flags=("Flag",))]
    module.cases = lambda: module.list
    real = build.module
    build._cases_of.cache_clear()
    monkeypatch.setattr(build, "module", lambda name: module if name == "planted" else real(name))
    monkeypatch.setattr(build, "MODULES", ("planted",))
    monkeypatch.setattr(render, "source_of", lambda files: b"source")
    yield module
    build._cases_of.cache_clear()


def silent(*_):
    pass


LINT = {
    "the id is not": simple(id="planted.op.L3.Upper"),
    "differ from the case's": simple(id="planted.other.L3.case"),
    "`source` is missing": simple(source=" "),
    "`comment` is missing": simple(comment=""),
    "not described in FLAGS": simple(flags=("Unknown",)),
    "no rule": simple(rules={}),
    "float32": simple(dtype="float32", inputs={"x": [0.1]}),
    "at least 8": simple(samples=7),
    "level": simple(id="planted.op.L5.case", level="L5"),
    "`dtype` is unknown": simple(dtype="float16"),
}


@pytest.mark.parametrize("message", LINT)
def test_malformed_declaration_is_rejected(planted, message):
    planted.list = [LINT[message]]
    with pytest.raises(encoding.Rejected, match=message):
        build.collect(["planted"])


def test_repeated_id_is_rejected(planted):
    planted.list = [simple(), simple()]
    with pytest.raises(encoding.Rejected, match="used twice"):
        build.collect(["planted"])


def test_build_then_check_agree_and_ids_are_locked(planted, tmp_path):
    assert build.build(None, 1, silent, tmp_path) == []
    assert build.locked(tmp_path) == ["planted.op.L3.case", "planted.op.L3.other"]
    assert build.check(None, 1, silent, tmp_path) == []
    before = (tmp_path / "planted/L3-op.json").read_bytes()
    assert build.build(None, 1, silent, tmp_path) == []
    assert (tmp_path / "planted/L3-op.json").read_bytes() == before


def test_published_id_must_stay(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    planted.list = [simple(), simple(id="planted.op.L3.renamed")]
    build._cases_of.cache_clear()
    before = {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    faults = build.build(None, 1, silent, tmp_path)
    assert faults == ["planted.op.L3.other: the id was published and must stay; it was removed or renamed."]
    assert {p.name: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    assert faults[0] in build.check(None, 1, silent, tmp_path)


def test_new_id_is_appended_behind_the_old_ones(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    planted.list = [simple(id="planted.op.L3.a-new-one"), *planted.list]
    build._cases_of.cache_clear()
    assert "planted.op.L3.a-new-one: the id is not in ids.lock." in build.check(None, 1, silent, tmp_path)
    build.build(None, 1, silent, tmp_path)
    assert build.locked(tmp_path)[-1] == "planted.op.L3.a-new-one"


def test_check_names_what_was_edited(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    path = tmp_path / "planted/L3-op.json"
    text = path.read_text(encoding="utf-8")
    first, second = text.split('"planted.op.L3.other"')
    path.write_text(first + '"planted.op.L3.other"' + second.replace('"4.0"', '"4.1"'), encoding="utf-8")
    faults = build.check(None, 1, silent, tmp_path)
    assert faults[0] == "planted.op.L3.other: differs in expect ['y']"
    assert faults[1].startswith("MANIFEST.json")
    path.write_text(text.replace("\n", "\n\n", 1), encoding="utf-8")
    assert build.check(None, 1, silent, tmp_path)[0].endswith("is not in canonical form.")
    path.write_text(text.replace('"a flag"', '"b flag"'), encoding="utf-8")
    assert build.check(None, 1, silent, tmp_path)[0].endswith("differs in flags.")
    path.unlink()
    assert "is missing" in build.check(None, 1, silent, tmp_path)[0]


def test_rejected_case_leaves_its_file_as_it_was(planted, tmp_path):
    build.build(None, 1, silent, tmp_path)
    before = (tmp_path / "planted/L3-op.json").read_bytes()
    planted.list = [simple(compute=noisy), planted.list[1]]
    build._cases_of.cache_clear()
    (fault,) = build.build(None, 1, silent, tmp_path)
    assert "agrees to" in fault
    assert (tmp_path / "planted/L3-op.json").read_bytes() == before


def test_frozen_vectors_are_rebuilt_to_the_same_bytes_in_parallel(tmp_path):
    assert build.check(QUICK, 2, silent) == []
    shutil.copytree(build.VECTORS / "spectrum", tmp_path / "spectrum")
    path = tmp_path / "spectrum" / "L3-lanczos_steps.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"value":42', '"value":41'), encoding="utf-8")
    # 2 ln 10^9 = 41.4 is the only case of 42 steps
    faults = build.check(QUICK, 1, silent, tmp_path)
    assert faults == ["spectrum.lanczos_steps.L3.n1000000000-k10-l0: differs in expect ['steps']"]


SAMPLE = (
    "derivatives.derivatives.L1.tanh-network-18",
    "derivatives.along.L1.softmax-8x3x3",
    "spectrum.lanczos.L2.hundred-10",
    "spectrum.extreme_spectrum.L2.repeated-8-k2",
    "spectrum.extreme_spectrum.L2.b112-z30-k3-l2",
)


def smallest_of_each_file():
    """Return the ids of the shortest case of each file: cheap, and from every group."""
    out = []
    for path in sorted(build.VECTORS.glob("*/*.json")):
        if not path.stem.endswith("-large"):
            out.append(min(json.loads(path.read_text())["cases"], key=lambda case: len(str(case)))["id"])
    return out


@pytest.mark.parametrize("case_id", [*SAMPLE, *smallest_of_each_file()])
def test_frozen_case_is_what_the_oracle_computes(case_id):
    case = declared()[case_id]
    stored = json.loads((build.VECTORS / case.file).read_text(encoding="utf-8"))["cases"]
    assert next(c for c in stored if c["id"] == case_id) == json.loads(json.dumps(freeze.evaluate(case)))


@cache
def declared():
    return build.collect()


def test_list_prints_ids_and_counts(capsys):
    assert main(["list", "--only", "spectrum.lanczos.*"]) == 0
    out = capsys.readouterr().out
    assert "spectrum.lanczos.L2.hundred-8" in out
    assert "spectrum       L2" in out


def test_check_of_a_part_exits_with_0(capsys):
    assert main(["check", "--only", QUICK]) == 0
    assert "as frozen" in capsys.readouterr().out


def test_faults_are_printed_and_exit_with_1(monkeypatch, capsys):
    monkeypatch.setattr(build, "check", lambda *_: ["planted: differs."])
    assert main(["check", "--only", QUICK]) == 1
    assert "planted: differs." in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["check", "--only", "nothing.*"], ["check", "--jobs", "0"], ["deny"]])
def test_bad_arguments_exit_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert capsys.readouterr().err
