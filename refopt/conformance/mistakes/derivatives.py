"""Wrong derivatives and second-order comparators."""

import math

import numpy as np

from refopt.conformance.mistakes.base import mistake

FIRST = ("derivatives",)
LINE = ("along",)
COMPARATOR = ("comparator_step",)

DERIVATIVE_MISTAKES = (
    mistake(
        "gradient-doubled",
        "The gradient is twice itself, as of a loss without its 1/2.",
        "formula",
        FIRST,
        gradient_entry=lambda self, g: 2.0 * g,
    ),
    mistake(
        "gradient-sign",
        "The gradient has the other sign.",
        "sign",
        FIRST,
        gradient_entry=lambda self, g: -g,
    ),
    mistake(
        "product-along-the-unit-vector",
        "The Hessian product is that of v / |v|.",
        "formula",
        FIRST,
        product_entry=lambda self, product, v: product / np.linalg.norm(v).astype(v.dtype),
    ),
    mistake(
        "along-with-factorials",
        "Derivatives along a line carry 1/k!, as Taylor coefficients do.",
        "formula",
        LINE,
        line_entry=lambda self, k, derivative: derivative / derivative.dtype.type(math.factorial(k)),
    ),
    mistake(
        "along-normalised-direction",
        "The direction of the line is divided by its norm.",
        "formula",
        LINE,
        line_direction=lambda self, d: d / np.linalg.norm(d).astype(d.dtype),
    ),
    mistake(
        "newton-undamped",
        "Newton's step is not multiplied by alpha.",
        "formula",
        COMPARATOR,
        by_newton=lambda self, s, g, H: -np.linalg.solve(H, g),
    ),
    mistake(
        "newton-step-sign",
        "Newton's step walks away from the stationary point.",
        "sign",
        COMPARATOR,
        by_newton=lambda self, s, g, H: s.alpha * np.linalg.solve(H, g),
    ),
    mistake(
        "newton-multiplies",
        "Newton's step multiplies by the Hessian.",
        "formula",
        COMPARATOR,
        by_newton=lambda self, s, g, H: -s.alpha * (H @ g),
    ),
    mistake(
        "saddle-free-keeps-signs",
        "Saddle-free Newton divides by the eigenvalues with their signs.",
        "sign",
        COMPARATOR,
        sizes=lambda self, values, floor: np.where(values < 0, -1, 1) * np.maximum(np.abs(values), floor),
    ),
    mistake(
        "saddle-free-leaves-negative-out",
        "Saddle-free Newton puts the floor in the place of negative eigenvalues.",
        "sign",
        COMPARATOR,
        sizes=lambda self, values, floor: np.maximum(values, floor),
    ),
    mistake(
        "saddle-free-floor-added",
        "Saddle-free Newton adds the floor to |lambda|.",
        "formula",
        COMPARATOR,
        sizes=lambda self, values, floor: np.abs(values) + floor,
    ),
    mistake(
        "cauchy-rate-inverted",
        "Cauchy's rate is g'Hg / g'g.",
        "formula",
        COMPARATOR,
        cauchy_rate=lambda self, g, H: (g @ (H @ g)) / (g @ g),
    ),
    mistake(
        "cauchy-rate-halved",
        "Cauchy's rate has a factor 1/2.",
        "formula",
        COMPARATOR,
        cauchy_rate=lambda self, g, H: (g @ g) / (g @ (H @ g)) / 2,
    ),
    mistake(
        "cubic-newton-half-for-sixth",
        "The model of cubic Newton has M/2 in the place of M/6.",
        "formula",
        COMPARATOR,
        lipschitz=lambda self, s: 3.0 * s.lipschitz,
    ),
    mistake(
        "cubic-newton-third-for-sixth",
        "The model of cubic Newton has M/3 in the place of M/6.",
        "formula",
        COMPARATOR,
        lipschitz=lambda self, s: 2.0 * s.lipschitz,
    ),
)
