"""A small language model, trained by AdamW, SGD, Sophia and AMOS on the same batches: who wins, by how much.

The problem is `characters-coriolanus` in float32: 28096 parameters, batches of 16 windows of 32 characters,
500 steps at a constant learning rate. Every method has a grid of five settings, tried with one seed and
chosen by its training loss (the mean over the last 50 batches); the choice is run with three other seeds. A
seed decides the start, the batches and the probes, all by splitmix64, so that the methods are compared in
pairs. AMOS takes the learning rates chosen for SGD and Sophia alone, as the paper did, and its grid is over
thresholds, or over the damping of eq. 8.

Sophia's diagonal is Hutchinson's with one probe of +-1, or Gauss-Newton-Bartlett's, whose labels the model
draws; it is estimated every ten steps on that step's batch. AMOS uses the second.

    python -m benchmarks language_model      # some minutes; writes docs/language-model/
"""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import refopt as ro
from refopt.generators import uniform
from refopt.hessian_diagonal import GaussNewtonBartlett, Hutchinson
from refopt.plots import plot_training

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "language-model"
STEPS, EVERY, LAST = 500, 20, 50
WINDOWS, HELD_OUT, REFRESH = 16, 64, 10
ROUNDS = 15  # of the timing
TUNING, SEEDS = 0, (1, 2, 3)
START, PROBES, LABELS = 1000, 2000, 3000  # added to the seed of the batches
SCALE = 0.125  # of the start
DECAY = {"weight_decay": 0.1}
THRESHOLDS = (3e-4, 1e-3, 3e-3, 1e-2, 3e-2)
DAMPINGS = (1.0, 0.3, 0.1, 0.03, 0.01)


class Estimates:
    """The curvature of a run: what estimates the Hessian's diagonal at an iteration."""

    def __init__(self, batches: ro.Minibatches, kind: str) -> None:
        self._batches, self._kind = batches, kind

    def __call__(self, iteration: int) -> Any:
        """The estimator of an iteration's batch."""
        n, seed = self._batches.problem.n, self._batches.seed
        if self._kind == "hutchinson":
            draws = uniform(PROBES + seed, n, first=iteration * n)
            probe = np.where(draws < 0, -1.0, 1.0).astype(np.float32)
            return Hutchinson(self._batches(iteration), probe[None, :])
        return Bartlett(self._batches, iteration)


class Bartlett:
    """Gauss-Newton-Bartlett on an iteration's batch, its labels drawn from the model at the point."""

    def __init__(self, batches: ro.Minibatches, iteration: int) -> None:
        self._batches, self._iteration = batches, iteration

    def diagonal(self, theta: Any) -> Any:
        """The estimate at theta."""
        count = self._batches.count * self._batches.text.context
        draws = uniform(LABELS + self._batches.seed, count, first=self._iteration * count)
        uniforms = ((draws + 1) / 2).astype(np.float32)
        uniforms = np.minimum(uniforms, np.float32(1 - 2.0**-24))  # which rounding may take to 1
        sampled = self._batches.sampled(self._iteration, theta, uniforms)
        return GaussNewtonBartlett(sampled, count).diagonal(theta)


class Method(NamedTuple):
    """A method and its grid.

    Attributes:
        name: in tables and pictures.
        make: the optimizer of a setting.
        grid: the settings.
        setting: what they are.
        estimates: "hutchinson", "bartlett" or None.
    """

    name: str
    make: Callable[[float], Any]
    grid: tuple[float, ...]
    setting: str
    estimates: str | None = None


class Run(NamedTuple):
    """One run: `held_out` and `offload` at every twentieth point, the last one included."""

    train: np.ndarray
    held_out: np.ndarray
    offload: np.ndarray
    outcome: str

    @property
    def end(self) -> float:
        """The mean training loss over the last batches; infinite where the run diverged."""
        return float(np.mean(self.train[-LAST:])) if len(self.train) == STEPS else np.inf


def sophia(rate: float) -> Any:
    """Sophia with the other settings of the AMOS paper's appendix K."""
    return ro.Sophia(learning_rate=rate, beta1=0.9, beta2=0.95, rho=0.01, refresh_every=REFRESH, **DECAY)


def single_methods() -> list[Method]:
    """The methods that stand alone."""
    return [
        Method(
            "AdamW",
            lambda rate: ro.AdamW(learning_rate=rate, beta1=0.9, beta2=0.95, **DECAY),
            (3e-3, 5e-3, 7e-3, 1e-2, 1.4e-2),
            "learning rate",
        ),
        Method(
            "SGD",
            lambda rate: ro.GradientDescent(learning_rate=rate),
            (0.1, 0.2, 0.3, 0.5, 1.0),
            "learning rate",
        ),
        Method("Sophia, Hutchinson", sophia, (1e-3, 2e-3, 3e-3, 4.5e-3, 6e-3), "learning rate", "hutchinson"),
        Method("Sophia, GNB", sophia, (1e-3, 2e-3, 3e-3, 4.5e-3, 6e-3), "learning rate", "bartlett"),
    ]


def amos_methods(problem: ro.Problem, sgd: float, second: float) -> list[Method]:
    """AMOS(SGD, Sophia) with the learning rates chosen for each alone."""
    pair = {"first": ro.GradientDescent(learning_rate=sgd), "second": sophia(second), "hessian_at": REFRESH}
    tensors = {"granularity": "tensor", "groups": ro.Groups.canonical(problem.layout)}

    def eq_8(**kind: Any) -> Callable[[float], Any]:
        return lambda damping: ro.Amos(threshold="newton-ascent", damping=damping, **pair, **kind)

    return [
        Method(
            "AMOS, threshold by tensor",
            lambda threshold: ro.Amos(threshold=threshold, **pair, **tensors),
            THRESHOLDS,
            "threshold",
            "bartlett",
        ),
        Method("AMOS, eq. 8 by tensor", eq_8(**tensors), DAMPINGS, "damping", "bartlett"),
        Method("AMOS, eq. 8 by coordinate", eq_8(), DAMPINGS, "damping", "bartlett"),
    ]


def trained(problem: ro.Problem, optimizer: Any, estimates: str | None, seed: int) -> Run:
    """One run."""
    held_out = ro.Minibatches(problem, WINDOWS, seed).held_out(HELD_OUT)
    found, offload = [], []

    def look(step: Any) -> None:
        if (step.state.iteration - 1) % EVERY == 0:
            found.append(float(held_out.value(step.theta)))
            offload.append(getattr(step, "offload", np.nan))

    with np.errstate(all="ignore"):  # a run that diverges says so by its outcome
        trace = steps(problem, optimizer, estimates, seed, STEPS, look)
    found.append(float(held_out.value(trace.theta)) if trace.outcome is ro.Outcome.MAX_STEPS else np.inf)
    offload.append(offload[-1])
    points = STEPS // EVERY + 1
    padded = [np.append(x, np.full(points - len(x), np.inf)) for x in (found, offload)]
    return Run(trace["value"].astype(float), padded[0], padded[1], trace.outcome.name)


def steps(
    problem: ro.Problem, optimizer: Any, estimates: str | None, seed: int, count: int, callback: Any = None
) -> ro.Trace:
    """The first steps of a run."""
    batches = ro.Minibatches(problem, WINDOWS, seed)
    theta = (SCALE * uniform(START + seed, problem.n)).astype(np.float32)
    curvature = None if estimates is None else Estimates(batches, estimates)
    return ro.minimize(batches, optimizer, theta, max_steps=count, curvature=curvature, callback=callback)


def cost(problem: ro.Problem, study: dict[str, Any], reference: dict[str, Any]) -> float:
    """The processor time of ten steps, one with an estimate, over that of ten steps of the reference."""

    def seconds(of: dict[str, Any]) -> float:
        method, begin = of["method"], time.process_time()
        steps(problem, method.make(of["chosen"]), method.estimates, TUNING, REFRESH)
        return time.process_time() - begin

    return float(np.median([seconds(study) / seconds(reference) for _ in range(ROUNDS)]))


def studied(problem: ro.Problem, method: Method) -> dict[str, Any]:
    """The tuning of a method and its runs with the setting chosen."""
    tuning = {
        setting: trained(problem, method.make(setting), method.estimates, TUNING) for setting in method.grid
    }
    chosen = min(tuning, key=lambda setting: tuning[setting].end)
    runs = [trained(problem, method.make(chosen), method.estimates, seed) for seed in SEEDS]
    ends = ", ".join(f"{setting:g}: {run.end:.3f}" for setting, run in tuning.items())
    last = " ".join(f"{run.held_out[-1]:.3f}" for run in runs)
    print(
        f"{method.name}: {method.setting} {chosen:g} of ({ends}); held out {last}",
        flush=True,
    )
    return {"method": method, "tuning": tuning, "chosen": chosen, "runs": runs}


def summary(study: dict[str, Any], reference: list[Run]) -> dict[str, Any]:
    """What is written of a method: settings, ends, cost, offload."""
    runs, last = study["runs"], [float(run.held_out[-1]) for run in study["runs"]]
    grid = {f"{setting:g}": round(run.end, 4) for setting, run in study["tuning"].items()}
    own = _offload(runs)
    ahead = [float(run.held_out[-1] - other.held_out[-1]) for run, other in zip(runs, reference, strict=True)]
    parts = [_offload([run]) for run in study["tuning"].values()]
    return {
        "setting": study["method"].setting,
        "grid": grid,
        "grid_offload": None if None in parts else dict(zip(grid, (mean for mean, _ in parts), strict=True)),
        "chosen": study["chosen"],
        "held_out": [round(x, 4) for x in last],
        "held_out_mean": round(float(np.mean(last)), 4),
        "train": [round(run.end, 4) for run in runs],
        "minus_adamw": [round(x, 4) for x in ahead],
        "cost_over_adamw": round(study["cost"], 2),
        "offload_mean": None if own is None else own[0],
        "offload_most": None if own is None else own[1],
        "outcomes": [run.outcome for run in runs],
    }


def _offload(runs: list[Run]) -> tuple[float, float] | None:
    """The mean and the most over runs and looks, but for the first Hessian, which only stores."""
    parts = np.array([run.offload[1:] for run in runs])
    return None if np.isnan(parts).any() else (round(float(parts.mean()), 4), round(float(parts.max()), 4))


def rows(studies: Iterable[dict[str, Any]]) -> list[list[Any]]:
    """The curves: method, seed, iteration, mean training loss since the last row, held-out loss, offload."""
    out: list[list[Any]] = []
    for study in studies:
        for seed, run in zip(SEEDS, study["runs"], strict=True):
            for k, (loss, part) in enumerate(zip(run.held_out, run.offload, strict=True)):
                since = run.train[max(k - 1, 0) * EVERY : max(k * EVERY, 1)]
                train = f"{np.mean(since):.4f}" if len(since) else ""
                part = "" if np.isnan(part) else f"{part:.4f}"
                out.append([study["method"].name, seed, k * EVERY, train, f"{loss:.4f}", part])
    return out


def write(studies: list[dict[str, Any]]) -> None:
    """Write results.json, curves.csv and curves.png."""
    FOLDER.mkdir(exist_ok=True)
    reference = studies[0]["runs"]
    results = {study["method"].name: summary(study, reference) for study in studies}
    settings = {
        "steps": STEPS, "windows": WINDOWS, "refresh": REFRESH, "held_out_windows": HELD_OUT,
        "tuning_seed": TUNING, "seeds": SEEDS, "dtype": "float32",
    }  # fmt: skip
    text = json.dumps({"settings": settings, "methods": results}, indent=1)
    (FOLDER / "results.json").write_text(text + "\n", encoding="utf-8")
    with (FOLDER / "curves.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "seed", "iteration", "train", "held_out", "offload"])
        writer.writerows(rows(studies))
    curves = {study["method"].name: [run.held_out for run in study["runs"]] for study in studies}
    offloads = {
        study["method"].name: [run.offload for run in study["runs"]]
        for study in studies
        if not np.isnan(study["runs"][0].offload).any()
    }
    figure = plot_training(curves, range(0, STEPS + 1, EVERY), offloads)
    figure.axes[0].set_ylim(top=min(4.2, figure.axes[0].get_ylim()[1]))
    figure.savefig(FOLDER / "curves.png", dpi=90)


def main() -> None:
    """Run the study and write it."""
    problem = ro.load_problem("characters-coriolanus", dtype="float32")
    studies = [studied(problem, method) for method in single_methods()]
    chosen = {study["method"].name: study["chosen"] for study in studies}
    for method in amos_methods(problem, chosen["SGD"], chosen["Sophia, GNB"]):
        studies.append(studied(problem, method))
    for study in studies:
        study["cost"] = cost(problem, study, studies[0])
    write(studies)


if __name__ == "__main__":
    main()
