"""Exact linear algebra over the rationals: the decisions of the cubic model, taken without a tolerance.

Whether a quadratic form is nonnegative, what its kernel is, and which part of a space a vector can reach
under a matrix are yes-or-no questions about the inputs, which are exact; rounding could only blur them.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

Exact = list[Fraction]
Form = list[Exact]


def inner(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    """Return a'b."""
    return sum((x * y for x, y in zip(a, b, strict=True) if x and y), Fraction(0))


def image(matrix: Form, a: Exact) -> Exact:
    """Return the matrix times a."""
    return [inner(row, a) for row in matrix]


def shifted(a: Exact, b: Exact, factor: Fraction) -> Exact:
    """Return a + factor b."""
    return [x + factor * y for x, y in zip(a, b, strict=True)] if factor else a


def unit(n: int, i: int) -> Exact:
    """Return the coordinate axis i of n."""
    return [Fraction(int(i == j)) for j in range(n)]


class Diagonal(NamedTuple):
    """A form in diagonal coordinates: q(v_i, v_j) = 0 for i != j.

    Attributes:
        pivots: vectors v and q(v) > 0.
        kernel: a basis of the vectors with Cv = 0; complete only without a witness.
        witness: a vector with q < 0, or None if the form is nonnegative.
    """

    pivots: list[tuple[Exact, Fraction]]
    kernel: list[Exact]
    witness: Exact | None

    def solve(self, y: Exact) -> Exact:
        """Return a solution of Cx = y for y in the range of a nonnegative C."""
        out = [Fraction(0)] * len(y)
        for v, q in self.pivots:
            out = shifted(out, v, inner(v, y) / q)
        return out


def diagonalize(form: Form) -> Diagonal:
    """Diagonalise a symmetric form by Gram and Schmidt's process in the form itself (Lagrange)."""
    rest = [unit(len(form), i) for i in range(len(form))]
    pivots: list[tuple[Exact, Fraction]] = []
    while rest:
        images = [image(form, v) for v in rest]
        sizes = [inner(v, w) for v, w in zip(rest, images, strict=True)]
        negative = next((v for v, q in zip(rest, sizes, strict=True) if q < 0), None)
        if negative is not None:
            return Diagonal(pivots, [], negative)
        chosen = next((i for i, q in enumerate(sizes) if q), None)
        if chosen is None:
            return _flat_rest(pivots, rest, images)
        v, w, q = rest.pop(chosen), images[chosen], sizes[chosen]
        rest = [shifted(u, v, -inner(u, w) / q) for u in rest]
        pivots.append((v, q))
    return Diagonal(pivots, [], None)


def _flat_rest(pivots: list[tuple[Exact, Fraction]], rest: list[Exact], images: list[Exact]) -> Diagonal:
    """Conclude where q(v) = 0 for each vector left: a kernel, or two of them that are coupled."""
    for i, u in enumerate(rest):
        for w in images[:i]:
            coupling = inner(u, w)
            if coupling:
                partner = rest[images.index(w)]
                return Diagonal(pivots, [], shifted(partner, u, Fraction(-1 if coupling > 0 else 1)))
    return Diagonal(pivots, rest, None)


class Block(NamedTuple):
    """A subspace that a matrix M, symmetric in an inner product, maps to itself, with its orthogonal basis.

    Attributes:
        vectors: q_0, q_1, .. with M q_j = q_(j+1) + alpha_j q_j + beta_j q_(j-1): exact Lanczos.
        sizes: the squared norms of the vectors in the inner product; beta_j = sizes[j] / sizes[j-1].
        alphas: the diagonal.
    """

    vectors: list[Exact]
    sizes: Exact
    alphas: Exact

    def beta(self, j: int) -> Fraction:
        """Return the squared coupling of q_(j-1) and q_j."""
        return self.sizes[j] / self.sizes[j - 1]

    def characteristic(self) -> Exact:
        """Return det(x - M) on the block, lowest coefficient first; its roots are real and simple."""
        before, now = [Fraction(0)], [Fraction(1)]
        for j, alpha in enumerate(self.alphas):
            beta = self.beta(j) if j else Fraction(0)
            longer = [Fraction(0), *now]
            rows = zip(longer, [*now, Fraction(0)], before + [Fraction(0)] * 2, strict=False)
            before, now = now, [x - alpha * y - beta * z for x, y, z in rows]
        return now

    def below(self, x: Fraction) -> int:
        """Count the eigenvalues below x, by signs of the leading minors (Sturm)."""
        count, before = 0, None
        for j, alpha in enumerate(self.alphas):
            if before == 0:  # as if it were just above 0: the next pivot is negative, and decouples
                count, before = count + 1, None
                continue
            before = alpha - x - (self.beta(j) / before if before is not None else 0)
            count += before < 0
        return count

    def lowest(self, digits: int) -> tuple[Fraction, Fraction]:
        """Enclose the smallest eigenvalue, alone, in [low, high]: equal ends or 10^-digits of it apart."""
        if len(self.alphas) == 1:
            return self.alphas[0], self.alphas[0]
        zero = Fraction(0)
        if not self.below(zero) and not self.characteristic()[0]:
            return zero, zero
        bound = max(*(x * x for x in self.alphas), *(4 * self.beta(j) for j in range(1, len(self.alphas))))
        size = power_of_two_above(bound)
        low, high = -2 * size, min(self.alphas)
        while high - low > min(abs(low), abs(high)) / 10**digits or self.below(high) > 1:
            middle = (low + high) / 2
            low, high = (low, middle) if self.below(middle) else (middle, high)
        return low, high


def power_of_two_above(square: Fraction) -> Fraction:
    """Return a power of two between the root of a positive number and eight times it."""
    bits = square.numerator.bit_length() - square.denominator.bit_length()
    return Fraction(2) ** (bits // 2 + 2)


def blocks(matrix: Form, weights: Exact, start: Exact) -> list[Block]:
    """Split a space into blocks of M = W^-1 A, orthogonal in W: the first holds what the start reaches.

    Args:
        matrix: the symmetric A.
        weights: the diagonal of W > 0.
        start: the first vector of the first block; zero: that block is empty and left out.
    """
    n, out = len(matrix), []
    found: list[tuple[Exact, Fraction]] = []
    for candidate in [start, *(unit(n, i) for i in range(n))]:
        vector = candidate
        for q, size in found:
            vector = shifted(vector, q, -_weighted(weights, q, candidate) / size)
        if any(vector):
            block = _reach(matrix, weights, vector)
            found += zip(block.vectors, block.sizes, strict=True)
            out.append(block)
    return out


def _weighted(weights: Exact, a: Exact, b: Exact) -> Fraction:
    return inner([w * x for w, x in zip(weights, a, strict=True)], b)


def _reach(matrix: Form, weights: Exact, start: Exact) -> Block:
    vectors, sizes, alphas = [start], [_weighted(weights, start, start)], []
    while True:
        last = vectors[-1]
        stretched = image(matrix, last)
        alphas.append(inner(last, stretched) / sizes[-1])
        following = shifted([x / w for x, w in zip(stretched, weights, strict=True)], last, -alphas[-1])
        if len(vectors) > 1:
            following = shifted(following, vectors[-2], -sizes[-1] / sizes[-2])
        if not any(following):
            return Block(vectors, sizes, alphas)
        vectors.append(following)
        sizes.append(_weighted(weights, following, following))


def polynomial(coefficients: Exact, x: Fraction) -> Fraction:
    """Return the value of a polynomial, lowest coefficient first."""
    out = Fraction(0)
    for c in reversed(coefficients):
        out = out * x + c
    return out


def common_factor(a: Exact, b: Exact) -> Exact:
    """Return the monic greatest common divisor of two polynomials, lowest coefficient first."""
    while any(b):
        while not b[-1]:
            b = b[:-1]
        rest = list(a)
        while len(rest) >= len(b):
            factor, offset = rest[-1] / b[-1], len(rest) - len(b)
            rest = [x - factor * b[i - offset] if i >= offset else x for i, x in enumerate(rest)][:-1]
        a, b = b, rest
    return [x / a[-1] for x in a]


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction with the smallest denominator in [low, high]."""
    if low <= 0 <= high:
        return Fraction(0)
    if high < 0:
        return -simplest(-high, -low)
    whole = low.numerator // low.denominator
    if whole == low or whole + 1 <= high:
        return Fraction(whole + (whole != low))
    return whole + 1 / simplest(1 / (high - whole), 1 / (low - whole))
