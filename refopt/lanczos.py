"""The Lanczos process with full reorthogonalisation, for Hessian-vector products.

After m steps the rows u_1, ..., u_m of U (`basis`) are orthonormal and, with T the symmetric tridiagonal
matrix of `diagonal` and `off_diagonal` and e_m the last coordinate vector of R^m,

    H U' = U' T + beta_m u_{m+1} e_m',        beta_m = `residual_norm`.

FOSI paper (ICLR 2024), appendix A.1, Algorithm 1. Differs from the paper and from the published code:

1. A breakdown, beta_j <= tolerance |H|, ends the Krylov space instead of being divided by. The process stops
   there, or goes on with a fresh vector orthogonal to all rows while fewer than `restart_until` rows exist;
   T has a 0 at that place.
2. There are never more than n rows.
3. Orthogonality is measured, not assumed: the three-term recurrence removes u_j and u_{j-1}, and the same
   sweep measures the coefficients c on all rows; passes remove them until |c| <= 10 eps |w|, so that the
   inner products of two rows stay at rounding level. One pass is the most it takes, but for breakdowns.
4. For a symmetric H those coefficients vanish in exact arithmetic, so they reveal an asymmetric one, at no
   extra product.
5. The process runs in float64 around products in the dtype of the start vector (appendix A.7).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from refopt.arrays import (
    Array,
    asarray_like,
    check_count,
    check_nonnegative,
    check_real_vector,
    check_vector,
    dtype_name,
    namespace,
)
from refopt.orthonormal import Measured, OrthonormalRows

# A breakdown missed costs a product: the next row is orthogonal all the same, and T holds the tiny beta. One
# seen where there is none loses every eigenvalue below tolerance |H|. So float32 stays at the rounding of a
# product, 4 eps |H|; float64 has room for errors that steps enlarge (43 eps |H| on quadratic-repeated-8).
BREAKDOWN_EPS = 4
BREAKDOWN_LEAST = 2.0**-44
LARGEST_ENTRY = 2.0**480  # above this the squares of n entries may overflow


class Lanczos(NamedTuple):
    """What m steps of the Lanczos process found.

    Attributes:
        diagonal: of T, (m,) float64.
        off_diagonal: of T, (m-1,) float64, positive, or 0 where the process was restarted.
        basis: orthonormal rows u_1, ..., u_m, (m, n) float64.
        residual_norm: beta_m; 0, to the rounding of a product, after a breakdown or when the rows span R^n.
        products: number of Hessian products made.
        breakdowns: how often the Krylov space was exhausted before the rows spanned R^n.
    """

    diagonal: Array
    off_diagonal: Array
    basis: Array
    residual_norm: float
    products: int
    breakdowns: int


class NonFiniteProduct(ArithmeticError):
    """A Hessian product holds NaN, an infinity, or numbers whose squares overflow."""


class AsymmetricProduct(ValueError):
    """The products are not those of a symmetric matrix.

    Attributes:
        asymmetry: |u_i'H u_j - u_j'H u_i| / |H| for the pair of rows where it is largest.
    """

    def __init__(self, message: str, asymmetry: float) -> None:
        super().__init__(message)
        self.asymmetry = asymmetry


def lanczos(
    hvp: Callable[[Array], Array],
    start: Array,
    steps: int,
    *,
    restart_until: int = 0,
    tolerance: float | None = None,
    symmetry_tolerance: float | None = None,
) -> Lanczos:
    """Run the Lanczos process (module docstring; FOSI paper, Algorithm 1).

    Args:
        hvp: maps a vector v (n,), which it leaves as it is, to H v in the dtype of `start`, for one fixed
            symmetric H.
        start: first direction, (n,) float32 or float64, finite and not zero; its length does not matter.
        steps: most rows to make, at least 1; never more than n are made.
        restart_until: after a breakdown, go on while fewer rows than this exist. The fresh vector comes
            from the coordinate vector with the largest part outside the rows (the first of equals): nothing
            is random.
        tolerance: breakdown when beta <= tolerance |H|, where |H| is the largest |H u_j| so far; default 4
            eps of the dtype of `start`, at least 2^-44.
        symmetry_tolerance: largest asymmetry allowed, relative to that |H|; default the square root of that
            eps.

    Raises:
        TypeError: for an argument or a product of another type or dtype.
        ValueError: for a value out of range, a zero start, or a product of another shape.
        NonFiniteProduct: when a product holds NaN or an infinity.
        AsymmetricProduct: with the asymmetry measured.
    """
    check_count("steps", steps, 1)
    check_count("restart_until", restart_until, 0)
    check_vector("start", start)
    rows = OrthonormalRows(start, [min(steps, start.shape[0])])
    process = LanczosProcess(hvp, start, rows, tolerance, symmetry_tolerance)
    process.run(restart_until)
    return Lanczos(
        asarray_like(process.diagonal, start, "float64"),
        asarray_like(process.off_diagonal, start, "float64"),
        rows.active()[0],
        process.residual_norm,
        len(process.diagonal),
        process.breakdowns,
    )


class LanczosProcess:
    """The process at work: fills `rows` and the entries of T. Arguments as in `lanczos`."""

    def __init__(
        self,
        hvp: Callable[[Array], Array],
        start: Array,
        rows: OrthonormalRows,
        tolerance: float | None = None,
        symmetry_tolerance: float | None = None,
    ) -> None:
        self.hvp, self.start, self.rows, self.xp = hvp, start, rows, namespace(start)
        eps = float(self.xp.finfo(start.dtype).eps)
        self.tolerance = max(BREAKDOWN_EPS * eps, BREAKDOWN_LEAST) if tolerance is None else tolerance
        self.symmetry_tolerance = math.sqrt(eps) if symmetry_tolerance is None else symmetry_tolerance
        check_nonnegative("tolerance", self.tolerance)
        check_nonnegative("symmetry_tolerance", self.symmetry_tolerance)
        self.diagonal: list[float] = []
        self.off_diagonal: list[float] = []
        self.residual_norm = 0.0
        self.breakdowns = 0
        self.norm_seen = 0.0  # largest |H u_j|

    def run(self, restart_until: int) -> None:
        """Make rows until the capacity is reached or a breakdown leaves at least `restart_until` of them."""
        rows = self.rows
        self._append_start()
        while True:
            w, beta = self._step()
            if rows.count == rows.n:  # what is left of w is rounding
                return
            exhausted = beta <= self.tolerance * self.norm_seen
            self.breakdowns += exhausted
            if rows.count == rows.capacity or (exhausted and rows.count >= restart_until):
                self.residual_norm = 0.0 if exhausted else beta
                return
            self.off_diagonal.append(0.0 if exhausted else beta)
            if exhausted:
                rows.append_fresh()
            else:
                rows.append(w, beta)

    def _append_start(self) -> None:
        xp = self.xp
        direction = xp.astype(self.start, xp.float64)
        largest = float(xp.max(xp.abs(direction)))
        if largest == 0.0:
            raise ValueError("`start` is the zero vector; it must have a direction")
        direction = direction / largest  # so that no square overflows or underflows
        self.rows.append(direction, float(xp.linalg.vector_norm(direction)))

    def _step(self) -> tuple[Array, float]:
        """Multiply the newest row by H and extend T's diagonal; returns the new direction and its norm."""
        rows = self.rows
        u, w = rows.row(rows.count - 1), rows.row(rows.count)
        beta = self.off_diagonal[-1] if self.off_diagonal else 0.0
        before: Array = rows.row(rows.count - 2) if beta else None
        H_u = self._product(u)
        alpha = float(self.xp.matmul(u, H_u))

        def recurrence(s: slice) -> Array:
            new = H_u[s] - alpha * u[s]
            if beta:
                new -= beta * before[s]
            return new

        measured = rows.sweep(w, recurrence)
        self.diagonal.append(alpha + measured.on_host[-1])
        self.norm_seen = max(self.norm_seen, math.hypot(alpha, beta, measured.norm))
        self._check_symmetry(measured)
        return w, rows.orthogonalise(w, measured, self.tolerance * self.norm_seen)

    def _product(self, u: Array) -> Array:
        """H u in float64, u cast to the dtype of the start vector for the product."""
        xp = self.xp
        product = self.hvp(xp.astype(u, self.start.dtype, copy=False))
        check_real_vector("hvp(vector)", product, self.rows.n)
        if product.dtype != self.start.dtype:
            raise TypeError(
                f"`hvp(vector)` has dtype {dtype_name(product)} for a vector of {dtype_name(self.start)}; "
                "it must return the dtype it is given"
            )
        largest = max(abs(float(xp.max(product))), abs(float(xp.min(product))))
        if not largest <= LARGEST_ENTRY:  # NaN too
            raise NonFiniteProduct(
                f"`hvp(vector)` holds {largest} in product {len(self.diagonal) + 1}; "
                f"every element must be finite and at most {LARGEST_ENTRY:.0e} in size"
            )
        return xp.astype(product, xp.float64, copy=False)

    def _check_symmetry(self, measured: Measured) -> None:
        """u_i'(H u_j - alpha_j u_j - beta_{j-1} u_{j-1}) is u_i'H u_j - u_j'H u_i for every i < j."""
        defects = [abs(c) for c in measured.on_host[:-1]]
        largest = max(defects, default=0.0)
        if largest > self.symmetry_tolerance * self.norm_seen:
            asymmetry = largest / self.norm_seen
            raise AsymmetricProduct(
                f"`hvp` is not symmetric: u_i'H u_j and u_j'H u_i differ by {asymmetry:.3g} |H| for the "
                f"basis vectors i = {defects.index(largest) + 1} and j = {len(self.diagonal)}; "
                f"allowed is {self.symmetry_tolerance:.3g} |H|",
                asymmetry,
            )
