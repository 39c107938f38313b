"""Settings, constants and partitions that AMOS must refuse (L6)."""

from typing import Any

from oracles.amos_averages import SETTINGS as AVERAGING
from oracles.amos_method import SETTINGS
from oracles.amos_selection import SETTINGS as SELECTION
from oracles.case import Behaviour, Case

NAN, INF = float("nan"), float("inf")
TARGET = {"lipschitz_averages": "lipschitz", "amos_selection": "to_first", "amos_run": "thetas"}
# fmt: off
# (what, changed settings, argument that the error must name, comment)
AVERAGES: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("momentum-one", {"momentum": 1.0}, "momentum", "an average that never takes a slope in"),
    ("negative-momentum", {"momentum": -0.25}, "momentum", "momentum below 0"),
    ("negative-epsilon", {"epsilon": -1e-12}, "epsilon", "a denominator that may vanish"),
    ("unknown-average", {"average": "unbiased"}, "average", "a word that names no average"),
    ("unknown-denominator", {"denominator": "max"}, "denominator", "a word that names no motion"),
)
SELECTIONS: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("zero-threshold", {"threshold": 0.0}, "threshold", "at 0 every L > 0 goes to the first, noise too"),
    ("negative-threshold", {"threshold": -1.0}, "threshold", "every L is above it"),
    ("nan-threshold", {"threshold": NAN}, "threshold", "no L is above it"),
    ("unknown-threshold", {"threshold": "ascent"}, "threshold", "a word that names no rule"),
    ("damping-two", {"threshold": "newton-ascent", "damping": 2.0}, "damping",
     "twice Newton's step never descends"),
    ("unknown-aggregate", {"aggregate": "median", "granularity": "tensor"}, "aggregate",
     "a word that names no aggregate"),
)
RUNS: tuple[tuple[str, dict[str, Any], str, str], ...] = (
    ("momentum-one", {"momentum": 1.0}, "momentum", "alpha_L = 1"),
    ("zero-threshold", {"threshold": 0.0}, "threshold", "threshold 0"),
    ("no-hessian", {"hessian_at": []}, "hessian_at", "no Hessian time at all"),
    ("zero-period", {"hessian_at": 0}, "hessian_at", "t mod 0"),
    ("negative-time", {"hessian_at": [-1, 2]}, "hessian_at", "a time before the start"),
    ("unknown-granularity", {"granularity": "layer"}, "granularity", "a word that names no granularity"),
    ("unknown-idle", {"idle": "reset"}, "idle", "a word that names no way to rest"),
    ("unknown-unknown", {"unknown": "third"}, "unknown", "there is no third optimizer"),
)
# fmt: on


def _case(op: str, what: str, comment: str, argument: str | None, inputs: dict[str, Any]) -> Case:
    return Case(
        id=f"amos.{op}.L6.{what}",
        op=op,
        level="L6",
        group="refusals",
        source="refopt: arguments in range; claims section 5",
        comment=comment,
        flags=("BadInput",),
        inputs=inputs,
        compute=None,
        rules={TARGET[op]: Behaviour(("error",), argument)},
    )


def _averages(settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    common = {"curvatures": [[1.0, 2.0], [1.5, 1.0]], "points": [[0.0, 1.0], [0.5, 0.5]]}
    return {**common, "settings": {**AVERAGING, **settings}, **changes}


def _selection(settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    common = {"slopes": [1.0, 0.5], "curvatures": [1.0, 2.0], "lipschitz": [0.5, 4.0]}
    groups = {"groups": [0, 1]} if settings.get("granularity") == "tensor" else {}
    return {**common, "settings": {**SELECTION, **settings}, **groups, **changes}


def _run(settings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    common: dict[str, Any] = {
        "problem": "log-cosh-saddle-2",
        "settings": {**SETTINGS, **settings},
        "first": {"optimizer": "gradient_descent", "settings": {"learning_rate": 0.25}},
        "second": {"optimizer": "newton", "settings": {"alpha": 1.0}},
        "theta": [1.0, 0.5],
        "steps": 3,
    }
    return common | changes


def cases() -> list[Case]:
    """Return the cases of refusals."""
    rows: list[tuple[str, str, str, str | None, dict[str, Any]]] = [
        *(("lipschitz_averages", w, c, a, _averages(s)) for w, s, a, c in AVERAGES),
        *(("amos_selection", w, c, a, _selection(s)) for w, s, a, c in SELECTIONS),
        *(("amos_run", w, c, a, _run(s)) for w, s, a, c in RUNS),
    ]
    tensor = {"granularity": "tensor"}
    bad = {"optimizer": "gradient_descent", "settings": {"learning_rate": -0.25}}
    # fmt: off
    rows += [
        ("lipschitz_averages", "other-points", "points of another number of indices", "points",
         _averages({}, points=[[0.0], [0.5]])),
        ("amos_selection", "negative-lipschitz", "a Lipschitz constant below 0", "lipschitz",
         _selection({}, lipschitz=[0.5, -1.0])),
        ("amos_selection", "nan-lipschitz", "NaN is not above the threshold and must not go to the second",
         "lipschitz", _selection({}, lipschitz=[NAN, 1.0])),
        ("amos_selection", "negative-slope", "a slope is an absolute value", "slopes",
         _selection({}, slopes=[-1.0, 1.0])),
        ("amos_selection", "no-groups", "tensors without a partition", "groups",
         {k: v for k, v in _selection(tensor).items() if k != "groups"}),
        ("amos_selection", "short-groups", "a parameter without a tensor", "groups",
         _selection(tensor, groups=[0])),
        ("amos_run", "no-groups", "tensors without a partition", "groups", _run(tensor)),
        ("amos_run", "short-groups", "a parameter without a tensor", "groups", _run(tensor, groups=[0])),
        ("amos_run", "nan-theta", "NaN in theta", None, _run({}, theta=[NAN, 0.5])),
        ("amos_run", "bad-first", "a setting of the first optimizer", "learning_rate", _run({}, first=bad)),
        ("amos_run", "negative-steps", "steps = -1", "steps", _run({}, steps=-1)),
    ]
    # fmt: on
    return [_case(*row) for row in rows]
