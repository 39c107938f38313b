"""The table of single ELMO steps.

Vectors are columns of the 4 x 4 Hadamard matrix over 2, orthonormal in every binary format, of the identity,
or rounded columns of reflections.
"""

from collections.abc import Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.bases import make_basis
from oracles.case import Case
from oracles.elmo_steps import AS_GIVEN, STAY, elmo_step_case
from oracles.precision import DIGITS, floats, round_float32

HADAMARD = [[0.5, 0.5, 0.5, 0.5], [0.5, -0.5, 0.5, -0.5], [0.5, 0.5, -0.5, -0.5], [0.5, -0.5, -0.5, 0.5]]
GRADIENT = [0.3125, -1.25, 2.5, -0.0703125]
MIXED, LIPSCHITZ = [4.0, 1.0, -0.5, -2.0], [1.0, 0.5, 3.0, 0.25]
GRADIENT_UP = [1.1875, 0.1875, 0.9375, 1.4375]
SIX = [0.3125, -1.25, 2.5, -0.0703125, 0.625, 1.5]
FIXED = ("gradient", "lipschitz", "eigenvectors")  # the eigenvalues stay, that equal ones are equal
Rows = Sequence[Sequence[float]]


def columns(matrix: Rows, picked: Sequence[int]) -> list[list[float]]:
    """Return some columns of a matrix."""
    return [[row[j] for j in picked] for row in matrix]


def unit(n: int) -> list[list[float]]:
    """Return the identity matrix."""
    return [[float(i == j) for j in range(n)] for i in range(n)]


def flipped(matrix: Rows, signs: Sequence[int]) -> list[list[float]]:
    """Return a matrix with the columns times signs."""
    return [[s * x for s, x in zip(signs, row, strict=True)] for row in matrix]


def turned(n: int, seed: int) -> list[list[float]]:
    """Return a product of reflections in float64, one eigenvector a column."""
    with mp.workdps(DIGITS[0]):
        basis = make_basis(n, {"kind": "householder", "seed": seed, "reflections": 3})
        rows = [floats(basis.backward([mpf(i == j) for i in range(n)])) for j in range(n)]
    return [list(row) for row in zip(*rows, strict=True)]


def _plain() -> list[Case]:
    six = turned(6, 43)
    full: dict[str, Any] = {"lemma": True}
    # fmt: off
    return [
        elmo_step_case("mixed", GRADIENT, MIXED, HADAMARD, LIPSCHITZ, "curvatures of both signs",
            ("Direction",), **full),
        elmo_step_case("flipped", GRADIENT, MIXED, flipped(HADAMARD, (-1, 1, -1, -1)), LIPSCHITZ,
            "some v with the other sign: the same displacement", ("Direction", "VectorSign"), **full),
        elmo_step_case("uphill", GRADIENT_UP, MIXED, HADAMARD, LIPSCHITZ,
            "v'g > 0 for three of four: line 6 as printed would climb there", ("Direction", "VectorSign"),
            **full),
        elmo_step_case("generic-6", SIX, [6, 2.5, 0.75, 0.125, -0.25, -3], six, [0.5, 4, 1, 0.125, 2, 1],
            "n = 6, vectors orthonormal to rounding", ("Direction",), **full),
        elmo_step_case("first-and-last", SIX, [6, -3], columns(six, (0, 5)), [0.5, 1],
            "two pairs of six: nothing moves outside their span", ("PartOfSpectrum",)),
        elmo_step_case("one-pair", [3, -4, 0], [2], [[0.6], [0.8], [0]], [1],
            "a single pair", ("PartOfSpectrum",)),
        elmo_step_case("newton", GRADIENT, [4, 2, 1, 0.5], HADAMARD, [0, 0, 0, 0],
            "L = 0 and H definite: Newton's step", ("ZeroLipschitz",),
            perturb=("gradient", "eigenvalues", "eigenvectors"), **full),
        elmo_step_case("newton-partly", GRADIENT, [4, 2, -1, -2], HADAMARD, [0, 1, 2, 4],
            "L = 0 along one vector with lam > 0", ("ZeroLipschitz",), **full),
        elmo_step_case("own-lipschitz", GRADIENT, [4, 3, 2, 1], HADAMARD, [64, 1, 0.015625, 8],
            "each pair its own L: the largest, or the smallest, for all would be another step",
            ("OwnLipschitz",), **full),
        elmo_step_case("saddle-free", [0.75, 0.125], [1, -3], unit(2), [1, 1],
            "away from the saddle along lam < 0, which Newton's step goes to", ("Direction",), **full),
        elmo_step_case("far-scales", [1e-120, 1e120, 1.0], [3e100, 1e100, -2e100], unit(3), [1e90, 1e-20,
            1e110],
            "slopes 240 orders of magnitude apart, squares out of range", ("Range",)),
    ]
    # fmt: on


def _ties() -> list[Case]:
    zero = [0.0] * 4
    # fmt: off
    return [
        elmo_step_case("saddle-point", zero, [4, 2, 1, -2], HADAMARD, LIPSCHITZ,
            "g = 0 on a saddle: +-2|lam|/L along the last vector", ("Tie",), others=(STAY,)),
        elmo_step_case("saddle-point-two", zero, [4, 2, -1, -2], HADAMARD, LIPSCHITZ,
            "two ties: four displacements", ("Tie",), others=(STAY,)),
        elmo_step_case("ridge", [3, 0, 0], [2, 1, -1], unit(3), [1, 1, 0.5],
            "on a ridge: a step along g, and off the ridge to either side", ("Tie",), others=(STAY,)),
        elmo_step_case("ridge-stays", [3, 0, 0], [2, 1, -1], unit(3), [1, 1, 0.5],
            "asked to stay: only along g; M* still counts the way down", ("Tie",), settings={"tie": "stay"}),
        elmo_step_case("saddle-point-stays", zero, [4, 2, -1, -2], HADAMARD, LIPSCHITZ,
            "asked to stay: nothing moves; M* still counts both ways down", ("Tie",),
            settings={"tie": "stay"}),
        elmo_step_case("second-order-point", zero, [4, 2, 1, 0.5], HADAMARD, LIPSCHITZ,
            "g = 0 and H definite: nothing moves and nothing is promised", ("Critical",)),
        elmo_step_case("semidefinite-point", zero, [4, 2, 0, 0], HADAMARD, [1, 0, 0, 2],
            "g = 0, lam >= 0: nothing moves, also where lam = L = 0", ("Critical",)),
    ]
    # fmt: on


def _clusters() -> list[Case]:
    tilted = [[0.6, 0.8], [0.8, -0.6]]
    given: dict[str, Any] = {"settings": {"clusters": "as-given"}}
    kept: dict[str, Any] = {"perturb": FIXED, "others": (AS_GIVEN,)}
    # fmt: off
    return [
        elmo_step_case("cluster-axes", [-1, -1], [0, 0], unit(2), [1, 1],
            "H = 0: along g by sqrt(2 sqrt 2), where the axes give sqrt 2 each (claims, section 4)",
            ("Cluster",), **kept),
        elmo_step_case("cluster-tilted", [-1, -1], [0, 0], tilted, [1, 1],
            "the same in another basis: the same displacement", ("Cluster",), **kept),
        elmo_step_case("cluster-of-three", SIX, [3, 2, 2, 2, 1, -1], turned(6, 44), [1, 0.5, 2, 1, 4, 1],
            "lam = 2 three times: one vector carries the projected gradient, the largest L counts",
            ("Cluster", "ClusterLipschitz"), **kept),
        elmo_step_case("two-clusters", GRADIENT, [3, 3, 1, 1], HADAMARD, [1, 4, 2, 0.5],
            "two clusters", ("Cluster", "ClusterLipschitz"), **kept),
        elmo_step_case("cluster-newton", GRADIENT, [3, 3, 1, 0.5], HADAMARD, [0, 0, 0, 1],
            "L = 0 in a cluster with lam > 0: any basis gives Newton's step", ("Cluster", "ZeroLipschitz"),
            perturb=("gradient", "eigenvectors")),
        elmo_step_case("cluster-as-given", [-1, -1], [0, 0], unit(2), [1, 1],
            "asked to leave the basis: sqrt 2 along each axis", ("ClusterAsGiven",), perturb=FIXED, **given),
        elmo_step_case("cluster-of-three-as-given", SIX, [3, 2, 2, 2, 1, -1], turned(6, 44),
            [1, 0.5, 2, 1, 4, 1], "asked to leave the basis: each vector its own L", ("ClusterAsGiven",),
            perturb=FIXED, **given),
        elmo_step_case("cluster-on-a-hill", [3, -1, 2], [1, -2, -2], unit(3), [1, 1, 0.5],
            "lam = -2 twice: along the projected gradient, and either way across it", ("Cluster", "Tie"),
            perturb=FIXED, others=(STAY,)),
        elmo_step_case("cluster-of-three-on-a-hill", GRADIENT_UP, [1, -2, -2, -2], HADAMARD,
            [1, 1, 0.5, 0.25],
            "lam = -2 three times: along the projected gradient, and down a circle across it",
            ("Cluster", "Tie", "TieCircle"), perturb=FIXED, others=(AS_GIVEN, STAY)),
        elmo_step_case("cluster-summit", [0, 0, 0, 0], [2, -1, -1, -1], HADAMARD, [1, 0.5, 1, 2],
            "g = 0 with lam = -1 three times: 2|lam|/L in each of three vectors, of any basis: a sphere",
            ("Cluster", "Tie", "TieCircle", "ClusterLipschitz"), perturb=("lipschitz", "eigenvectors"),
            others=(STAY,)),
        elmo_step_case("cluster-summit-flipped", [0, 0, 0, 0], [2, -1, -1, -1], flipped(turned(4, 47),
            (1, -1, 1, -1)), [1, 2, 1, 0.5], "the same across the coordinates, vectors to rounding",
            ("Cluster", "Tie", "TieCircle"), perturb=("lipschitz", "eigenvectors"), others=(STAY,)),
        elmo_step_case("cluster-bounds-a-flat", [-1, -1], [0, 0], unit(2), [0, 1],
            "lam = L = 0 along one axis: the cluster's largest L bounds the model",
            ("Cluster", "ClusterLipschitz"), perturb=("gradient",)),
        elmo_step_case("cluster-as-given-unbounded", [-1, -1], [0, 0], unit(2), [0, 1],
            "the same as given has no minimum", ("Unbounded", "ClusterAsGiven"), perturb=("gradient",),
            **given),
        elmo_step_case("neighbours", [-1, -1], [0.5, 0.375], unit(2), [1, 1],
            "eigenvalues that differ plainly are no cluster", ("ClusterAsGiven",)),
    ]
    # fmt: on


def _unbounded() -> list[Case]:
    # fmt: off
    return [
        elmo_step_case("unbounded-hill", GRADIENT, MIXED, HADAMARD, [1, 0.5, 3, 0],
            "L = 0 along lam = -2: no minimum", ("Unbounded",)),
        elmo_step_case("unbounded-slope", [1, 2], [1, 0], unit(2), [0, 0],
            "L = lam = 0 < g: f is promised to fall for ever", ("Unbounded",)),
        elmo_step_case("unbounded-at-rest", [1, 0], [1, -1], unit(2), [0, 0],
            "g = 0 there, and still no minimum", ("Unbounded",)),
    ]
    # fmt: on


def _single() -> list[Case]:
    thirds = [round_float32(x) for x in (0.3, -1.7, 2.1, 0.01)]
    # fmt: off
    return [
        elmo_step_case("float32-mixed", thirds, MIXED, HADAMARD, LIPSCHITZ, "float32", ("Float32",),
            dtype="float32", lemma=True),
        elmo_step_case("float32-cluster", thirds, [3, 3, 1, -1], HADAMARD, [1, 4, 2, 0.5],
            "float32 with a cluster",
            ("Float32", "Cluster"), perturb=FIXED, dtype="float32"),
        elmo_step_case("float32-range", [round_float32(x) for x in (1e-5, 1e25, -1e20)],
            [round_float32(x) for x in (2e25, 1e25, -1e25)], unit(3),
            [round_float32(x) for x in (1e15, 1e-3, 1e22)], "squares leave the range of float32",
            ("Float32", "Range"), dtype="float32"),
    ]
    # fmt: on


def step_cases() -> list[Case]:
    """Return the cases of single steps."""
    return [*_plain(), *_ties(), *_clusters(), *_unbounded(), *_single()]
