"""FOSI's preconditioner: Lemma 1, the diagonal case, Lemma 3 and Lemma 4 (sections 3.3, A.3 and A.4).

The matrix P^-1 is not taken from a formula but measured: n steps from the n unit gradients. The lemmas are
stated with the conditions under which they are true, which are not always the paper's:

- Lemma 1's form needs orthonormal vectors only, not eigenvectors, and any positive u; it does not need
convexity.
- Its eigenvalue alpha needs exact eigenpairs with positive eigenvalues; a negative one gives -alpha.
- Lemma 4 needs 1 <= k + l <= n - 1, lambda_n > 0 and alpha > 0, and is then an equivalence; strictness in its
second
  case needs lambda_{k+1}/lambda_{n-l} < lambda_1/lambda_n.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from refopt.properties.claims import SLACK, UNIT, PropertyViolation, require
from refopt.properties.samples import StepSample
from refopt.properties.stepping import (
    diagonal_base,
    identity_base,
    inverse_preconditioner,
    preconditioner_drift,
)

__all__ = [
    "check_diagonal_hessian",
    "check_eigenvalue_alpha",
    "check_interlacing",
    "check_lemma3",
    "check_lemma4",
    "check_preconditioner_form",
    "check_preconditioner_positive_definite",
    "lemma4_promises",
]


def _promised(sample: StepSample, q: np.ndarray) -> np.ndarray:
    """Lemma 1, claim 1: V blkdiag(alpha diag(u), eta M) V', M the trailing block of V' diag(q) V."""
    V, W = sample.known_vectors, sample.rest_vectors
    M = W.T @ (q[:, None] * W)
    return sample.alpha * (V * sample.curvature_inverse) @ V.T + sample.rate * W @ M @ W.T


def _norm(sample: StepSample, q: np.ndarray) -> float:
    """A bound of the 2-norm of P^-1: its spectrum is alpha u and that of eta M (claims, L1.4)."""
    return float(max(np.max(sample.alpha * sample.curvature_inverse), sample.rate * np.max(q)))


def _rounding(sample: StepSample, q: np.ndarray) -> float:
    """What the entries of a measured P^-1 may be off by: rounding, and the drift of the diagonal base's q."""
    return _norm(sample, q) * (SLACK * sample.n * UNIT + preconditioner_drift(sample, 1.0))


def check_preconditioner_form(adapter: Any, sample: StepSample) -> None:
    """Lemma 1, claim 1, for any orthonormal V and any u: the step is -P^-1 g with the block form of P^-1."""
    q = np.asarray(sample.preconditioner)
    P_inverse = inverse_preconditioner(adapter, sample, diagonal_base(sample))
    defect = float(np.max(np.abs(P_inverse - _promised(sample, q))))
    require(
        "The step is -P^-1 g with P^-1 = V blkdiag(alpha diag(u), eta M) V' (Lemma 1, claim 1).",
        defect,
        _rounding(sample, q),
        sample,
    )


def check_preconditioner_positive_definite(adapter: Any, sample: StepSample) -> None:
    """Lemma 1, claim 2: P^-1 is symmetric and positive definite, convex or not."""
    q = np.asarray(sample.preconditioner)
    P_inverse = inverse_preconditioner(adapter, sample, diagonal_base(sample))
    allowed = _rounding(sample, q)
    require(
        "P^-1 is symmetric (Lemma 1, claim 2).",
        float(np.max(np.abs(P_inverse - P_inverse.T))),
        2 * allowed,
        sample,
    )
    smallest = float(np.linalg.eigvalsh((P_inverse + P_inverse.T) / 2)[0])
    floor = min(float(np.min(sample.alpha * sample.curvature_inverse)), sample.rate * float(np.min(q)))
    # The 2-norm of the error matrix is at most n times its largest entry.
    require(
        "P^-1 is positive definite, with no eigenvalue below min(alpha u, eta q) (Lemma 1, claim 2).",
        floor - smallest,
        sample.n * allowed,
        sample,
    )


def check_eigenvalue_alpha(adapter: Any, sample: StepSample) -> None:
    """Lemma 1, claim 3, where it is true: P^-1 H v = alpha sign(lambda) v for every known exact eigenpair.

    The known vectors are orthonormal, so alpha has at least as many independent eigenvectors as there are
    positive known eigenvalues, and -alpha as many as there are negative ones.
    """
    q = np.asarray(sample.preconditioner)
    P_inverse = inverse_preconditioner(adapter, sample, diagonal_base(sample))
    V = sample.known_vectors
    wanted = sample.alpha * V * np.sign(sample.known_eigenvalues)
    defect = float(np.max(np.abs(P_inverse @ (sample.quadratic.hessian @ V) - wanted)))
    # H V is off by n u |H| per entry, P^-1 by its own rounding; a sum of n terms multiplies the latter.
    allowed = sample.quadratic.norm * sample.n * (_rounding(sample, q) + SLACK * UNIT * _norm(sample, q))
    require(
        "The known exact eigenvectors are eigenvectors of P^-1 H to the eigenvalue alpha, -alpha where the "
        "curvature is negative (Lemma 1, claim 3).",
        defect,
        allowed,
        sample,
    )


def check_interlacing(adapter: Any, sample: StepSample) -> None:
    """M's ascending eigenvalues interlace those of diag(q), q_i <= mu_i <= q_{i+k+l}; V, W decouple."""
    q = np.asarray(sample.preconditioner)
    P_inverse = inverse_preconditioner(adapter, sample, diagonal_base(sample))
    V, W = sample.known_vectors, sample.rest_vectors
    allowed = sample.n * _rounding(sample, q)
    require(
        "P^-1 does not couple the known and the remaining subspace (Lemma 1, claim 1).",
        float(np.max(np.abs(V.T @ P_inverse @ W), initial=0.0)),
        allowed,
        sample,
    )
    if not sample.rest:
        return
    block = W.T @ P_inverse @ W
    mu = np.linalg.eigvalsh((block + block.T) / 2) / sample.rate
    ascending = np.sort(q)
    below = ascending[: len(mu)] - mu
    above = mu - ascending[len(sample.known) :]
    require(
        "The spectrum of M interlaces that of diag(q) (Lemma 1 with Cauchy's interlacing theorem).",
        float(max(below.max(), above.max())),
        allowed / sample.rate,
        sample,
    )


def check_diagonal_hessian(adapter: Any, sample: StepSample) -> None:
    """Appendix A.3: for a diagonal H the remaining eigenvalues of P^-1 H are eta q_i H_ii.

    The eigenvalues must be distinct. With q the *inverse* of H's diagonal they are all eta; the paper's
    "approximation to the Hessian diagonal"
    is a slip. The sample's basis must be made of coordinate vectors.
    """
    if sample.quadratic.basis not in ("identity", "permutation"):
        raise ValueError("`sample` needs a diagonal Hessian: a basis of kind identity or permutation.")
    q = np.asarray(sample.preconditioner)
    P_inverse = inverse_preconditioner(adapter, sample, diagonal_base(sample))
    effective = P_inverse @ sample.quadratic.hessian
    wanted = sample.rate * q * np.diag(sample.quadratic.hessian)
    coordinates = np.argmax(
        np.abs(sample.rest_vectors), axis=0
    )  # the coordinate of each remaining eigenvector
    defect = effective[:, coordinates] - np.diag(wanted)[:, coordinates]
    require(
        "For a diagonal Hessian the remaining eigenvalues of P^-1 H are eta q_i H_ii (appendix A.3).",
        float(np.max(np.abs(defect), initial=0.0)),
        sample.quadratic.norm * _rounding(sample, q),
        sample,
    )


def check_lemma3(adapter: Any, sample: StepSample) -> None:
    """Lemma 3: with an identity base P^-1 = V diag(alpha u, eta) V'; P^-1 H has alpha, eta lambda-tilde."""
    ones = np.ones(sample.n)
    P_inverse = inverse_preconditioner(adapter, sample, identity_base(sample))
    V, W = sample.known_vectors, sample.rest_vectors
    rounding = SLACK * sample.n * UNIT * _norm(sample, ones)
    wanted = sample.alpha * (V * sample.curvature_inverse) @ V.T + sample.rate * W @ W.T
    require(
        "With gradient descent as base P^-1 = V diag(alpha u, eta) V' (Lemma 3, claim 1).",
        float(np.max(np.abs(P_inverse - wanted))),
        rounding,
        sample,
    )
    effective = P_inverse @ sample.quadratic.hessian
    images = sample.alpha * V * np.sign(sample.known_eigenvalues), sample.rate * W * sample.rest_eigenvalues
    defect = np.concatenate([effective @ V - images[0], effective @ W - images[1]], axis=1)
    require(
        "With gradient descent as base P^-1 H has alpha and eta lambda-tilde (Lemma 3, claim 3).",
        float(np.max(np.abs(defect))),
        2 * sample.n * sample.quadratic.norm * rounding,
        sample,
    )


def lemma4_promises(sample: StepSample) -> bool:
    """Returns whether one of Lemma 4's three cases holds, read from the sample's numbers.

    Raises:
        ValueError: the lemma does not speak of the sample (k + l = 0 or n, or a Hessian that is not positive
        definite).
    """
    values = sample.quadratic.eigenvalues
    if not 1 <= len(sample.known) <= sample.n - 1 or values[-1] <= 0:
        raise ValueError("`sample` must have 1 <= k + l <= n - 1 and positive eigenvalues for Lemma 4.")
    eta, alpha, kappa = sample.rate, sample.alpha, values[0] / values[-1]
    upper, lower = eta * float(sample.rest_eigenvalues[0]), eta * float(sample.rest_eigenvalues[-1])
    if alpha < lower:
        return upper / alpha <= kappa
    if alpha <= upper:
        return True
    return alpha / lower <= kappa


def check_lemma4(adapter: Any, sample: StepSample) -> None:
    """Lemma 4 as an equivalence: the condition number does not grow iff one of the three cases holds.

    The effective condition number is the ratio of the extreme eigenvalues of P^-1 H, taken from the similar
    symmetric matrix H^(1/2) P^-1 H^(1/2).
    """
    promised = lemma4_promises(sample)
    values, Q = np.asarray(sample.quadratic.eigenvalues), sample.quadratic.eigenvectors
    root = (Q * np.sqrt(values)) @ Q.T
    P_inverse = inverse_preconditioner(adapter, sample, identity_base(sample))
    effective = root @ P_inverse @ root
    spectrum = np.linalg.eigvalsh((effective + effective.T) / 2)
    if spectrum[0] <= 0:
        raise PropertyViolation("P^-1 H has a positive spectrum (Lemma 3).", -spectrum[0], 0.0, sample)
    kappa, kappa_fosi = values[0] / values[-1], spectrum[-1] / spectrum[0]
    # The smallest eigenvalue carries the rounding of the whole product, n u |H| |P^-1|, relative to itself.
    loss = SLACK * sample.n * UNIT * values[0] * _norm(sample, np.ones(sample.n)) / spectrum[0]
    if promised:
        require(
            "In Lemma 4's cases the condition number does not grow.", kappa_fosi / kappa - 1, loss, sample
        )
    else:
        require("Outside Lemma 4's cases the condition number grows.", kappa / kappa_fosi - 1, loss, sample)
    rest = sample.rest_eigenvalues
    inside = sample.rate * rest[-1] <= sample.alpha <= sample.rate * rest[0]
    if inside and rest[0] / rest[-1] < kappa * (1 - 4 * loss):
        require("In Lemma 4's second case it shrinks (distinct ends).", kappa_fosi / kappa - 1, -loss, sample)
