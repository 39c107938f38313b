"""The training study: its parts on a few steps, and that the document says what the written results say."""

from __future__ import annotations

import csv
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

import refopt as ro
from benchmarks import language_model as study

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "language-model.md"


@pytest.fixture
def short(monkeypatch):
    """A study of four steps, looked at every second one."""
    for name, value in {"STEPS": 4, "EVERY": 2, "LAST": 2, "WINDOWS": 2, "HELD_OUT": 4}.items():
        monkeypatch.setattr(study, name, value)
    return ro.load_problem("characters-coriolanus", dtype="float32")


def made(train, held_out, offload=None):
    offload = np.full(len(held_out), np.nan) if offload is None else np.array(offload)
    return study.Run(np.array(train), np.array(held_out), offload, "MAX_STEPS")


# ---- the parts ----


def test_methods_are_compared_in_pairs(short):
    methods = {method.name: method for method in study.single_methods()}
    runs = {
        name: study.trained(short, methods[name].make(methods[name].grid[0]), methods[name].estimates, 1)
        for name in ("AdamW", "SGD", "Sophia, GNB", "Sophia, Hutchinson")
    }
    # the same start, hence the same losses before the first step; 0, 2 and the end
    assert {run.held_out[0] for run in runs.values()} == {runs["AdamW"].held_out[0]}
    assert {run.train[0] for run in runs.values()} == {runs["AdamW"].train[0]}
    assert len({run.held_out[-1] for run in runs.values()}) == 4
    for run in runs.values():
        assert (len(run.train), len(run.held_out), run.outcome) == (4, 3, "MAX_STEPS")
        assert run.end == pytest.approx(run.train[2:].mean())
        assert np.isnan(run.offload).all()
    again = study.trained(short, methods["Sophia, GNB"].make(1e-3), "bartlett", 1)
    np.testing.assert_array_equal(again.held_out, runs["Sophia, GNB"].held_out)
    other = study.trained(short, methods["SGD"].make(0.1), None, 2)
    assert other.held_out[0] != runs["SGD"].held_out[0]


def test_a_run_that_diverges_is_never_chosen(short):
    run = study.trained(short, ro.GradientDescent(learning_rate=1e30), None, 1)
    assert run.outcome == "DIVERGED"
    assert run.end == math.inf
    assert len(run.held_out) == 3
    assert run.held_out[-1] == math.inf


def test_estimates_are_of_their_iteration(short):
    batches = ro.Minibatches(short, 2, 1)
    for kind in ("hutchinson", "bartlett"):
        at = study.Estimates(batches, kind)
        first, again, later = (at(t).diagonal(short.start) for t in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        assert np.any(first != later)
        assert first.dtype == np.float32
        assert (kind == "bartlett") == bool(np.all(first >= 0))
    probe = study.Estimates(batches, "hutchinson")(3).probes
    assert set(np.unique(probe)) == {-1.0, 1.0}


def test_amos_has_a_part_for_each_optimizer(short):
    method = study.amos_methods(short, 0.3, 3e-3)[0]
    everything = study.trained(short, method.make(1e-30), method.estimates, 1)
    nothing = study.trained(short, method.make(1e30), method.estimates, 1)
    sophia = study.trained(short, study.sophia(3e-3), "bartlett", 1)
    # one Hessian in four steps: no slope is known yet, so L = 0 and all goes to Sophia, as the paper has it
    for run in (everything, nothing):
        np.testing.assert_array_equal(run.held_out, sophia.held_out)
        assert run.offload.tolist() == [0.0, 0.0, 0.0]


def test_a_setting_is_chosen_by_its_training_loss(monkeypatch, short, capsys):
    losses = {1.0: 3.0, 2.0: 2.5, 3.0: math.inf}

    def trained(problem, optimizer, estimates, seed):
        loss = losses[optimizer]
        # the best on held-out text is another one
        return made([loss] * 4, [4.0, 3.0, 1.0 if optimizer == 1.0 else 2.0 + seed / 10])

    monkeypatch.setattr(study, "trained", trained)
    found = study.studied(short, study.Method("any", lambda setting: setting, (1.0, 2.0, 3.0), "rate"))
    assert found["chosen"] == 2.0
    assert [run.held_out[-1] for run in found["runs"]] == pytest.approx([2.1, 2.2, 2.3])
    assert (
        "any: rate 2 of (1: 3.000, 2: 2.500, 3: inf); held out 2.100 2.200 2.300" in capsys.readouterr().out
    )


def test_cost_is_a_ratio_of_the_same_steps(short):
    study_of = {"chosen": 0.1, "method": study.single_methods()[1]}
    assert 0.2 < study.cost(short, study_of, study_of) < 5


def example():
    """Two methods of three runs, as `studied` answers them, with numbers that add up by hand."""
    adamw = [made([4, 4, 2, 2], [4.0, 3.0, 2.0 + i]) for i in range(3)]
    amos = [made([4, 3, 2, 1], [4.0, 3.0, 2.5 + i], [0.0, 0.25, 0.75]) for i in range(3)]
    return [
        {
            "method": study.Method(name, None, (1.0,), "rate"),
            "tuning": {1.0: runs[0]},
            "chosen": 1.0,
            "runs": runs,
            "cost": 1.25,
        }
        for name, runs in (("AdamW", adamw), ("AMOS", amos))
    ]


def test_what_is_written_of_a_method(short):
    adamw, amos = example()
    found = study.summary(amos, adamw["runs"])
    assert found["grid"] == {"1": 1.5}
    assert found["held_out"] == [2.5, 3.5, 4.5]
    assert (found["held_out_mean"], found["minus_adamw"]) == (3.5, [0.5, 0.5, 0.5])
    assert (found["offload_mean"], found["offload_most"], found["grid_offload"]) == (0.5, 0.75, {"1": 0.5})
    assert study.summary(adamw, adamw["runs"])["offload_mean"] is None
    # before step 0 one loss, then the means of two
    assert study.rows([amos])[:3] == [
        ["AMOS", 1, 0, "4.0000", "4.0000", "0.0000"],
        ["AMOS", 1, 2, "3.5000", "3.0000", "0.2500"],
        ["AMOS", 1, 4, "1.5000", "2.5000", "0.7500"],
    ]


def test_the_files_are_written(short, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(study, "FOLDER", tmp_path / "out")
    study.write(example())
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert list(results["methods"]) == ["AdamW", "AMOS"]
    assert len((tmp_path / "out" / "curves.csv").read_text().splitlines()) == 1 + 2 * 3 * 3
    assert (tmp_path / "out" / "curves.png").stat().st_size > 5000


# ---- what is committed ----


@pytest.fixture(scope="module")
def results():
    return json.loads((study.FOLDER / "results.json").read_text(encoding="utf-8"))


def test_results_and_curves_agree(results):
    with (study.FOLDER / "curves.csv").open(encoding="utf-8") as file:
        curves = list(csv.DictReader(file))
    steps = results["settings"]["steps"]
    assert (steps, results["settings"]["seeds"]) == (study.STEPS, list(study.SEEDS))
    for name, found in results["methods"].items():
        own = [row for row in curves if row["method"] == name]
        last = [float(row["held_out"]) for row in own if int(row["iteration"]) == steps]
        assert last == found["held_out"]
        assert np.mean(last) == pytest.approx(found["held_out_mean"], abs=1e-4)
        parts = [float(row["offload"]) for row in own if row["offload"] and int(row["iteration"]) > 0]
        if found["offload_mean"] is None:
            assert not parts
        else:
            assert np.mean(parts) == pytest.approx(found["offload_mean"], abs=1e-3)
            assert np.max(parts) == pytest.approx(found["offload_most"], abs=1e-4)


def table(text):
    """The rows of the document's table by method: numbers of each cell."""
    found = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 7 and not set(cells[0]) <= set("-: ") and cells[0] != "method":
            found[cells[0]] = [
                [float(x) for x in re.findall(r"[-+]?\d+(?:\.\d+)?(?:e-?\d+)?", c)] for c in cells[1:]
            ]
    return found


def check_document(text, results):
    rows = table(text)
    assert list(rows) == list(results["methods"])
    for name, (chosen, mean, each, ahead, cost, offload) in rows.items():
        found = results["methods"][name]
        assert chosen == [found["chosen"]]
        assert mean == [round(found["held_out_mean"], 3)]
        assert each == [round(min(found["held_out"]), 3), round(max(found["held_out"]), 3)]
        assert ahead == ([] if name == "AdamW" else [round(x, 3) for x in found["minus_adamw"]])
        assert cost == [found["cost_over_adamw"]]
        wanted = [] if found["offload_mean"] is None else [found["offload_mean"], found["offload_most"]]
        assert offload == [pytest.approx(100 * x, abs=0.051) for x in wanted]


def test_the_document_says_what_the_results_say(results):
    text = DOCUMENT.read_text(encoding="utf-8")
    check_document(text, results)
    mean = f"{results['methods']['SGD']['held_out_mean']:.3f}"
    assert mean in text
    with pytest.raises(AssertionError):
        check_document(text.replace(mean, "1.234"), results)
