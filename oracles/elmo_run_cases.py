"""The table of ELMO's runs, and where each starts."""

from typing import Any

from oracles.case import Case
from oracles.eigen_arc_method import SETTINGS as ARC_SETTINGS
from oracles.elmo_runs import AVERAGED, run_case

EXACT: dict[str, Any] = {"oracle": "exact"}
ARC: dict[str, Any] = {"oracle": "eigen_arc", **ARC_SETTINGS}


def _constant(value: float) -> dict[str, Any]:
    return {"oracle": "constant", "value": value}


def _averaged(**changes: Any) -> dict[str, Any]:
    return {"oracle": "averaged", **AVERAGED, **changes}


def _exact() -> list[Case]:
    # fmt: off
    return [
        run_case("log-cosh-6", "log-cosh-6", EXACT, "separable along the axes; curvatures cross on the way",
            ("ExactLipschitz", "Crossing"), steps=6),
        run_case("log-cosh-rotated-6", "log-cosh-rotated-6", EXACT, "the same function in a rotated basis",
            ("ExactLipschitz", "Crossing"), steps=6),
        run_case("log-cosh-rotated-2", "log-cosh-rotated-2", EXACT, "the paper's class, rotated",
            ("ExactLipschitz",), steps=6),
        run_case("log-cosh-far", "log-cosh-rotated-2", EXACT, "from a plateau, where lam is nearly 0",
            ("ExactLipschitz",), steps=5, start="far"),
        run_case("matched-cubic-3-kink", "matched-cubic-3", EXACT,
            "f is sum M seen from its kink: (1, 2, -3) in one step", ("Landing",), steps=1, start="kink"),
        run_case("matched-cubic-3-outward", "matched-cubic-3", EXACT,
            "between kink and minimiser, moving outward: (1, 2, -3) in one step", ("Landing",), steps=1,
            start=[0.5, 1.25, -1.5]),
        run_case("matched-cubic-3", "matched-cubic-3", EXACT, "past the kinks; lam of three signs",
            ("ExactLipschitz", "NegativeCurvature"), steps=5),
        run_case("matched-cubic-5-kink", "matched-cubic-5", EXACT, "the landing in a rotated basis",
            ("Landing",),
            steps=1, start="kink"),
        run_case("matched-cubic-5", "matched-cubic-5", EXACT, "rotated, lam of three signs, past the kinks",
            ("ExactLipschitz", "NegativeCurvature"), steps=5),
        run_case("quadratic-spread", "quadratic-spread-4", EXACT, "L = 0: Newton's step to the minimiser",
            ("Landing", "ZeroLipschitz"), steps=1, start=[2.0, 1.0, 0.5, 0.25]),
    ]
    # fmt: on


def _constants() -> list[Case]:
    # fmt: off
    return [
        run_case("log-cosh-6-constant", "log-cosh-6", _constant(8.0), "one L for all, above every true one",
            ("ConstantLipschitz",), steps=6, valid=True),
        run_case("log-cosh-rotated-2-small", "log-cosh-rotated-2", _constant(0.125),
            "an L that is too small: bolder steps", ("ConstantLipschitz",), steps=5),
        run_case("indefinite-6", "quadratic-indefinite-6", _constant(1.5),
            "down three negative eigenvalues, without end", ("ConstantLipschitz", "NegativeCurvature"),
            steps=4,
            valid=True),
        run_case("repeated-8", "quadratic-repeated-8", _constant(0.5),
            "clusters of two and three: along the joint gradient, whatever basis the eigensolver gives",
            ("ConstantLipschitz", "RunCluster"), steps=5, valid=True, perturb=("theta", "eigenvalues")),
        run_case("identity-6", "quadratic-identity-6", _constant(2.0),
            "one cluster: a step along the gradient",
            ("ConstantLipschitz", "RunCluster"), steps=6, valid=True, perturb=("theta", "eigenvalues")),
        run_case("ridge", "log-cosh-saddle-2", _constant(1.0), "g = 0 along lam = -2: down either side",
            ("RunTie",), steps=3, start="axis", mirrored=True),
        run_case("ridge-stays", "log-cosh-saddle-2", _constant(1.0),
            "tie: stay, so the run goes along the ridge to the saddle", ("Tie",), steps=4, start="axis",
            settings={"tie": "stay"}),
    ]
    # fmt: on


def _estimated() -> list[Case]:
    cubic = [0.25, 1.0, -2.0]
    # fmt: off
    return [
        run_case("averaged", "log-cosh-rotated-6", _averaged(),
            "Newton first, L = 0; then slopes of curvature",
            ("AveragedLipschitz",), steps=4, start=[0.25, -0.5, 0.125, 0.5, -0.25, 0.375]),
        run_case("averaged-unbiased", "log-cosh-6", _averaged(average="bias-corrected", momentum=0.75),
            "the average over 1 - alpha^k; sorted curvatures would be paired wrongly",
            ("AveragedLipschitz", "Crossing"), steps=5, start=[0.25, -0.25, 1.0, 2.0, -0.625, 3.0]),
        run_case("averaged-first-slope", "log-cosh-rotated-2", _averaged(average="first-slope"),
            "the first slope is taken whole", ("AveragedLipschitz",), steps=5, start=[0.5, -0.25]),
        run_case("averaged-component", "log-cosh-rotated-2", _averaged(denominator="component"),
            "each move along its own vector", ("AveragedLipschitz",), steps=4, start=[0.5, -0.25]),
        run_case("eigen-arc", "log-cosh-rotated-2", ARC, "estimates by EigenARC: far below the true L",
            ("EigenArcLipschitz",), steps=5),
        run_case("eigen-arc-cubic", "matched-cubic-3", {**ARC, "initial": 2.0**-6, "low": 0.5, "high": 2.0},
            "a failed assessment first, then one L after the other",
            ("EigenArcLipschitz", "NegativeCurvature"), steps=4, start=cubic),
    ]
    # fmt: on


def run_cases() -> list[Case]:
    """Return the cases of runs."""
    return [*_exact(), *_constants(), *_estimated()]
