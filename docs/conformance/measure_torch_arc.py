"""Writes the measured parts of torch-arc.md: what the three solvers of PyTorch-ARC answer.

    $ PYTHONPATH=PyTorch-ARC python docs/conformance/measure_torch_arc.py

Everything between two markers of the page is replaced by what was just measured.
"""

import functools
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from measuring import failures, listed, raised, rewrite, side_by_side

from refopt.adapters.torch_arc import TorchArc, TorchArcExplicit, TorchArcImplicit
from refopt.conformance import vectors
from refopt.conformance.report import Report
from refopt.conformance.scoring import Score
from refopt.conformance.verify import verify
from refopt.cubic import cubic_minimizer, cubic_value
from refopt.resources import vectors_directory

PAGE = Path(__file__).with_name("torch-arc.md")
SOLVERS = {"lanczos": TorchArc, "ARC, implicit": TorchArcImplicit, "ARC, explicit": TorchArcExplicit}
NEAR = 1e-3  # relative excess of the model below which a point counts as near its minimizer

# H, g of the model -g's + s'H s/2 + (sigma/3) |s|^3 with sigma = 1
EXAMPLES: tuple[tuple[str, list, list], ...] = (
    ("n = 1, the step of ELMO", [[1]], [1]),
    ("g an eigenvector", [[2, 0], [0, 1]], [1, 0]),
    ("convex", [[2, 0], [0, 1]], [1, 1]),
    ("H = I", [[1, 0], [0, 1]], [1, 1]),
    ("n = 3", [[2, 0.5, 0], [0.5, 1, 0.25], [0, 0.25, 3]], [1, 1, 1]),
    ("indefinite", [[1, 0], [0, -1]], [1, 1]),
    ("hard", [[1, 0], [0, -1]], [1, 0]),
    ("g tiny", [[1]], [1e-17]),
    ("g = 0, H = -I", [[-1, 0], [0, -1]], [0, 0]),
    ("g = 0, H = 0", [[0, 0], [0, 0]], [0, 0]),
)


@functools.cache
def run(solver: str) -> Report:
    """Put the cases of the cubic model to a solver."""
    cases = [case for case in vectors.load(vectors_directory()).cases if case.op == "cubic_minimizer"]
    return verify(f"refopt.adapters.torch_arc:{SOLVERS[solver].__name__}", cases, deadline=60.0)


def kind(score: Score) -> str:
    """Say in a few words how a case failed."""
    if "Error" in score.reason:
        return f"ends in {score.reason[: score.reason.index('Error')].split()[-1]}Error"
    if score.case.level == "L6":
        return "bad input is not refused"
    if score.first == "bounded":
        return "a point, where the model has no minimum"
    return "NaN" if "nan" in score.reason else "another point"


def asked(solver: str, H: Any, g: Any) -> np.ndarray | str:
    """The point, or what is raised; float32 for `ARC`, which has no other dtype."""
    dtype = "float64" if solver == "lanczos" else "float32"
    found: list[np.ndarray] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        how = raised(
            lambda: found.append(SOLVERS[solver]().solve(np.array(H, dtype), np.array(g, dtype), 1.0))
        )
    return found[0] if found else how.split(":")[0]


def examples() -> str:
    """Write what the solvers return for small inputs, beside the certified minimizer."""
    rows = [f"| input | H, g | {' | '.join(SOLVERS)} | minimizer |", "|" + "---|" * (len(SOLVERS) + 3)]
    for name, H, g in EXAMPLES:
        points = [asked(solver, H, g) for solver in SOLVERS]
        cells = " | ".join(point if isinstance(point, str) else listed(point + 0.0) for point in points)
        right = cubic_minimizer(np.array(H, float), np.array(g, float), 2.0)
        best = " and ".join(listed(x + 0.0) for x in (right.minimizer, *right.others))
        rows.append(f"| {name} | {listed(H)}, {listed(g)} | {cells} | {best} |")
    return "\n".join(rows)


def near() -> str:
    """Count how the solvers end on random models, by dimension and definiteness."""
    rows = [f"| models | {' | '.join(SOLVERS)} |", "|" + "---|" * (len(SOLVERS) + 1)]
    for n, definite in ((2, True), (2, False), (5, True), (5, False), (20, True), (20, False)):
        generator = np.random.default_rng(n)
        found: dict[str, Counter[str]] = {solver: Counter() for solver in SOLVERS}
        for _ in range(20):
            A, g = generator.standard_normal((n, n)), generator.standard_normal(n)
            H = A @ A.T / n if definite else (A + A.T) / 2
            least = cubic_minimizer(H, g, 2.0).value
            for solver in SOLVERS:
                found[solver][_end(asked(solver, H, g), H, g, least)] += 1
        cells = " | ".join(", ".join(f"{v} {k}" for k, v in sorted(found[s].items())) for s in SOLVERS)
        rows.append(f"| 20 {'definite' if definite else 'indefinite'}, n = {n} | {cells} |")
    return "\n".join(rows)


def _end(point: np.ndarray | str, H: np.ndarray, g: np.ndarray, least: float) -> str:
    if isinstance(point, str):
        return point
    value = cubic_value(H, g, 2.0, point.astype(float))
    return "near" if value <= least + NEAR * abs(least) else "another point"


def parts() -> dict[str, str]:
    """Measure every part of the page, by the names of its markers."""
    whole = raised(lambda: __import__("torch_arc"))
    return {
        "import": f"`import torch_arc`: {whole.split(' (')[0]}",
        "counts": side_by_side({solver: run(solver) for solver in SOLVERS}),
        "examples": examples(),
        "near": near(),
        **{f"failures-{solver.rsplit(maxsplit=1)[-1]}": failures(run(solver), kind) for solver in SOLVERS},
    }


if __name__ == "__main__":
    rewrite(PAGE, parts())
