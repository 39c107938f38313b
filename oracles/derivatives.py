"""Cases of the derivatives: value, gradient, Hessian product, derivatives along a line, for every problem.

Gradients and products are written by hand for each family (families, classifiers, network, transformer,
quadratic). Each
answer is held against a second derivation that does not share a formula with it: the closed-form derivatives
along a line, and mpmath's numerical differentiation of the value alone.
"""

from collections.abc import Sequence
from typing import Any

from oracles import problems
from oracles.bases import draws
from oracles.case import Case, Close
from oracles.derivative_refusals import refusals
from oracles.derivative_values import (
    CURVATURE,
    DIFFERENCE,
    SLOPE,
    TAYLOR,
    first_and_second,
    line,
    sizes_along,
)
from oracles.precision import round_float32

METHOD = "derivatives"
SOURCES = (
    *("derivative_refusals", "derivative_values", "families", "classifiers", "network", "transformer"),
    *("series", "quadratic", "bases"),
)
FLAGS = {
    "Float32": "parameters in float32: data, parameters and results keep that dtype",
    "NegativeCurvature": "the Hessian has a negative eigenvalue at this point",
    "Singular": "the Hessian has eigenvalues that are exactly 0",
    "Large": "n = 1500: the Hessian must not be needed as a dense matrix",
    "ThirdDerivative": "third and fourth derivatives, without 1/k!",
    "Kink": "the second derivative is Lipschitz but not differentiable everywhere",
    "BadInput": "an input that no method may accept in silence",
}
SOURCE = "problems/README.md, family {}"

# fmt: off
SMALL_QUADRATICS = (
    ("quadratic-figure1", ()), ("quadratic-offdiagonal-2", ()),
    ("quadratic-slow-newton-2", ()), ("quadratic-hidden-3", ()),
    ("quadratic-saddle-3", ("NegativeCurvature",)), ("quadratic-single-1", ()),
    ("quadratic-zero-4", ("Singular",)), ("quadratic-identity-6", ()),
    ("quadratic-indefinite-6", ("NegativeCurvature",)), ("quadratic-repeated-8", ()),
    ("quadratic-psd-ten", ()), ("quadratic-blocks-12", ()),
    ("quadratic-two-blocks-4", ()), ("quadratic-spread-4", ()),
    ("quadratic-refined-3", ()), ("quadratic-coupled-2", ()),
    ("quadratic-clustered-12", ()), ("quadratic-tied-8", ()), ("quadratic-singular-20", ("Singular",)),
    ("quadratic-singular-rotated-20", ("Singular",)),
)
# fmt: on


def large_quadratics() -> list[str]:
    """Return the ids of the quadratics with 100 parameters."""
    contents = {name: problems.read(name) for name in problems.names()}
    return [
        name for name, content in contents.items() if content["family"] == "quadratic" and content["n"] == 100
    ]


def nonlinear() -> list[str]:
    """Return the ids of the problems that are not quadratic and need no external data."""
    contents = {name: problems.read(name) for name in problems.names()}
    return [
        name
        for name, content in contents.items()
        if content["family"] != "quadratic" and not {"dataset", "text"} & content.get("data", {}).keys()
    ]


def _rules(terms: int) -> dict[str, Any]:
    return {
        "value": Close(scale="_value", terms=terms, why="|f| + |g| |theta|; sums of n terms"),
        "gradient": Close(scale="_gradient", terms=terms, why="|g| + |H theta|; sums of n terms"),
        "hvp": Close(
            scale="_hvp", terms=terms, why="|H v| plus |H| |v| where terms can cancel; sums of n terms"
        ),
    }


def _point(
    name: str,
    group: str,
    theta: Sequence[float],
    vector: Sequence[float],
    *,
    what: str,
    comment: str,
    flags: tuple[str, ...] = (),
    dtype: str = "float64",
    samples: int = 64,
    terms: int | None = None,
) -> Case:
    content = problems.read(name)
    quadratic = content["family"] == "quadratic"
    return Case(
        id=f"derivatives.derivatives.L1.{what}",
        op="derivatives",
        level="L1",
        group=group,
        source=SOURCE.format(content["family"]),
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs={"problem": name, "theta": list(theta), "vector": list(vector)},
        compute=first_and_second,
        rules=_rules(terms or len(theta)),
        samples=samples,
        checks=(SLOPE, CURVATURE) if quadratic else (SLOPE, CURVATURE, DIFFERENCE),
    )


def _quadratics() -> list[Case]:
    out = []
    for name, flags in SMALL_QUADRATICS:
        problem = problems.load(name)
        for start in problem.content["starts"]:
            suffix = "" if start == "default" else f"-{start}"
            out.append(
                _point(
                    name,
                    "quadratics",
                    problem.start(start),
                    draws(101, problem.n),
                    what=f"{name.removeprefix('quadratic-')}{suffix}",
                    comment=problem.content["title"],
                    flags=flags,
                )
            )
    for name in large_quadratics():
        problem = problems.load(name)
        what = name.removeprefix("quadratic-")
        start, vector = problem.start(), draws(102, problem.n)
        title = problem.content["title"]
        out.append(_point(name, "paper", start, vector, what=what, comment=title, samples=8))
    return [*out, _large()]


def _large() -> Case:
    name = "quadratic-paper-200-1500"
    problem = problems.load(name)
    return _point(
        name,
        "large",
        problem.start(),
        draws(103, problem.n),
        what="paper-200-1500",
        comment=problem.content["title"],
        flags=("Large",),
        samples=8,
    )


def _nonlinear() -> list[Case]:
    out = []
    for name in nonlinear():
        problem = problems.load(name)
        for start in problem.content["starts"]:
            out.append(
                _point(
                    name,
                    "nonlinear",
                    problem.start(start),
                    draws(104, problem.n),
                    what=name if start == "default" else f"{name}-{start}",
                    comment=f"{problem.content['title']}; start {start}",
                    flags=_flags(problem, start),
                )
            )
    return out


def _flags(problem: problems.Problem, start: str) -> tuple[str, ...]:
    negative = problem.content.get("facts", {}).get("negative_curvature", ())
    flags = ("NegativeCurvature",) if start in negative else ()
    kinked = problem.family == "matched_cubic" or problem.content.get("data", {}).get("activation") == "relu"
    return (*flags, "Kink") if kinked else flags


FLOAT32 = (
    "rosenbrock-5",
    "log-cosh-rotated-6",
    "logistic-7x4",
    "softmax-8x3x3",
    "tanh-network-18",
    "transformer-156",
    "quadratic-indefinite-6",
)


def _float32() -> list[Case]:
    out = []
    for name in FLOAT32:
        problem = problems.load(name)
        out.append(
            _point(
                name,
                "float32",
                [round_float32(x) for x in problem.start()],
                [round_float32(x) for x in draws(105, problem.n)],
                what=f"{name.removeprefix('quadratic-')}-float32",
                comment=f"{problem.content['title']}; float32",
                flags=("Float32",),
                dtype="float32",
            )
        )
    return out


def _lines() -> list[Case]:
    out = []
    for name in [*nonlinear(), "quadratic-indefinite-6"]:
        problem = problems.load(name)
        for start in problem.content["starts"]:
            # At a kink the third derivative jumps, so that it has no value to compare.
            order = 2 if start == "kink" else 4 if start == "default" else 3
            out.append(_line(problem, start, order))
    return out


def _line(problem: problems.Problem, start: str, order: int) -> Case:
    what = problem.id.removeprefix("quadratic-") + ("" if start == "default" else f"-{start}")
    return Case(
        id=f"derivatives.along.L1.{what}",
        op="along",
        level="L1",
        source=SOURCE.format(problem.family),
        comment=f"derivatives of order 0 to {order} along a line; {problem.content['title']}",
        flags=(*(("ThirdDerivative",) if order > 2 else ()), *_flags(problem, start)),
        inputs={
            "problem": problem.id,
            "theta": problem.start(start),
            "direction": draws(106, problem.n),
            "order": order,
        },
        compute=line,
        rules={
            "derivatives": Close(
                scale=sizes_along,
                terms=problem.n,
                axis="step",
                why="size of each derivative, one a row; sums of n terms",
            )
        },
        samples=64,
        checks=() if start == "kink" else (TAYLOR,),
    )


def cases() -> list[Case]:
    """Return the cases of the derivatives."""
    return [*_quadratics(), *_nonlinear(), *_float32(), *_lines(), *refusals()]
