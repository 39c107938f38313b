"""Lanczos, the extreme spectrum (section 3.1, algorithm 1; claims S5, K1 to K5), and Hessian products."""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, PropertyViolation, ask, require, require_array
from refopt.properties.samples import LanczosSample

__all__ = [
    "check_all_copies",
    "check_complete_krylov",
    "check_extreme_pairs",
    "check_hvp_is_gradient_increment",
    "check_hvp_linear",
    "check_hvp_symmetric",
    "check_ritz_interlacing",
]


def _rounding(sample: LanczosSample) -> float:
    """A few n u |H|: what full reorthogonalisation leaves (Parlett, Symmetric Eigenvalue Problem, 13.7)."""
    return SLACK * sample.quadratic.n * UNIT * sample.quadratic.norm


def check_ritz_interlacing(adapter: Any, sample: LanczosSample) -> None:
    """Claims S5: the Ritz values of m steps lie inside the spectrum and obey Cauchy's interlacing theorem.

    With j Ritz values descending, lambda_i >= theta_i >= lambda_{n-j+i}.
    """
    answer = ask(
        adapter,
        "lanczos",
        problem=sample.quadratic,
        theta=np.zeros(sample.quadratic.n),
        start=np.asarray(sample.start),
        steps=sample.steps,
    )
    diagonal = np.asarray(answer["diagonal"], dtype=np.float64)
    off_diagonal = np.asarray(answer["off_diagonal"], dtype=np.float64)[: diagonal.size - 1]
    tridiagonal = np.diag(diagonal) + np.diag(off_diagonal, 1) + np.diag(off_diagonal, -1)
    ritz = np.linalg.eigvalsh(tridiagonal)[::-1]
    if not 1 <= ritz.size <= sample.steps:
        raise PropertyViolation(
            f"`diagonal` holds between 1 and {sample.steps} numbers.", ritz.size, 0.0, sample
        )
    values = np.asarray(sample.quadratic.eigenvalues)
    outside = np.max(np.concatenate([ritz - values[: ritz.size], values[values.size - ritz.size :] - ritz]))
    require("The Ritz values interlace the spectrum (Cauchy).", float(outside), _rounding(sample), sample)


def _pairs(adapter: Any, sample: LanczosSample) -> tuple[np.ndarray, np.ndarray, Any]:
    """Asks for the extreme pairs and returns eigenvalues (j,), eigenvectors (n, j) and the answer."""
    answer = ask(
        adapter,
        "extreme_spectrum",
        problem=sample.quadratic,
        theta=np.zeros(sample.quadratic.n),
        largest=sample.largest,
        smallest=sample.smallest,
        start=np.asarray(sample.start),
        steps=sample.steps,
        multiplicity=sample.multiplicity,
    )
    count = np.size(answer.get("eigenvalues", ()))
    if not 1 <= count <= sample.largest + sample.smallest:
        raise PropertyViolation("Between 1 and k + l pairs are returned.", count, sample.largest, sample)
    values = require_array(answer, "eigenvalues", (count,), sample)
    return values, require_array(answer, "eigenvectors", (sample.quadratic.n, count), sample), answer


def check_extreme_pairs(adapter: Any, sample: LanczosSample) -> None:
    """Pairs come in descending order, inside the spectrum, none twice, no ghosts, with honest residuals.

    Claims S5, K1, K2, K4, K5, K10.
    """
    values, V, answer = _pairs(adapter, sample)
    rounding, H = _rounding(sample), sample.quadratic.hessian
    ends = sample.quadratic.eigenvalues
    overlap = V.T @ V - np.eye(values.size)
    require(
        "No pair is returned twice: the eigenvectors are orthonormal.",
        float(np.max(np.abs(overlap))),
        SLACK * sample.quadratic.n * UNIT,
        sample,
    )
    require(
        "Eigenvalues come in descending order.", float(np.max(np.diff(values), initial=0.0)), rounding, sample
    )
    require(
        "Ritz values lie inside the spectrum.",
        float(max(values[0] - ends[0], ends[-1] - values[-1])),
        rounding,
        sample,
    )
    rayleigh = np.einsum("ij,ij->j", V, H @ V)
    require(
        "An eigenvalue is the Rayleigh quotient of its vector: no ghosts.",
        float(np.max(np.abs(rayleigh - values))),
        rounding,
        sample,
    )
    if "residuals" in answer:
        residuals = require_array(answer, "residuals", values.shape, sample)
        true = np.linalg.norm(H @ V - V * values, axis=0)
        require(
            "The reported residual is |H v - lambda v|.",
            float(np.max(np.abs(true - residuals))),
            rounding,
            sample,
        )


def check_complete_krylov(adapter: Any, sample: LanczosSample) -> None:
    """Algorithm 1 with m = n and distinct eigenvalues returns the k largest and the l smallest exactly.

    The sample's start has a component on every eigenvector, the spectrum is simple, steps = n and k + l <= n.
    """
    values, V, _ = _pairs(adapter, sample)
    spectrum = np.asarray(sample.quadratic.eigenvalues)
    count, n = sample.largest + sample.smallest, sample.quadratic.n
    require("m = n steps on a simple spectrum give all k + l pairs.", count - values.size, 0.0, sample)
    wanted = np.concatenate([spectrum[: sample.largest], spectrum[n - sample.smallest :]])
    require(
        "They are the k largest and the l smallest eigenvalues.",
        float(np.max(np.abs(values - wanted))),
        _rounding(sample),
        sample,
    )
    defect = sample.quadratic.hessian @ V - V * values
    require("Their vectors are eigenvectors.", float(np.max(np.abs(defect))), 2 * _rounding(sample), sample)


def check_all_copies(adapter: Any, sample: LanczosSample) -> None:
    """Claims K4: with multiplicity "full" every copy of a repeated eigenvalue is found."""
    values, _, _ = _pairs(adapter, sample)
    spectrum = np.asarray(sample.quadratic.eigenvalues)
    wanted = np.concatenate([spectrum[: sample.largest], spectrum[spectrum.size - sample.smallest :]])
    require("All k + l pairs are found, copies included.", wanted.size - values.size, 0.0, sample)
    # A restart is triggered by a breakdown, tested against |H| times a small power of eps; sqrt(u) covers
    # that test.
    require(
        "Every copy of a repeated eigenvalue is returned.",
        float(np.max(np.abs(values - wanted))),
        _rounding(sample) + UNIT**0.5 * sample.quadratic.norm,
        sample,
    )


def _product(adapter: Any, sample: LanczosSample, vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the gradient and the Hessian product at the sample's start."""
    answer = ask(
        adapter, "derivatives", problem=sample.quadratic, theta=np.asarray(sample.start), vector=vector
    )
    n = sample.quadratic.n
    return require_array(answer, "gradient", (n,), sample), require_array(answer, "hvp", (n,), sample)


def check_hvp_linear(adapter: Any, sample: LanczosSample) -> None:
    """H(2a - 3b) = 2 H a - 3 H b."""
    rng = np.random.default_rng(sample.quadratic.seed)
    a, b = rng.standard_normal((2, sample.quadratic.n))
    images = [_product(adapter, sample, vector)[1] for vector in (a, b, 2 * a - 3 * b)]
    size = 2 * float(np.linalg.norm(a)) + 3 * float(np.linalg.norm(b))
    defect = float(np.max(np.abs(images[2] - 2 * images[0] + 3 * images[1])))
    require("The Hessian product is linear.", defect, _rounding(sample) * size, sample)


def check_hvp_symmetric(adapter: Any, sample: LanczosSample) -> None:
    """A'H b = b'H a."""
    rng = np.random.default_rng(sample.quadratic.seed)
    a, b = rng.standard_normal((2, sample.quadratic.n))
    images = [_product(adapter, sample, vector)[1] for vector in (a, b)]
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    require(
        "The Hessian product is symmetric.",
        abs(float(b @ images[0] - a @ images[1])),
        _rounding(sample) * size,
        sample,
    )


def check_hvp_is_gradient_increment(adapter: Any, sample: LanczosSample) -> None:
    """On a quadratic g(theta + v) - g(theta) = H v without an error of differencing."""
    n, theta = sample.quadratic.n, np.asarray(sample.start)
    vector = np.random.default_rng(sample.quadratic.seed).standard_normal(n)
    before, product = _product(adapter, sample, vector)
    moved = ask(adapter, "derivatives", problem=sample.quadratic, theta=theta + vector, vector=vector)
    after = require_array(moved, "gradient", (n,), sample)
    size = float(
        np.linalg.norm(theta - sample.quadratic.origin) + np.linalg.norm(theta) + np.linalg.norm(vector)
    )
    defect = float(np.max(np.abs(after - before - product)))
    require(
        "The Hessian product is the gradient's increment on a quadratic.",
        defect,
        4 * _rounding(sample) * size,
        sample,
    )
