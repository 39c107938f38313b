"""Cases of the derivatives: value, gradient, Hessian product, derivatives along a line, for every problem.

Gradients and products are written by hand for each family (families, classifiers, network, quadratic). Each
answer is held against a second derivation that does not share a formula with it: the closed-form derivatives
along a line, and mpmath's numerical differentiation of the value alone.
"""

from collections.abc import Sequence
from typing import Any

from mpmath import mp

from oracles import problems
from oracles.bases import draws
from oracles.case import Behaviour, Case, Check, Close, Quantities
from oracles.precision import Number, add, dot, norm, numbers, round_float32

METHOD = "derivatives"
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

SMALL_QUADRATICS = (
    ("quadratic-figure1", ()),
    ("quadratic-offdiagonal-2", ()),
    ("quadratic-slow-newton-2", ()),
    ("quadratic-hidden-3", ()),
    ("quadratic-saddle-3", ("NegativeCurvature",)),
    ("quadratic-single-1", ()),
    ("quadratic-zero-4", ("Singular",)),
    ("quadratic-identity-6", ()),
    ("quadratic-indefinite-6", ("NegativeCurvature",)),
    ("quadratic-repeated-8", ()),
    ("quadratic-psd-ten", ()),
    ("quadratic-blocks-12", ()),
    ("quadratic-clustered-12", ()),
    ("quadratic-singular-20", ("Singular",)),
    ("quadratic-singular-rotated-20", ("Singular",)),
)
LARGE_QUADRATICS = (
    "quadratic-hundred",
    "quadratic-a4",
    "quadratic-paper-5-100",
    "quadratic-paper-200-100",
    "quadratic-b112-z30",
    "quadratic-b116-z90",
)


def nonlinear() -> list[str]:
    """Return the ids of the problems that are not quadratic and need no external data."""
    contents = {name: problems.read(name) for name in problems.names()}
    return [
        name
        for name, content in contents.items()
        if content["family"] != "quadratic" and "dataset" not in content.get("data", {})
    ]


def first_and_second(inputs: dict[str, Any]) -> Quantities:
    """Return value, gradient and Hessian product by the formulas written by hand, and their sizes."""
    problem, theta, vector = inputs["problem"], inputs["theta"], inputs["vector"]
    value, gradient = problem.value(theta), problem.gradient(theta)
    product, turned = problem.hvp(theta, vector), problem.hvp(theta, theta)
    curvature = norm(product) + natural(problem, 2) * norm(vector)
    return {
        "value": value,
        "gradient": gradient,
        "hvp": product,
        "_value": abs(value) + norm(gradient) * norm(theta) or mp.mpf(1),
        "_gradient": norm(gradient) + norm(turned) or mp.mpf(1),
        "_hvp": curvature or norm(vector),
    }


def natural(problem: problems.Problem, order: int) -> Number:
    """Return the size that derivatives of an order have before terms cancel or saturate.

    A quadratic has |H|. log cosh saturates: far out its second derivative a r^2 (1 - tanh^2) is far below a
    r^2, and whoever writes 1 - tanh^2 makes an error of a r^2 u, which is no fault of a derivative. Others:
    not needed, 0.
    """
    if problem.family == "quadratic":
        return problem.norm if order == 2 else mp.mpf(0)
    if problem.family != "log_cosh":
        return mp.mpf(0)
    data = problem.content["data"]
    pairs = zip(numbers(data["amplitudes"]), numbers(data["rates"]), strict=True)
    return max(abs(a * r**order) for a, r in pairs)


def line(inputs: dict[str, Any]) -> Quantities:
    """Return the derivatives of order 0 .. order along the direction."""
    problem, order = inputs["problem"], inputs["order"]
    return {"derivatives": problem.along(inputs["theta"], inputs["direction"], order)}


def _relative(a: Number, b: Number) -> Number:
    size = max(abs(a), abs(b))
    return abs(a - b) / size if size else size


def _slope_agrees(inputs: dict[str, Any], outputs: Quantities) -> Number:
    along = inputs["problem"].along(inputs["theta"], inputs["vector"], 2)
    size = norm(outputs["gradient"]) * norm(inputs["vector"]) or 1
    return (along[1] - dot(outputs["gradient"], inputs["vector"])) / size


def _curvature_agrees(inputs: dict[str, Any], outputs: Quantities) -> Number:
    along = inputs["problem"].along(inputs["theta"], inputs["vector"], 2)
    size = norm(outputs["hvp"]) * norm(inputs["vector"]) or 1
    return (along[2] - dot(outputs["hvp"], inputs["vector"])) / size


def _product_is_difference(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Central difference of the gradient with step 10^-20: an error of 10^-40 next to 10^-30 of rounding."""
    problem, theta, vector = inputs["problem"], inputs["theta"], inputs["vector"]
    step = mp.mpf(10) ** -20
    ahead, behind = (problem.gradient(add(theta, vector, sign * step)) for sign in (1, -1))
    difference = [(a - b) / (2 * step) for a, b in zip(ahead, behind, strict=True)]
    return norm(add(difference, outputs["hvp"], -1)) / (norm(outputs["hvp"]) or 1)


def _line_is_taylor(inputs: dict[str, Any], outputs: Quantities) -> Number:
    problem, theta, direction = inputs["problem"], inputs["theta"], inputs["direction"]
    orders = range(inputs["order"] + 1)
    numeric = [mp.diff(lambda t: problem.value(add(theta, direction, t)), 0, k) for k in orders]
    largest = max(abs(x) for x in numeric)
    gaps = (abs(a - b) for a, b in zip(numeric, outputs["derivatives"], strict=True))
    return max(gaps) / largest


SLOPE = Check("derivative along the vector against the gradient", _slope_agrees)
CURVATURE = Check("second derivative along the vector against the product", _curvature_agrees)
DIFFERENCE = Check("central difference of the gradient with step 1e-20", _product_is_difference)
TAYLOR = Check("numerical differentiation of the value (mp.diff)", _line_is_taylor)


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
    for name in LARGE_QUADRATICS:
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


def _sizes(inputs: dict[str, Any], outputs: Quantities) -> list[Number]:
    """Size of each derivative along a line: its own, or that of the largest for one that nearly vanishes."""
    problem, length = inputs["problem"], norm(inputs["direction"])
    sizes = [abs(x) + natural(problem, k) * length**k for k, x in enumerate(outputs["derivatives"])]
    return [x if x > mp.mpf(10) ** -8 * max(sizes) else max(sizes) for x in sizes]


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
                scale=_sizes,
                terms=problem.n,
                axis="step",
                why="size of each derivative, one a row; sums of n terms",
            )
        },
        samples=64,
        checks=() if start == "kink" else (TAYLOR,),
    )


def _refused(what: str, comment: str, argument: str, op: str = "derivatives", **inputs: Any) -> Case:
    return Case(
        id=f"derivatives.{op}.L6.{what}",
        op=op,
        level="L6",
        group="refused",
        source="design, section 7: bad input is refused with a sentence that names the argument",
        comment=comment,
        flags=("BadInput",),
        inputs={"problem": "rosenbrock-2", "theta": [1.0, 2.0], **inputs},
        compute=None,
        rules={"behaviour": Behaviour(("error",), argument)},
    )


def _bad_inputs() -> list[Case]:
    nan, inf = float("nan"), float("inf")
    return [
        _refused("theta-nan", "NaN in theta", "theta", theta=[nan, 1.0], vector=[1.0, 0.0]),
        _refused("theta-inf", "infinity in theta", "theta", theta=[1.0, inf], vector=[1.0, 0.0]),
        _refused("theta-short", "one parameter too few", "theta", theta=[1.0], vector=[1.0]),
        _refused("vector-nan", "NaN in the vector", "vector", vector=[1.0, nan]),
        _refused("vector-long", "vector longer than theta", "vector", vector=[1.0, 0.0, 0.0]),
        _refused(
            "direction-nan", "NaN in the direction", "direction", "along", direction=[nan, 0.0], order=2
        ),
        _refused("order-negative", "order -1", "order", "along", direction=[1.0, 0.0], order=-1),
    ]


def cases() -> list[Case]:
    """Return the cases of the derivatives."""
    return [*_quadratics(), *_nonlinear(), *_float32(), *_lines(), *_bad_inputs()]
