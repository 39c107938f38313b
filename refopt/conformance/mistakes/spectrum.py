"""Wrong Lanczos processes and wrong selections of Ritz pairs."""

import math

import numpy as np

from refopt.conformance.mistakes.base import mistake

ESE = ("extreme_spectrum",)
PROCESS = ("lanczos", "extreme_spectrum")
FOSI = ("fosi_directions", "fosi_run")
COUNT = ("lanczos_steps",)


def _by_size(values, largest, smallest):
    """Indices by |value|, the largest first."""
    return sorted(range(len(values)), key=lambda i: -abs(float(values[i])))


def _largest_by_size(self, values, largest, smallest):
    m, k = len(values), min(largest, len(values))
    return [*_by_size(values, largest, smallest)[:k], *range(min(smallest, m - k) - 1, -1, -1)]


def _smallest_by_size(self, values, largest, smallest):
    m, k = len(values), min(largest, len(values))
    nearest = _by_size(values, largest, smallest)[::-1][: min(smallest, m - k)]
    return [*range(m - 1, m - 1 - k, -1), *sorted(nearest, reverse=True)]


def _ascending(self, values, largest, smallest):
    m, k = len(values), min(largest, len(values))
    return [*range(m - k, m), *range(min(smallest, m - k) - 1, -1, -1)]


def _wrong_end(self, values, largest, smallest):
    m, k = len(values), min(largest, len(values))
    return [*range(k - 1, -1, -1), *range(min(smallest, m - k) - 1, -1, -1)]


def _overlapping(self, values, largest, smallest):
    m = len(values)
    return [*range(m - 1, m - 1 - min(largest, m), -1), *range(min(smallest, m) - 1, -1, -1)]


def _smallest_first(self, values, largest, smallest):
    m, k = len(values), min(largest, len(values))
    return [*range(min(smallest, m - k)), *range(m - k, m)]


def _steps(count):
    return lambda self, n, largest, smallest: {"steps": count(n, largest + smallest)}


def _as_it_is(self, start):
    return start.astype(np.float64) / np.max(np.abs(start))


SPECTRUM_MISTAKES = (
    mistake(
        "ese-wrong-end",
        "The k smallest Ritz pairs are returned for the k largest.",
        "selection",
        ESE + FOSI,
        ends=_wrong_end,
    ),
    mistake(
        "ese-ascending",
        "The k largest come in ascending order.",
        "order",
        ESE,
        ends=_ascending,
    ),
    mistake(
        "ese-smallest-first",
        "The l smallest come first and the order is ascending, as a dense eigensolver returns them.",
        "order",
        ESE,
        ends=_smallest_first,
    ),
    mistake(
        "ese-largest-by-size",
        "The k largest eigenvalues are chosen by absolute value.",
        "selection",
        ESE + FOSI,
        ends=_largest_by_size,
    ),
    mistake(
        "ese-smallest-by-size",
        "The l smallest eigenvalues are chosen by absolute value.",
        "selection",
        ESE + FOSI,
        ends=_smallest_by_size,
    ),
    mistake(
        "ese-overlapping-ends",
        "The l smallest are not kept apart from the k largest, so that pairs come twice.",
        "selection",
        ESE,
        ends=_overlapping,
    ),
    mistake(
        "ese-vectors-transposed",
        "Rows of the small eigenvector matrix are taken for its columns.",
        "index",
        ESE + FOSI,
        ritz_coordinates=lambda self, S, order: S[order, :].T,
    ),
    mistake(
        "ese-residual-of-the-first-row",
        "Residuals use the first components of the small eigenvectors, not the last.",
        "index",
        ESE,
        residuals=lambda self, S, order, beta: np.abs(S[0, order]) * beta,
    ),
    mistake(
        "residual-norm-forgotten",
        "The last residual norm is taken as 0, so that every pair looks converged.",
        "state",
        PROCESS,
        krylov=lambda self, *given: super(type(self), self).krylov(*given)._replace(residual_norm=0.0),
    ),
    mistake(
        "ese-multiplicity-ignored",
        "One copy of each repeated eigenvalue is found where all are asked for.",
        "selection",
        ESE,
        rows_wanted=lambda self, n, wanted, multiplicity: wanted,
    ),
    mistake(
        "ese-without-off-diagonal",
        "The small matrix loses its off-diagonal.",
        "formula",
        ESE + FOSI,
        small_matrix=lambda self, found: np.diag(found.diagonal),
    ),
    mistake(
        "lanczos-start-not-normalised",
        "The start vector is not divided by its norm.",
        "formula",
        PROCESS,
        first_row=_as_it_is,
    ),
    mistake(
        "lanczos-off-diagonal-squared",
        "The squared norm of the residual is stored off the diagonal.",
        "formula",
        PROCESS,
        off_diagonal_entry=lambda self, beta: beta**2,
    ),
    mistake(
        "lanczos-steps-rounded-down",
        "2 ln n is cut to an integer.",
        "index",
        COUNT,
        lanczos_steps=_steps(lambda n, pairs: max(1, min(n, math.floor(max(4 * pairs, 2 * math.log(n)))))),
    ),
    mistake(
        "lanczos-steps-beyond-n",
        "The number of steps is not capped at n.",
        "index",
        COUNT,
        lanczos_steps=_steps(lambda n, pairs: max(1, math.ceil(max(4 * pairs, 2 * math.log(n))))),
    ),
    mistake(
        "lanczos-steps-without-logarithm",
        "The steps are 4(k + l) whatever n.",
        "formula",
        COUNT,
        lanczos_steps=_steps(lambda n, pairs: max(1, min(n, 4 * pairs))),
    ),
    mistake(
        "lanczos-steps-logarithm-to-base-two",
        "The logarithm is that to base 2.",
        "formula",
        COUNT,
        lanczos_steps=_steps(lambda n, pairs: max(1, min(n, math.ceil(max(4 * pairs, 2 * math.log2(n)))))),
    ),
)
