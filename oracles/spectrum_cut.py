"""Cases of extreme eigenpairs that cut through a repeated eigenvalue: any vectors of its space are right."""

from typing import Any

from mpmath import mpf

from oracles import problems
from oracles.case import Case, Close, Quantities, Rule
from oracles.eigenchoices import PAIRS, chosen, cut_of, described, eigenspace
from oracles.krylov import spectral
from oracles.spectrum_lanczos import EXHAUSTED
from oracles.spectrum_pairs import SOURCE


def compute(inputs: dict[str, Any]) -> Quantities:
    """Return the eigenvalues with all their copies, one choice of the vectors, and no residuals."""
    cut = cut_of(spectral(inputs), inputs["largest"], inputs["smallest"])
    found = described(cut, chosen(cut)[0])
    return {**found, "residuals": [mpf(0)] * len(cut.values)}


def _case(what: str, problem_id: str, ends: tuple[int, int], comment: str) -> Case:
    problem = problems.load(problem_id)
    inputs: dict[str, Any] = {"problem": problem_id, "theta": problem.start("default")}
    inputs |= {"largest": ends[0], "smallest": ends[1], "start": problem.lanczos_start}
    why = f"|H|; {problem.n} steps"
    rules: dict[str, Rule] = {
        "eigenvalues": Close(scale="_norm", terms=problem.n, why=why),
        "eigenvectors": eigenspace(problem.n),
        "residuals": Close(scale="_norm", terms=problem.n, why=f"{why}; 0 in exact arithmetic"),
    }
    return Case(
        id=f"spectrum.extreme_spectrum.L2.{what}",
        op="extreme_spectrum",
        level="L2",
        group="cut",
        source=SOURCE,
        comment=comment,
        flags=("Breakdown", "Repeated", "Cut"),
        inputs={**inputs, "multiplicity": "full"},
        compute=compute,
        rules=rules,
        perturb=EXHAUSTED,
        checks=(PAIRS,),
    )


def cases() -> list[Case]:
    """Return the cases of cut eigenspaces."""
    tied, repeated, identity = "quadratic-tied-8", "quadratic-repeated-8", "quadratic-identity-6"
    return [
        _case("cut-tied-8-k2-l1", tied, (2, 1), "one of three copies of 4, one of three of -2"),
        _case("cut-tied-8-k3-l2", tied, (3, 2), "two of three copies at each end"),
        _case("cut-tied-8-l2", tied, (0, 2), "k = 0, two of three copies of -2"),
        _case("cut-repeated-8-k1-l2", repeated, (1, 2), "one of two copies of 5, 0.25 and one of 0.5"),
        _case("cut-repeated-8-k4-l2", repeated, (4, 2), "two of three copies of 1, one of two of 0.5"),
        _case("cut-identity-6-k2-l1", identity, (2, 1), "H = I: any three orthonormal vectors"),
    ]
