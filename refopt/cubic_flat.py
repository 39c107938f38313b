"""Singular curvature under a cubic term that is below its rounding.

Where H is positive semidefinite with null vectors, the cubic term alone decides along them. When it is so
small that H + rho E^2 is singular to working precision, the sum has lost it. Then H is taken apart. In the
coordinates eta = 2^t (V u + R y), V a basis of the null vectors and R Lambda R' the rest of H, scaled to a
diagonal near 1, H is diag(0, Lambda). As H does not see u, u may be shifted so that the cubic norm has no
product of u and y:

    E 2^t V = A = Q_A R_A,   E 2^t R = B,   |E eta|^2 = |R_A (u + R_A^-1 Q_A'B y)|^2 + |(I - Q_A Q_A') B y|^2.

With the eigenvectors P of Lambda^-1/2 B'(I - Q_A Q_A') B Lambda^-1/2 the model becomes diagonal: curvature 0
and e = 1 for R_A u, curvature 1 for the others. An eigenvalue, or a part of g, within 8 n eps counts as 0.
Where the scales d differ by many orders along the null vectors too, the way back loses more than the sum
does; r and the equations tell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from refopt.cubic_pencil import NOTHING, Model, Pencil, equilibrated, model

EPS = 2.0**-52
NULL = 8.0  # in n eps
WEAK = 2.0**-27  # of the terms in H: with a smaller cubic curvature, rounding in the sum costs more than in H
PIVOT = 2.0**8  # largest element of the diagonal of L^-1 below which no curvature can be weak


class Flat(NamedTuple):
    """The diagonal model, and the way back."""

    model: Model
    null: np.ndarray  # V R_A^-1
    rest: np.ndarray  # (R - V R_A^-1 Q_A'B) Lambda^-1/2 P
    shift: np.ndarray  # t

    def restore(self, eta: np.ndarray) -> np.ndarray:
        """The point of the model that this one was made from."""
        q = self.null.shape[1]
        return np.ldexp(self.null @ eta[:q] + self.rest @ eta[q:], self.shift)


def weak(p: Pencil, rho: float) -> bool:
    """Whether the cubic term adds less than `WEAK` to H along the variables' least curvature."""
    if p.inverse.diagonal().max() < PIVOT or not p.theta.size:
        return False
    x = p.X @ p.Q[:, 0]
    v = np.abs(p.inverse.T @ x)
    length = float(x @ x)
    return rho * length < WEAK * (float(v @ (np.abs(p.H) @ v)) + length)


def flattened(m: Model) -> Flat | None:
    """The diagonal form of a model whose H is semidefinite and singular to working precision, else None."""
    C, t = equilibrated(m.H)
    if np.abs(C).max() > 2.0:  # the diagonal is below 2
        return None
    values, Q = np.linalg.eigh(C)
    tolerance = NULL * t.size * EPS * max(1.0, float(values[-1]))
    q = int((values <= tolerance).sum())
    if q == 0 or values[0] < -tolerance:
        return None
    V, R, root = Q[:, :q], Q[:, q:], np.sqrt(values[q:])
    power = m.exponent + t
    f = int(power.max())
    E = np.ldexp(m.mantissa, power - f)[:, None]
    Q_A, R_A = np.linalg.qr(E * V)
    if not R_A.diagonal().all():
        return None
    across = Q_A.T @ (E * R)
    F = (E * R - Q_A @ across) / root
    nu, P = np.linalg.eigh(F.T @ F)
    c = int((m.pull + t).max())
    g = np.ldexp(m.g, t - c)
    along = V.T @ g
    if np.linalg.norm(along) <= NULL * t.size * EPS * np.abs(g).sum():
        along = np.zeros(q)
    null = np.linalg.solve(R_A.T, V.T).T
    rest = (R - null @ across) / root @ P
    pull = np.linalg.solve(R_A.T, along)  # null'g without the rounding in V'g
    pull = np.concatenate((pull, P.T @ ((R.T @ g - across.T @ pull) / root)))
    mantissa, exponent = np.frexp(np.concatenate((np.ones(q), np.sqrt(np.maximum(nu, 0.0)))))
    return Flat(
        model(
            np.diag(np.concatenate((np.zeros(q), np.ones(root.size)))),
            np.ldexp(pull, c),
            mantissa,
            np.where(mantissa == 0.0, NOTHING, exponent.astype(np.int64) + f),
        ),
        null,
        rest,
        t,
    )
