"""Settings, points and models that grouped Newton must refuse (L6), and what it must survive."""

from typing import Any

from oracles.case import Behaviour, Case
from oracles.grouped_method import SETTINGS
from oracles.problems import load
from oracles.summary_groups import canonical, discrete, weights_biases

NAN, INF = float("nan"), float("inf")
THETA = [0.5, -0.25, 1.0, -0.75]
SCHEDULE = {"every": 5, "patience": 2, "factor": 0.5}
# fmt: off
# (what, changed settings, argument that the error must name, comment)
SETTINGS_REFUSED: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("zero-rate", {"learning_rate": 0.0}, "learning_rate", "lambda_1 = 0 goes nowhere"),
    ("nan-rate", {"learning_rate": NAN}, "learning_rate", "NaN is not below 0 and not above 0"),
    ("negative-damping", {"internal_damping": -1.0}, "internal_damping",
     "a negative cubic term makes every model unbounded"),
    ("infinite-damping", {"internal_damping": INF}, "internal_damping", "0 inf = NaN where D = 0"),
    ("momentum-one", {"momentum": 1.0}, "momentum", "an average that never learns"),
    ("negative-momentum", {"momentum": -0.5}, "momentum", "mu_g below 0"),
    ("rate-momentum-one", {"rate_momentum": 1.0}, "rate_momentum", "the first rates for ever"),
    ("zero-period", {"refresh_every": 0}, "refresh_every", "tau = 0: modulo 0"),
    ("plateau-zero-every", {"plateau": {**SCHEDULE, "every": 0}}, "every", "tau_sch = 0"),
    ("plateau-negative-patience", {"plateau": {**SCHEDULE, "patience": -1}}, "patience", "patience below 0"),
    ("plateau-factor-one", {"plateau": {**SCHEDULE, "factor": 1.0}}, "factor", "reduces nothing"),
)
# fmt: on


def _case(op: str, what: str, comment: str, inputs: dict[str, Any], rule: Behaviour, flag: str) -> Case:
    return Case(
        id=f"grouped_newton.{op}.L6.{what}",
        op=op,
        level="L6",
        group="behaviour",
        source="refopt: arguments in range; claims B1, B4, D3, D10, F1",
        comment=comment,
        flags=(flag,),
        inputs=inputs,
        compute=None,
        rules={"theta_next" if op == "grouped_newton_step" else "thetas": rule},
    )


def _inputs(settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "problem": "logistic-7x4",
        "settings": {**SETTINGS, **settings},
        "groups": [0, 1, 0, 1],
        "theta": THETA,
    }
    return common | changes


def _points() -> list[Case]:
    relu = load("relu-network-17")
    eq8 = {"internal_damping": 0.0}
    product = {"problem": "polynomial-product-2", "groups": discrete(2), "theta": [0.25, 0.25]}
    saddle = {"problem": "quadratic-saddle-3", "groups": discrete(3), "theta": [1.0, 1.0, 1.0]}
    linear = {"problem": "polynomial-linear-3", "groups": [0, 0, 1], "theta": [1.0, -0.5, 2.0]}
    hills = {"problem": relu.id, "groups": canonical(relu), "theta": relu.start()}
    smooth = {"problem": relu.id, "groups": weights_biases(relu), "theta": relu.start()}
    least = {"problem": "rosenbrock-2", "groups": discrete(2), "theta": [1.0, 1.0]}
    flat = {"problem": "quadratic-zero-4", "groups": [0, 0, 1, 1], "theta": [1.0] * 4}
    error = ("error",)
    # fmt: off
    rows: tuple[tuple[str, dict[str, Any], tuple[str, ...], str | None, str, str], ...] = (
        ("nan-theta", _inputs({}, theta=[NAN, *THETA[1:]]), error, None, "BadInput", "NaN in theta"),
        ("infinite-theta", _inputs({}, theta=[*THETA[:3], INF]), error, None, "BadInput",
         "infinity in theta"),
        ("groups-short", _inputs({}, groups=[0, 1, 0]), error, "groups", "BadInput",
         "a parameter without a group"),
        ("group-empty", _inputs({}, groups=[0, 2, 0, 2]), error, "groups", "BadInput",
         "label 1 does not occur"),
        ("other-curvature", _inputs({}, curvature_problem="softmax-8x3x3"), error, None, "BadInput",
         "the curvature of a problem with another number of parameters"),
        ("unbounded-product", _inputs({"internal_damping": 100.0}, **product), error, None, "Unbounded",
         "H_bar is indefinite and D = 0: unbounded for every lambda_int; the stationary point of "
         "eq. 10 climbs from 225/512"),
        ("unbounded-eq8", _inputs(eq8, **product), error, None, "Unbounded", "the same without a cubic term"),
        ("unbounded-saddle", _inputs({}, **saddle), error, None, "Unbounded",
         "Newton's step to a saddle is no minimum of its model (claim B1)"),
        ("unbounded-linear", _inputs({}, **linear), error, None, "Unbounded",
         "f is linear in z, alone in its group: H_bar and D vanish there and g_bar does not"),
        ("unbounded-flat", _inputs({}, **flat), error, None, "Unbounded", "H = 0: linear in both groups"),
        ("unbounded-relu", _inputs({"internal_damping": 10.0}, **hills), error, None, "Unbounded",
         "ReLU: D = 0 for every tensor (claim D10), H_bar indefinite"),
        ("relu-two-groups", _inputs({}, **smooth), ("finite",), None, "Degenerate",
         "the same point with all weights together: D is not 0, the model has a minimum"),
        ("at-the-minimiser", _inputs({}, **least), ("unchanged",), None, "Degenerate",
         "g = 0: no group is left, nothing moves"),
    )
    # fmt: on
    return [
        _case("grouped_newton_step", what, comment, inputs, Behaviour(allowed, argument), flag)
        for what, inputs, allowed, argument, flag, comment in rows
    ]


def refusals() -> list[Case]:
    """Return the cases of refusals and of degenerate points."""
    refused = [
        _case(
            "grouped_newton_run", what, comment, _inputs(settings) | {"steps": 3},
            Behaviour(("error",), argument), "BadInput",
        )
        for what, settings, argument, comment in SETTINGS_REFUSED
    ]  # fmt: skip
    negative = _case(
        "grouped_newton_run", "negative-steps", "steps = -1", _inputs({}) | {"steps": -1},
        Behaviour(("error",), "steps"), "BadInput",
    )  # fmt: skip
    return [*refused, negative, *_points()]
