"""Settings, gradients and probes that Sophia and its diagonals must refuse (L6)."""

from typing import Any

from oracles.case import Behaviour, Case
from oracles.sophia_method import SETTINGS
from oracles.sophia_steps import GRADIENT, STATE, THETA

NAN, INF = float("nan"), float("inf")
# fmt: off
# (what, changed setting, its value, comment)
SETTINGS_REFUSED: tuple[tuple[str, str, Any, str], ...] = (
    ("negative-rate", "learning_rate", -0.1, "a negative rate climbs"),
    ("nan-rate", "learning_rate", NAN, "a rate that is no number"),
    ("beta1-one", "beta1", 1.0, "an average that never takes a gradient in"),
    ("beta2-one", "beta2", 1.0, "an average that never takes an estimate in"),
    ("negative-beta2", "beta2", -0.5, "beta2 below 0"),
    ("zero-rho", "rho", 0.0, "rho h = 0: every step is a sign step"),
    ("negative-rho", "rho", -0.04, "rho h changes its sign"),
    ("negative-epsilon", "epsilon", -1e-12, "a limit that may be 0 or negative"),
    ("zero-period", "refresh_every", 0, "t mod 0"),
    ("negative-decay", "weight_decay", -0.1, "decay that grows the weights"),
)
# fmt: on


def _case(op: str, what: str, comment: str, argument: str | None, inputs: dict[str, Any]) -> Case:
    return Case(
        id=f"sophia.{op}.L6.{what}",
        op=op,
        level="L6",
        group="refusals",
        source="refopt: arguments in range; NaN never travels on",
        comment=comment,
        flags=("BadInput",),
        inputs=inputs,
        compute=None,
        rules={"diagonal" if op == "hessian_diagonal" else "theta_next": Behaviour(("error",), argument)},
    )


def _step(settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    common = {"settings": {**SETTINGS, **settings}, "theta": THETA, "gradient": GRADIENT, "state": STATE}
    return {**common, "diagonal": None, **changes}


def cases() -> list[Case]:
    """Return the cases of refusals."""
    steps = [
        _case("sophia_step", what, comment, name, _step({name: value}))
        for what, name, value, comment in SETTINGS_REFUSED
    ]
    nan = [NAN, *GRADIENT[1:]]
    point = {"problem": "rosenbrock-2", "theta": [0.5, -0.25], "estimator": "hutchinson"}
    return [
        *steps,
        _case("sophia_step", "nan-gradient", "a NaN poisons m", "gradient", _step({}, gradient=nan)),
        _case(
            "hessian_diagonal", "no-probes", "Hutchinson without a probe", "probes",
            {**point, "probes": None},
        ),
        _case(
            "hessian_diagonal", "short-probe", "a probe for another number of parameters", "probes",
            {**point, "probes": [[1.0]]},
        ),
        _case(
            "hessian_diagonal", "nan-probe", "a probe that is no number", "probes",
            {**point, "probes": [[1.0, NAN]]},
        ),
        _case(
            "hessian_diagonal", "unknown-estimator", "a word that names no estimator", "estimator",
            {**point, "estimator": "diagonal", "probes": None},
        ),
    ]  # fmt: skip
