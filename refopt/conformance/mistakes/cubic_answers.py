"""Wrong answers to right cubic models: no minimum, the hard case, what is said of a minimum."""

import numpy as np

from refopt.conformance.mistakes.base import mistake
from refopt.cubic import cubic_minimizer, cubic_value

CUBIC = ("cubic_minimizer", "grouped_newton_step")
SOLVE = ("cubic_minimizer",)


def _answered(eta):
    """What stands for the solution of a model without a minimum: a function of H and g."""

    def without_minimum(self, found, H, g):
        if found.minimizer is not None:
            return found
        return found._replace(
            minimizer=eta(H, g).astype(g.dtype), status="unique", dimension=0, value=0.0, radius=0.0
        )

    return without_minimum


def _of_two(found):
    return "unique" if found.status == "two" else found.status


def _resting(self, H, g, lam, d):
    found = super(type(self), self).solved(H, g, lam, d)
    if np.any(g) or found.minimizer is None or found.status in ("unique", "subspace"):
        return found
    return found._replace(minimizer=0 * g, status="unique", dimension=0, value=0.0, radius=0.0)


def _hard_case(length, alone=False):
    """The hard case with another length of the part in the eigenspace: length(r, |p|), p being the rest."""

    def solved(self, H, g, lam, d):
        found = super(type(self), self).solved(H, g, lam, d)
        if found.status not in ("two", "sphere") or not np.all(d > 0):
            return found
        whole = d * found.minimizer
        values, Q = np.linalg.eigh((H / np.outer(d, d)).astype(np.float64))
        space = Q[:, values <= values[0] + 1e-9 * np.max(np.abs(values))]
        part = space @ (space.T @ whole)
        rest, size = whole - part, np.linalg.norm(part)
        changed = rest + part / (size or 1.0) * length(found.radius, np.linalg.norm(rest))
        eta, radius = changed / d, float(np.linalg.norm(changed))
        value = cubic_value(H, g, lam, eta.astype(g.dtype), d)
        found = found._replace(minimizer=eta.astype(g.dtype), value=value, radius=radius)
        return found._replace(status="unique", dimension=0) if alone else found

    return solved


def _inverted(self, H, g, lam, d):
    found = super(type(self), self).solved(H, g, lam, d)
    if found.status not in ("two", "sphere") or not np.all(d > 0):
        return found
    values, Q = np.linalg.eigh((H / np.outer(d, d)).astype(np.float64))
    rest = values > values[0] + 1e-9 * np.max(np.abs(values))
    part = cubic_minimizer(np.diag(values[rest]), Q[:, rest].T @ (g / d), lam)
    eta = ((Q[:, rest] @ part.minimizer) / d).astype(g.dtype)
    return part._replace(minimizer=eta, status="unique", dimension=0)


CUBIC_ANSWER_MISTAKES = (
    mistake(
        "cubic-unbounded-is-zero",
        "A model without a minimum is answered by eta = 0.",
        "selection",
        CUBIC,
        without_minimum=_answered(lambda H, g: np.zeros_like(g)),
    ),
    mistake(
        "cubic-unbounded-is-stationary",
        "A model without a minimum is answered by its stationary point H^-1 g.",
        "selection",
        CUBIC,
        without_minimum=_answered(lambda H, g: np.linalg.pinv(H) @ g),
    ),
    mistake(
        "cubic-radius-of-eta",
        "The radius is |eta|, not |D eta|.",
        "formula",
        SOLVE,
        radius=lambda self, found, given: float(np.linalg.norm(found.minimizer.astype(np.float64))),
    ),
    mistake(
        "cubic-radius-of-the-scaled-model",
        "The radius is that of (lam/2)^(1/3) D eta.",
        "formula",
        SOLVE,
        radius=lambda self, found, given: found.radius * (given[2] / 2.0) ** (1.0 / 3.0),
    ),
    mistake(
        "cubic-value-of-the-quadratic",
        "The value of the model leaves the cubic term out.",
        "formula",
        SOLVE,
        model_value=lambda self, found, given: found.value - given[2] / 6.0 * found.radius**3,
    ),
    mistake(
        "cubic-value-halved-only",
        "The value of the model is -g.eta/2, which holds without a cubic term alone.",
        "formula",
        SOLVE,
        model_value=lambda self, found, given: -float(given[1] @ found.minimizer) / 2.0,
    ),
    mistake(
        "cubic-hard-case-ignored",
        "In the hard case the part within the range of G(r) is taken for the answer.",
        "selection",
        CUBIC,
        solved=_hard_case(lambda r, p: 0.0, alone=True),
    ),
    mistake(
        "cubic-hard-case-inverted",
        "The hard case is solved by the equation with an inverse: a saddle.",
        "selection",
        CUBIC,
        solved=_inverted,
    ),
    mistake(
        "cubic-nullity-of-one",
        "Of several equal lowest eigenvalues one counts: two minimizers are found on a sphere of them.",
        "index",
        SOLVE,
        status=lambda self, found: "two" if found.status == "sphere" else found.status,
        dimension=lambda self, found: 0 if found.status == "sphere" else found.dimension,
    ),
    mistake(
        "cubic-hard-case-lengths-subtracted",
        "In the hard case the part in the eigenspace has the length r - |p|, not sqrt(r^2 - |p|^2).",
        "formula",
        CUBIC,
        solved=_hard_case(lambda r, p: r - p),
    ),
    mistake(
        "cubic-hard-case-of-one",
        "Of two minimizers one is found, and called the only one.",
        "selection",
        SOLVE,
        status=lambda self, found: _of_two(found),
    ),
    mistake(
        "cubic-dimension-of-the-eigenspace",
        "The dimension is that of the eigenspace, one more than that of the sphere.",
        "index",
        SOLVE,
        dimension=lambda self, found: found.dimension + (found.status in ("two", "sphere")),
    ),
    mistake(
        "cubic-at-rest-without-gradient",
        "g = 0 is answered by eta = 0, a saddle where H is indefinite.",
        "selection",
        SOLVE,
        solved=_resting,
    ),
    mistake(
        "cubic-flat-is-one-point",
        "A line of minimizers is called two.",
        "selection",
        SOLVE,
        status=lambda self, found: "two" if found.status == "subspace" else found.status,
    ),
)
