"""Sets of accepted answers: {center + sum y_j directions_j + sum z_i free_i : |y| = 1}, sphere and flat."""

from mpmath import mp, mpf

from oracles.precision import Matrix, Number, Vector, add, combine, dot, norm, solve, subtract, times


def distance(center: Vector, directions: Matrix, free: Matrix, x: Vector) -> Number:
    """Return how far x is from the set: the part outside its span, or the defect of |y| = 1.

    Args:
        center: see above.
        directions: one vector a row; may be empty.
        free: one vector a row; may be empty.
        x: a point.

    Returns:
        The larger of |x - center - By - Fz| and ||y| - 1| times the longest direction, (y, z) the
        least-squares coordinates of x - center.
    """
    columns, rest = [*directions, *free], subtract(x, center)
    if not columns:
        return norm(rest)
    coordinates = solve([[dot(a, b) for b in columns] for a in columns], [dot(a, rest) for a in columns])
    outside = norm(subtract(rest, combine(columns, coordinates)))
    if not directions:
        return outside
    longest = max(norm(v) for v in directions)
    return max(outside, abs(norm(coordinates[: len(directions)]) - 1) * longest)


def points(center: Vector, directions: Matrix, free: Matrix, step: Number) -> Matrix:
    """Return points of the set that between them see each of its directions, a step along each free one."""
    tips = [add(center, v, sign) for v in directions for sign in (1, -1)]
    if len(directions) > 1:
        diagonal = times(1 / mp.sqrt(len(directions)), combine(directions, [mpf(1)] * len(directions)))
        tips.append(add(center, diagonal))
    first = tips[0] if tips else center
    return [*(tips or [center]), *(add(first, v, step / norm(v)) for v in free)]
