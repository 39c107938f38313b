"""Settings and inputs that FOSI must refuse, and the degenerate ones it must survive (L6)."""

from typing import Any

from oracles import fosi_bases
from oracles.case import Behaviour, Case
from oracles.first_order_settings import first_state, settings_of
from oracles.fosi_runs import SETTINGS
from oracles.fosi_step_cases import GRADIENT, THETA, hadamard

GD: dict[str, Any] = {"optimizer": "gradient_descent", "settings": settings_of("gradient_descent")}
START = [1.0, 0.5, -0.25, 0.75]
# fmt: off
# (what, changed settings, the base, argument that the error must name, comment)
SETTINGS_REFUSED: tuple[tuple[str, dict[str, Any], dict[str, Any], str, str], ...] = (
    ("too-many-pairs", {"largest": 3, "smallest": 2}, GD, "largest", "k + l = 5 of n = 4"),
    ("negative-largest", {"largest": -1}, GD, "largest", "k below 0"),
    ("negative-alpha", {"alpha": -0.5}, GD, "alpha", "the Newton part would climb"),
    ("zero-alpha", {"alpha": 0.0}, GD, "alpha", "the Newton part would stand still"),
    ("zero-period", {"refresh_every": 0}, GD, "refresh_every", "T = 0: modulo 0"),
    ("negative-warmup", {"warmup": -1}, GD, "warmup", "W below 0"),
    ("unknown-momentum", {"newton_momentum": "polyak"}, GD, "newton_momentum", "no such filter"),
    ("missing-decay", {"newton_momentum": "ema"}, GD, "newton_decay",
     "a base without momentum to take the decay from"),
    ("decay-one", {"newton_momentum": "ema", "newton_decay": 1.0}, GD, "newton_decay",
     "an average that never learns"),
    ("unknown-scaling", {"scaling": "largest"}, GD, "scaling", "no such scaling"),
    ("clip-below-one", {"max_scaling": 0.5}, GD, "max_scaling", "[1, c] is empty"),
    ("negative-epsilon", {"epsilon": -1e-3}, GD, "epsilon", "a floor below 0 floors nothing"),
    ("few-steps", {"largest": 2, "steps": 1}, GD, "steps", "one Lanczos step cannot give two pairs"),
    ("unknown-multiplicity", {"multiplicity": "all"}, GD, "multiplicity", "no such choice"),
    ("weight-decay", {}, {"optimizer": "adamw", "settings": settings_of("adamw")}, "base",
     "decay inside the base step is projected out in span V (claim K16): it belongs in the loss"),
    ("sophia-weight-decay", {},
     {"optimizer": "sophia", "settings": fosi_bases.settings_of("sophia", "float64", weight_decay=0.0625)},
     "base", "the same of Sophia, which decays beside its clip"),
    ("base-rate", {}, {"optimizer": "gradient_descent", "settings": {"learning_rate": -0.1}}, "learning_rate",
     "the base's own settings are checked too"),
)
# fmt: on


def _case(op: str, what: str, comment: str, inputs: dict[str, Any], quantity: str, rule: Behaviour) -> Case:
    return Case(
        id=f"fosi.{op}.L6.{what}",
        op=op,
        level="L6",
        group="behaviour",
        source="refopt: arguments in range; claims K4-K7, K14, K16",
        comment=comment,
        flags=("BadInput",) if "error" in rule.allowed else ("Degenerate",),
        inputs=inputs,
        compute=None,
        rules={quantity: rule},
    )


def _run(settings: dict[str, Any], base: dict[str, Any] = GD, **changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "problem": "logistic-7x4",
        "settings": {**SETTINGS, **settings},
        "base": base,
        "theta": THETA,
        "lanczos_start": START,
        "steps": 3,
    }
    return common | changes


def _step(gradient: list[float], **changes: Any) -> dict[str, Any]:
    settings = {name: SETTINGS[name] for name in ("alpha", "newton_momentum", "newton_decay", "scaling")}
    settings |= {name: SETTINGS[name] for name in ("max_scaling", "max_residual", "epsilon")}
    state = {"iteration": 0, "newton_velocity": [0.0] * 4, "base": first_state("gradient_descent", 4)}
    common: dict[str, Any] = {
        "settings": {"largest": 2, "smallest": 0, **settings},
        "base": GD,
        "theta": THETA,
        "gradient": gradient,
        "spectrum": hadamard([8.0, 5.0], 2),
        "state": state,
    }
    return common | changes


def _inputs() -> list[Case]:
    infinite, nan = [*GRADIENT[:3], float("inf")], [float("nan"), *GRADIENT[1:]]
    flat = _run({"largest": 2}, problem="quadratic-zero-4")
    rank = _run(
        {"largest": 5}, problem="quadratic-singular-20", theta=[1.0] * 20, lanczos_start=[1.0, -0.5] * 10
    )
    copies = _run(
        {"largest": 3}, problem="quadratic-identity-6", theta=[1.0] * 6, lanczos_start=[1.0, -0.5] * 3
    )
    zero_start = _run({}, lanczos_start=[0.0] * 4)
    other = _run({}, curvature_problem="softmax-8x3x3")
    sophia = {"optimizer": "sophia", "settings": fosi_bases.settings_of("sophia", "float64")}
    start = {"iteration": 0, "newton_velocity": [0.0] * 4, "base": fosi_bases.first_state("sophia", 4)}
    without = _step(GRADIENT, base=sophia, state=start)
    nan_theta = _run({}, theta=[float("nan"), *THETA[1:]])
    # fmt: off
    rows: tuple[tuple[str, str, dict[str, Any], str, str | None, str], ...] = (
        ("fosi_step", "nan-gradient", _step(nan), "error", None, "NaN in one component would reach all of V"),
        ("fosi_step", "infinite-gradient", _step(infinite), "error", None, "inf - inf in g - V V'g"),
        ("fosi_step", "zero-gradient", _step([0.0] * 4), "unchanged", None, "nothing to do"),
        ("fosi_step", "sophia-without-diagonal", without, "error", "diagonal",
         "t = 0 is an iteration in which Sophia takes an estimate in"),
        ("fosi_run", "other-curvature", other, "error", None, "an estimate of another number of parameters"),
        ("fosi_run", "nan-theta", nan_theta, "error", None, "refused before the first estimate"),
        ("fosi_run", "zero-start", zero_start, "error", "lanczos_start", "no Krylov space"),
        ("fosi_run", "no-curvature", flat, "finite", None,
         "H = 0: no 1/|lambda|; the last spectrum stays (claim K14)"),
        ("fosi_run", "rank-below-k", rank, "finite", None,
         "k = 5 of rank 3: zero eigenvalues among the pairs (claims K2, K7)"),
        ("fosi_run", "identity-restarts", copies, "finite", None,
         "one distinct eigenvalue, k = 3: Lanczos restarts twice"),
    )
    # fmt: on
    quantity = {"fosi_step": "theta_next", "fosi_run": "thetas"}
    return [
        _case(op, what, comment, inputs, quantity[op], Behaviour((allowed,), argument))
        for op, what, inputs, allowed, argument, comment in rows
    ]


def _kernels() -> list[Case]:
    period = {"lanczos_steps": 40, "overhead": 1.0}
    measured = {"base_latency": 1.0, "fosi_latency": 1.25, "ese_latency": 30.0, "overhead": 1.1}
    exact = {"base_latency": 1.0, "fosi_latency": 1.25, "ese_latency": 30.0, "overhead": 1.25}
    refused = Behaviour(("error",), "overhead")
    none = "rho tau_1 <= tau_2: no period keeps to rho (claim O1)"
    return [
        _case(
            "refresh_period", "no-overhead", "rho = 1 allows no estimate at all", period, "period", refused
        ),
        _case("refresh_period_measured", "no-spare-time", none, measured, "period", refused),
        _case(
            "refresh_period_measured",
            "spare-time-zero",
            "rho tau_1 = tau_2: no period either",
            exact,
            "period",
            refused,
        ),
    ]


def cases() -> list[Case]:
    """Return the cases of refusals and of degenerate inputs."""
    refused = [
        _case("fosi_run", what, comment, _run(settings, base), "thetas", Behaviour(("error",), argument))
        for what, settings, base, argument, comment in SETTINGS_REFUSED
    ]
    return [*refused, *_inputs(), *_kernels()]
