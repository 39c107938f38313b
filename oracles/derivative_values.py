"""Values, gradients, products and derivatives along a line, their sizes, and second derivations of each."""

from typing import Any

from mpmath import mp

from oracles import problems
from oracles.case import Check, Quantities
from oracles.precision import Number, add, dot, norm, numbers


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


def sizes_along(inputs: dict[str, Any], outputs: Quantities) -> list[Number]:
    """Size of each derivative along a line: its own, or that of the largest for one that nearly vanishes."""
    problem, length = inputs["problem"], norm(inputs["direction"])
    sizes = [abs(x) + natural(problem, k) * length**k for k, x in enumerate(outputs["derivatives"])]
    return [x if x > mp.mpf(10) ** -8 * max(sizes) else max(sizes) for x in sizes]
