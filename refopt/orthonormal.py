"""Orthonormal rows that grow one at a time, and the Gram-Schmidt sweeps that keep them orthonormal.

A sweep writes a vector w chunk by chunk, and measures the coefficients c = U w on all rows and |w| while the
chunk of w is in cache. A pass of Gram-Schmidt is the sweep w <- w - U'c with the c measured last. How many
passes are made follows from the measurement, not from a fixed count:

    |c| <= 10 eps |w|    none: c is the rounding of measuring it;
    |c| <= |w| / 10      one, and what it leaves is not measured: |U U' - I| is some eps, so that it is some
                         eps |c| from the rows and some eps |w| from the rounding of c;
    else                 one, measured, and then as before.

So the rows are read at most twice for a vector that is not nearly inside their span.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from refopt.arrays import Array, cache_columns, device_of, namespace, to_host

MEASURED_ZERO = 10 * 2.0**-52  # |c| / |w| up to this is the rounding of measuring c
SMALL = 0.1  # |c| / |w| up to this is removed to rounding level by one pass
MOST_PASSES = 4  # one or two suffice for every vector that has a part outside the rows
SHORT = 16384  # shorter vectors are swept in one slice: their cost is that of the calls
EQUAL = 1e-8  # parts outside the rows that differ by less are equal but for rounding
SMALLEST_SQUARE = 2.0**-960  # a sum of squares below this has lost digits to underflow


class Measured(NamedTuple):
    """What a sweep measured: the coefficients U w (count,), on the device and on the host, and |w|."""

    coefficients: Array
    on_host: list[float]
    norm: float


class OrthonormalRows:
    """Rows u_1, ..., u_count of length n, float64, in one or more row-major blocks.

    Args:
        like: a vector (n,) whose library and device the rows take.
        blocks: number of rows of each block. Whoever needs only a few combinations of the rows makes a last
            block of that size, forms them there with `combine_in_last_block` and so frees the other blocks.
    """

    def __init__(self, like: Array, blocks: Sequence[int]) -> None:
        self.xp, self.device, self.n = namespace(like), device_of(like), like.shape[0]
        self.blocks = [self._empty(rows) for rows in blocks]
        self.capacity = sum(blocks)
        self.count = 0
        self._like = like
        # A sweep holds two arrays as long as a slice. Device libraries copy a block that is cut by columns.
        on_device = cache_columns(like, self.n) == self.n
        self._slices = self.chunks(1 if on_device or self.n < SHORT else 2)
        self._spare: Array = None
        self._outside: Array = None
        self._outside_of = 0  # number of rows that `_outside` knows

    def _empty(self, rows: int) -> Array:
        return self.xp.empty((rows, self.n), dtype=self.xp.float64, device=self.device)

    def row(self, index: int) -> Array:
        """Storage of row `index` (n,), counted from 0; past the capacity, a spare row."""
        for block in self.blocks:
            if index < block.shape[0]:
                return block[index, :]
            index -= block.shape[0]
        if self._spare is None:
            self._spare = self._empty(1)
        return self._spare[0, :]

    def active(self) -> list[Array]:
        """The rows that exist, block by block, as views (rows, n)."""
        views, left = [], self.count
        for block in self.blocks:
            rows = min(left, block.shape[0])
            if rows:
                views.append(block[:rows, :])
            left -= rows
        return views

    def chunks(self, parts: int) -> list[slice]:
        """At least `parts` slices of the columns, each short enough to stay in cache."""
        width = min(cache_columns(self._like, 1), max(-(-self.n // parts), 32))
        return [slice(begin, min(begin + width, self.n)) for begin in range(0, self.n, width)]

    def sweep(self, w: Array, piece: Callable[[slice], Array], *, measure: bool = True) -> Measured:
        """Write w[s] = piece(s) for every chunk s of the columns; measure |w| and, if told, U w."""
        xp, active = self.xp, self.active() if measure else []
        total: Array = None
        for s in self._slices:
            new = piece(s)
            w[s] = new
            parts = [xp.matmul(rows[:, s], new) for rows in active]
            part = xp.concat([*parts, xp.reshape(xp.matmul(new, new), (1,))])
            total = part if total is None else total + part
            del new
        host = to_host(total).tolist()
        norm = math.sqrt(host[-1]) if host[-1] > SMALLEST_SQUARE else self._small_norm(w)
        return Measured(total[:-1], host[:-1], norm)

    def _small_norm(self, w: Array) -> float:
        """The norm of a vector whose squares underflow."""
        largest = float(self.xp.max(self.xp.abs(w)))
        return largest * float(self.xp.linalg.vector_norm(w / largest)) if largest > 0 else 0.0

    def remove(self, w: Array, coefficients: Array, *, measure: bool = True) -> Measured:
        """One pass of Gram-Schmidt, w <- w - U'c, and what it leaves."""
        terms = self._split(coefficients)

        def piece(s: slice) -> Array:
            new = w[s]
            for c, rows in terms:
                new -= self.xp.matmul(c, rows[:, s])
            return new

        return self.sweep(w, piece, measure=measure)

    def _split(self, weights: Array) -> list[tuple[Array, Array]]:
        """The weights (count, ...) of each block beside the block's rows."""
        terms, begin = [], 0
        for rows in self.active():
            end = begin + rows.shape[0]
            terms.append((weights[begin:end, ...], rows))
            begin = end
        return terms

    def orthogonalise(self, w: Array, measured: Measured, negligible: float) -> float:
        """Passes until nothing is left on the rows, or until |w| <= negligible; returns |w|.

        It is 0 where every pass leaves as much as it removes: then w has no part outside the rows.
        """
        for _ in range(MOST_PASSES):
            left = math.hypot(*measured.on_host)
            if measured.norm <= negligible or left <= MEASURED_ZERO * measured.norm:
                return measured.norm
            if left <= SMALL * measured.norm:
                return self.remove(w, measured.coefficients, measure=False).norm
            measured = self.remove(w, measured.coefficients)
        return 0.0

    def append(self, w: Array, norm: float) -> None:
        """Make w / norm the next row; w may be the storage of that row."""
        row = self.row(self.count)
        for s in self._slices:
            row[s] = w[s] / norm
        self.count += 1

    def append_fresh(self) -> None:
        """Make a row of the coordinate vector with the largest part outside the rows, the first of equals."""
        xp, kind = self.xp, {"dtype": self.xp.float64, "device": self.device}
        if self._outside is None:
            self._outside = xp.ones(self.n, **kind)
        for index in range(self._outside_of, self.count):
            self._outside -= self.row(index) ** 2  # |e_i - U'U e_i|^2 = 1 - sum_j U_ji^2
        self._outside_of = self.count
        best = self._outside >= xp.max(self._outside) - EQUAL
        index = int(xp.argmax(xp.astype(best, xp.int8)))
        w = self.row(self.count)
        w[:] = xp.zeros(self.n, **kind)
        w[index : index + 1] = xp.ones(1, **kind)
        self.append(w, self.orthogonalise(w, self.sweep(w, lambda s: w[s]), 0.0))

    def combine_in_last_block(self, weights: Array) -> Array:
        """Overwrite the first p rows of the last block with weights' U and return them, (p, n).

        The other blocks are freed and no row exists afterwards.

        Args:
            weights: (count, p), with p no more than the rows of the last block.
        """
        xp, last, p = self.xp, self.blocks[-1], weights.shape[1]
        terms = self._split(weights)
        self._spare = self._outside = None
        for s in self.chunks(p):  # three (p, slice) arrays live at a time: at most three vectors
            combined: Array = 0.0
            for block_weights, rows in terms:
                combined = combined + xp.matmul(xp.matrix_transpose(block_weights), rows[:, s])
            last[:p, s] = combined
        self.blocks, self.count = [last], 0
        return last[:p, :]
