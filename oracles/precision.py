"""Numbers of the oracle: exact float64 in, mpmath inside, 40 frozen digits out; and vector operations.

A vector is a list of `mpf`, a matrix a list of rows: plain lists, because mpmath's own matrices are
dictionaries and slow. Every function works at the precision in force (`mp.workdps`), none rounds to float64
on the way.
"""

import math
import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from mpmath import mp, mpf

Number = Any
Vector = list[Any]
Matrix = list[list[Any]]

DIGITS = (50, 80)
FROZEN = 40
PERTURBATION = -40
UNIT_ROUNDOFF = {"float64": mpf(2) ** -53, "float32": mpf(2) ** -24}


def is_float32(x: float) -> bool:
    """Say whether a float64 is exactly representable in float32."""
    return bool(math.isfinite(x)) and struct.unpack("f", struct.pack("f", x))[0] == x


def round_float32(x: float) -> float:
    """Return the float32 nearest to x, as a float."""
    return float(struct.unpack("f", struct.pack("f", x))[0])


def floats(values: Any) -> Any:
    """Round a number or a nested list of them to the nearest float64, so that it can be an exact input."""
    return [floats(v) for v in values] if isinstance(values, (list, tuple)) else float(values)


def numbers(values: Any) -> Any:
    """Convert a number or a nested list of them to mpf, exactly."""
    return [numbers(v) for v in values] if isinstance(values, (list, tuple)) else mpf(values)


def fraction(x: Number) -> Fraction:
    """Return the exact rational value of a float or a finite mpf."""
    if isinstance(x, (int, float)):
        return Fraction(x)
    mantissa, exponent = (int(part) for part in x.man_exp)
    return Fraction(-abs(mantissa) if x < 0 else abs(mantissa)) * Fraction(2) ** exponent


def decade(x: Fraction) -> int:
    """Return the exponent e with 10^e <= x < 10^(e+1), x > 0, exactly."""
    exponent = len(str(x.numerator)) - len(str(x.denominator))
    return exponent if Fraction(10) ** exponent <= x else exponent - 1


def frozen(x: Number, scale: Number) -> str:
    """Write x in decimal with 40 digits of the scale: the last place is 10^(floor(log10 scale) - 39).

    A component far below its quantity's scale so keeps fewer digits, which are all that were certified. Ties
    go to even on the exact rational number, so that the text is the same with every version of mpmath.
    """
    if not mp.isfinite(x):
        raise ValueError(f"a frozen value must be finite, {x} was computed.")
    exact = fraction(x)
    if not exact:
        return "0"
    last = decade(abs(fraction(scale) or exact)) - FROZEN + 1
    whole = abs(round(exact / Fraction(10) ** last))
    if not whole:
        return "0"
    while whole % 10 == 0:
        whole, last = whole // 10, last + 1
    return ("-" if exact < 0 else "") + _decimal(str(whole), last)


def _decimal(digits: str, last: int) -> str:
    """Write digits 10^last: positional where it is short, else with an exponent."""
    first = len(digits) - 1 + last
    if not -6 <= first <= 20:
        return f"{digits[0]}.{digits[1:] or '0'}e{first}"
    if last >= 0:
        return f"{digits}{'0' * last}.0"
    if first < 0:
        return f"0.{'0' * (-first - 1)}{digits}"
    return f"{digits[: first + 1]}.{digits[first + 1 :]}"


def flat(values: Any) -> list[Any]:
    """List the entries of a number, vector or matrix in row-major order."""
    return [y for v in values for y in flat(v)] if isinstance(values, (list, tuple)) else [values]


def shape(values: Any) -> tuple[int, ...]:
    """Return the shape of a number, vector or matrix; ragged rows are an error."""
    if not isinstance(values, (list, tuple)):
        return ()
    inner = {shape(v) for v in values}
    if len(inner) > 1:
        raise ValueError(f"rows of one array have different shapes: {sorted(inner)}.")
    return (len(values), *(inner.pop() if inner else ()))


def largest(values: Any) -> Number:
    """Return the largest absolute entry (0 for an empty array)."""
    return max((abs(v) for v in flat(values)), default=mpf(0))


def dot(a: Sequence[Number], b: Sequence[Number]) -> Number:
    """Return a'b."""
    return mp.fdot(a, b)


def norm(a: Any) -> Number:
    """Return the Euclidean norm of the entries of a number, vector or matrix."""
    return mp.sqrt(mp.fsum(v * v for v in flat(a)))


def add(a: Sequence[Number], b: Sequence[Number], factor: Number = 1) -> Vector:
    """Return a + factor b."""
    return [x + factor * y for x, y in zip(a, b, strict=True)]


def subtract(a: Sequence[Number], b: Sequence[Number]) -> Vector:
    """Return a - b."""
    return [x - y for x, y in zip(a, b, strict=True)]


def times(factor: Number, a: Sequence[Number]) -> Vector:
    """Return factor a."""
    return [factor * x for x in a]


def matvec(matrix: Matrix, a: Sequence[Number]) -> Vector:
    """Return the matrix times a."""
    return [mp.fdot(row, a) for row in matrix]


def transpose(matrix: Matrix) -> Matrix:
    """Return the transpose."""
    return [list(column) for column in zip(*matrix, strict=True)]


def matmul(a: Matrix, b: Matrix) -> Matrix:
    """Return the product of two matrices."""
    columns = transpose(b)
    return [[mp.fdot(row, column) for column in columns] for row in a]


def combine(columns: Matrix, coefficients: Sequence[Number]) -> Vector:
    """Return the linear combination of vectors given as the rows of `columns` (transposed storage)."""
    return [mp.fdot(entries, coefficients) for entries in zip(*columns, strict=True)]


def project(matrix: Matrix, a: Sequence[Number]) -> Vector:
    """Return V V'a for a matrix V (n, k) whose columns are orthonormal; zeros for k = 0."""
    vectors = transpose(matrix) if matrix and matrix[0] else []
    return combine(vectors, [dot(v, a) for v in vectors]) if vectors else [mpf(0) for _ in a]


def solve(matrix: Matrix, b: Sequence[Number]) -> Vector:
    """Solve a square system by mpmath's LU decomposition."""
    return list(mp.lu_solve(mp.matrix(matrix), mp.matrix(b)))


def eigensystem(matrix: Matrix) -> tuple[Vector, Matrix]:
    """Return all eigenvalues, descending, and the eigenvectors as columns, by mpmath's full `eigsy`."""
    if not matrix:
        return [], []
    values, vectors = mp.eigsy(mp.matrix(matrix))
    order = sorted(range(len(values)), key=lambda i: -values[i])
    return [values[i] for i in order], [[vectors[r, i] for i in order] for r in range(len(values))]


def at_digits(digits: int, function: Callable[[], Any]) -> Any:
    """Evaluate a function with that many decimal digits."""
    with mp.workdps(digits):
        return function()
