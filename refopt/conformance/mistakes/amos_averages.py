"""Wrong averages of slopes, of AMOS."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

AVERAGES = ("lipschitz_averages", "amos_run")


def _against_zero(self, theta, lam, V):
    """As if the first Hessian time had one before it, at theta = 0 and without curvature."""
    zeros = np.zeros(len(lam))
    V = None if V is None else V[:, :0]
    return {"L": zeros, "k": zeros.astype(int), "lam": zeros, "V": V, "point": np.zeros_like(theta)}


def _averaged(self, a, L, slope, k, average):
    return a * L + (1.0 - a) * slope


def _first_whole(self, a, L, slope, k, average):
    return np.where(k == 0, slope, a * L + (1.0 - a) * slope)


AMOS_AVERAGE_MISTAKES = (
    mistake(
        "slope-of-the-square",
        "The slope of a curvature is divided by the squared length of the move.",
        "formula",
        AVERAGES,
        slope=lambda self, rise, epsilon, distance: np.abs(rise) / (epsilon + distance**2),
    ),
    mistake(
        "slope-not-divided",
        "The slope of a curvature is its difference: the distance is left out.",
        "formula",
        AVERAGES,
        slope=lambda self, rise, epsilon, distance: np.abs(rise),
    ),
    mistake(
        "slope-signed",
        "The slope of a curvature keeps its sign.",
        "sign",
        AVERAGES,
        slope=lambda self, rise, epsilon, distance: rise / (epsilon + distance),
    ),
    mistake(
        "slope-of-the-size",
        "The slope is that of |lambda|.",
        "sign",
        AVERAGES,
        rise=lambda self, now, before: np.abs(now) - np.abs(before),
    ),
    mistake(
        "slope-epsilon-bounds",
        "The denominator is the larger of eps_2 and the distance, not their sum.",
        "formula",
        AVERAGES,
        slope=lambda self, rise, epsilon, distance: np.abs(rise) / np.maximum(epsilon, distance),
    ),
    mistake(
        "slope-by-component",
        "Slopes are divided by the moved component, although the length of the move is asked for.",
        "formula",
        AVERAGES,
        distance=lambda self, move, along, denominator: np.abs(along),
    ),
    mistake(
        "slope-by-norm",
        "Slopes are divided by the length of the move, although its part along the index is asked for.",
        "selection",
        AVERAGES,
        distance=lambda self, move, along, denominator: self.length_of(move.astype(np.float64)),
    ),
    mistake(
        "distance-as-sum",
        "The length of a move is the sum of the sizes of its components.",
        "formula",
        AVERAGES,
        length_of=lambda self, move: np.sum(np.abs(move)),
    ),
    mistake(
        "distance-as-largest",
        "The length of a move is the largest of its components.",
        "formula",
        AVERAGES,
        length_of=lambda self, move: np.max(np.abs(move)),
    ),
    mistake(
        "distance-squared-root-left-out",
        "The length of a move is the sum of the squares of its components, without the root.",
        "formula",
        AVERAGES,
        length_of=lambda self, move: np.sum(move**2),
    ),
    mistake(
        "slopes-against-nothing",
        "At the first Hessian time the slope is taken against a curvature and a point of 0.",
        "state",
        AVERAGES,
        nothing_before=_against_zero,
    ),
    mistake(
        "slopes-over-the-whole-way",
        "The slope is divided by the way from the first Hessian time, not from the one before.",
        "state",
        AVERAGES,
        point_kept=lambda self, last, theta: last,
    ),
    mistake(
        "slopes-averaged-the-other-way",
        "alpha_L weighs the new slope, 1 - alpha_L the average so far.",
        "formula",
        AVERAGES,
        slope_average=lambda self, a, L, slope, k, average: (1.0 - a) * L + a * slope,
    ),
    mistake(
        "slopes-summed",
        "The average of slopes lacks the factor 1 - alpha_L.",
        "formula",
        AVERAGES,
        slope_average=lambda self, a, L, slope, k, average: a * L + slope,
    ),
    mistake(
        "slopes-largest",
        "The largest slope is kept in the place of the average.",
        "selection",
        AVERAGES,
        slope_average=lambda self, a, L, slope, k, average: np.maximum(L, slope),
    ),
    mistake(
        "first-slope-averaged",
        "The first slope is averaged with 0, although it is to be taken whole.",
        "state",
        AVERAGES,
        slope_average=_averaged,
    ),
    mistake(
        "first-slope-always-whole",
        "The first slope is taken whole, although it is to be averaged with 0.",
        "state",
        AVERAGES,
        slope_average=_first_whole,
    ),
    mistake(
        "slopes-uncorrected",
        "The average of slopes is used without its bias correction.",
        "formula",
        AVERAGES,
        unbiased=lambda self, a, L, k, average: L,
    ),
    mistake(
        "slopes-corrected-one-late",
        "The correction is 1 - alpha_L^(k + 1): it counts the first Hessian, which has no slope.",
        "index",
        AVERAGES,
        correction=lambda self, a, k: -np.expm1((k + 1) * np.log(a)),
    ),
    mistake(
        "slopes-corrected-by-hessians",
        "The correction counts Hessian times, also those at which an index had no slope.",
        "state",
        AVERAGES,
        slopes_counted=lambda self, k, known: k + 1,
    ),
)
