"""What ELMO must refuse, and the points at which it must stay (L6)."""

from typing import Any

from oracles.case import Behaviour, Case
from oracles.elmo_runs import AVERAGED
from oracles.elmo_step_cases import GRADIENT, HADAMARD, LIPSCHITZ, MIXED, columns
from oracles.first_order_settings import settings_of

NAN, INF = float("nan"), float("inf")
GD: dict[str, Any] = {"optimizer": "gradient_descent", "settings": settings_of("gradient_descent")}
# fmt: off
# (what, slope, curvature, lipschitz, argument at fault, comment)
SCALARS: tuple[tuple[str, list[float], list[float], list[float], str, str], ...] = (
    ("negative-lipschitz", [1.0, 1.0], [1.0, 1.0], [1.0, -1.0], "lipschitz", "L below 0: M has no minimum"),
    ("nan-lipschitz", [1.0, 1.0], [1.0, 1.0], [NAN, 1.0], "lipschitz", "NaN passes no comparison"),
    ("infinite-lipschitz", [1.0, 1.0], [1.0, -1.0], [1.0, INF], "lipschitz", "inf/inf is NaN"),
    ("negative-slope", [-1.0, 1.0], [1.0, 1.0], [1.0, 1.0], "slope", "a slope is |v'g|"),
    ("nan-slope", [1.0, NAN], [1.0, 1.0], [1.0, 1.0], "slope", "NaN in the gradient"),
    ("infinite-slope", [1.0, INF], [1.0, 1.0], [1.0, 1.0], "slope", "an overflow in the gradient"),
    ("nan-curvature", [1.0, 1.0], [1.0, NAN], [1.0, 1.0], "curvature", "lam > 0, = 0, < 0 are all false"),
    ("infinite-curvature", [1.0, 1.0], [-INF, 1.0], [1.0, 1.0], "curvature", "inf - inf"),
    ("one-too-few", [1.0, 1.0], [1.0, 1.0], [1.0], "lipschitz", "two slopes and one L: no broadcasting"),
)
# (what, changed inputs, argument at fault, comment)
STEPS: tuple[tuple[str, dict[str, Any], str | None, str], ...] = (
    ("negative-lipschitz", {"lipschitz": [1.0, 0.5, -3.0, 0.25]}, "lipschitz", "L below 0"),
    ("nan-lipschitz", {"lipschitz": [1.0, NAN, 3.0, 0.25]}, "lipschitz", "NaN among L"),
    ("infinite-lipschitz", {"lipschitz": [1.0, 0.5, INF, 0.25]}, "lipschitz", "L = inf"),
    ("lipschitz-short", {"lipschitz": [1.0, 0.5, 3.0]}, "lipschitz", "an L for three of four pairs"),
    ("lipschitz-long", {"lipschitz": [*LIPSCHITZ, 1.0]}, "lipschitz", "an L too many"),
    ("nan-gradient", {"gradient": [NAN, *GRADIENT[1:]]}, "gradient", "NaN in one component reaches all of V"),
    ("nan-eigenvalue", {"eigenvalues": [4.0, NAN, -0.5, -2.0]}, None, "NaN among the eigenvalues"),
    ("gradient-short", {"gradient": GRADIENT[:3]}, None, "a gradient of another length than the vectors"),
    ("unknown-clusters", {"settings": {"clusters": "merge"}}, "clusters", "no such choice"),
    ("unknown-tie", {"settings": {"tie": "negative"}}, "tie", "no such choice"),
)
SUBSPACE: tuple[tuple[str, dict[str, Any], str | None, str], ...] = (
    ("nan-gradient", {"gradient": [NAN, *GRADIENT[1:]]}, None, "NaN in the gradient"),
    ("lipschitz-short", {"lipschitz": [1.0]}, "lipschitz", "one L for two pairs"),
    ("negative-lipschitz", {"lipschitz": [1.0, -1.0]}, "lipschitz", "L below 0"),
    ("unbounded", {"lipschitz": [1.0, 0.0]}, None, "L = 0 along lam < 0: there is no step"),
)
EXACT: dict[str, Any] = {"oracle": "exact"}
RUNS: tuple[tuple[str, dict[str, Any], str | None, str], ...] = (
    ("unbounded", {"problem": "quadratic-saddle-3", "theta": [1.0, 1.0, 1.0]}, None,
     "L = 0 along lam = -3: no minimum, no step"),
    ("exact-unknown", {"problem": "rosenbrock-2", "theta": [-0.5, 0.75]}, None,
     "a function whose Lipschitz constants are not known"),
    ("negative-constant", {"lipschitz": {"oracle": "constant", "value": -1.0}}, None, "L below 0"),
    ("nan-constant", {"lipschitz": {"oracle": "constant", "value": NAN}}, None, "L = NaN"),
    ("momentum-one", {"lipschitz": {"oracle": "averaged", **AVERAGED, "momentum": 1.0}}, "momentum",
     "an average that never learns"),
    ("negative-momentum", {"lipschitz": {"oracle": "averaged", **AVERAGED, "momentum": -0.25}}, "momentum",
     "alpha_L below 0"),
    ("unknown-average", {"lipschitz": {"oracle": "averaged", **AVERAGED, "average": "median"}}, "average",
     "no such average"),
    ("nan-theta", {"theta": [NAN, 0.5]}, None, "refused before the first eigendecomposition"),
    ("unknown-clusters", {"settings": {"clusters": "merge"}}, "clusters", "no such choice"),
    ("unknown-tie", {"settings": {"tie": "both"}}, "tie", "no such choice"),
    ("zero-steps", {"steps": 0}, "steps", "no step"),
)
# fmt: on


def _case(op: str, what: str, comment: str, inputs: dict[str, Any], quantity: str, rule: Behaviour) -> Case:
    return Case(
        id=f"elmo.{op}.L6.{what}",
        op=op,
        level="L6",
        group="behaviour",
        source="refopt: arguments in range; claims, section 4",
        comment=comment,
        flags=("BadInput",) if "error" in rule.allowed else ("Degenerate",),
        inputs=inputs,
        compute=None,
        rules={quantity: rule},
    )


def refusals() -> list[Case]:
    """Return the cases of refusals and of points where nothing may happen."""
    names = ("slope", "curvature", "lipschitz")
    step: dict[str, Any] = {
        "gradient": GRADIENT,
        "eigenvalues": MIXED,
        "eigenvectors": HADAMARD,
        "lipschitz": LIPSCHITZ,
        "settings": {},
    }
    part: dict[str, Any] = {
        "gradient": GRADIENT,
        "eigenvalues": [4.0, -2.0],
        "eigenvectors": columns(HADAMARD, (0, 3)),
        "lipschitz": [1.0, 0.25],
        "base": GD,
        "theta": [1.0, -2.0, 0.5, 0.25],
    }
    run: dict[str, Any] = {
        "problem": "log-cosh-rotated-2",
        "lipschitz": EXACT,
        "settings": {},
        "theta": [1.0, -0.5],
        "steps": 2,
    }
    least = run | {"theta": [0.0, 0.0]}
    still = part | {"gradient": [0.0] * 4, "eigenvalues": [4.0, 2.0]}
    out = [
        _case(
            "elmo_scalar", what, comment, dict(zip(names, triple, strict=True)), "step_size", _error(argument)
        )
        for what, *triple, argument, comment in SCALARS
    ]
    for op, base, rows, quantity in (
        ("elmo_step", step, STEPS, "displacement"),
        ("elmo_subspace_step", part, SUBSPACE, "theta_next"),
        ("elmo_run", run, RUNS, "thetas"),
    ):
        out += [
            _case(op, what, comment, base | changes, quantity, _error(argument))
            for what, changes, argument, comment in rows
        ]
    still_comment = "g = 0 and both eigenvalues positive: nothing moves"
    least_comment = "g = 0 at the minimiser: nothing moves"
    return [
        *out,
        _case("elmo_subspace_step", "at-rest", still_comment, still, "theta_next", Behaviour(("unchanged",))),
        _case("elmo_run", "at-the-minimiser", least_comment, least, "thetas", Behaviour(("finite",))),
    ]


def _error(argument: str | None) -> Behaviour:
    return Behaviour(("error",), argument)
