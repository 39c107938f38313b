"""The table of AMOS' selections (L3)."""

from typing import Any

from oracles.amos_selection import selection_case as _case
from oracles.bases import draws
from oracles.case import Case

EDGE = 0.125
ABOVE, BELOW = EDGE + 2.0**-55, EDGE - 2.0**-56
ASCENT: dict[str, Any] = {"threshold": "newton-ascent"}
TENSOR: dict[str, Any] = {"granularity": "tensor"}


def _tensors() -> list[Case]:
    # fmt: off
    return [
        _case("tensor-mean", "one mean above, one below although a member is above", ("Tensor",), moved=True,
              lipschitz=[0.5, 2.5, 0.25, 0.125, 1.75, 0.5], groups=[0, 0, 0, 1, 1, 1], **TENSOR),
        _case("tensor-max", "the same with maxima: both above", ("Tensor",), moved=True,
              lipschitz=[0.5, 2.5, 0.25, 0.125, 1.75, 0.5], groups=[0, 0, 0, 1, 1, 1], aggregate="max",
              **TENSOR),
        _case("tensor-order", "labels out of parameter order and interleaved", ("Tensor", "GroupOrder"),
              moved=True, lipschitz=[4.0, 0.25, 0.5, 3.0, 0.125, 0.25], groups=[2, 0, 1, 2, 0, 1], **TENSOR),
        _case("tensor-equality", "a mean of exactly the threshold: rounding may decide",
              ("Tensor", "Boundary"),
              lipschitz=[0.5, 1.5, 0.75, 0.75, 2.0], groups=[0, 0, 1, 1, 1],
              **TENSOR),
        _case("tensor-ascent", "the mean of kappa, not kappa of means", ("Tensor", "NewtonAscent"),
              moved=True,
              slopes=[1.0, 1.0, 0.5, 2.0, 1.0], curvatures=[0.25, 4.0, 1.0, 2.0, 1.0],
              lipschitz=[0.5, 1.0, 1.5, 1.0, 2.0], groups=[0, 0, 1, 1, 1], **TENSOR, **ASCENT),
        _case("tensor-ascent-max", "one member above 1 suffices", ("Tensor", "NewtonAscent"), moved=True,
              slopes=[1.0, 1.0, 0.5, 2.0, 1.0], curvatures=[0.5, 4.0, 1.0, 2.0, 1.0],
              lipschitz=[1.0, 1.0, 1.5, 1.0, 2.0], groups=[0, 0, 1, 1, 1], aggregate="max", **TENSOR,
              **ASCENT),
        _case("tensor-ascent-concave", "one member without positive curvature sends its tensor to the first",
              ("Tensor", "Corners"), slopes=[1.0, 1.0, 1.0, 1.0], curvatures=[1.0, -1.0, 1.0, 2.0],
              lipschitz=[0.0, 0.0, 1.0, 1.0], groups=[0, 0, 1, 1], **TENSOR, **ASCENT),
        _case("tensor-single", "tensors of one member", ("Tensor", "GroupOrder"), moved=True,
              lipschitz=[0.5, 2.0, 0.75], groups=[1, 2, 0], aggregate="max", **TENSOR),
    ]
    # fmt: on


def _long() -> list[Case]:
    """Return tensors of many members, in one piece each or in few: an implementation may slice them."""
    whole = [abs(x) for x in draws(231, 48)]
    pieces = [abs(x) for x in draws(232, 72)]
    pieces[-3] = 1.5  # the largest of its tensor stands in the second piece
    labels = [0] * 24 + [1] * 24 + [0] * 24
    ascent = [4 * x for x in draws_up(233, 72)]
    # fmt: off
    return [
        _case("tensor-max-whole", "two tensors of 24 in one piece each, a maximum above and one below",
              ("Tensor",), moved=True, lipschitz=[*whole[:24], *(x / 4 for x in whole[24:])],
              groups=[0] * 24 + [1] * 24, aggregate="max", threshold=0.5, **TENSOR),
        _case("tensor-max-pieces", "a tensor in two pieces: its maximum stands in the second", ("Tensor",),
              moved=True, lipschitz=pieces, groups=labels, aggregate="max", threshold=1.0, **TENSOR),
        _case("tensor-ascent-max-pieces", "the same of kappa, between 0 and 4/3", ("Tensor", "NewtonAscent"),
              moved=True, lipschitz=ascent, groups=labels, aggregate="max", **TENSOR, **ASCENT),
    ]
    # fmt: on


def draws_up(seed: int, count: int) -> list[float]:
    """Return drawn sizes in ascending order, all exact in float64."""
    return sorted(abs(x) for x in draws(seed, count))


def cases() -> list[Case]:
    """Return the cases of selections."""
    near = [3.0 * (1 + 2.0**-45), 3.0 * (1 - 2.0**-45), 3.0, 6.0]
    # fmt: off
    return [
        *_tensors(),
        *_long(),
        _case("fixed", "above: first; below: second", ("FixedThreshold",), moved=True,
              lipschitz=[0.5, 2.0, 0.0, 1e-12, 40.0, 0.75]),
        _case("equality", "equality goes to the second, one unit in the last place above it to the first",
              ("Equality",), lipschitz=[EDGE, ABOVE, BELOW, EDGE], threshold=EDGE),
        _case("equality-eigenspaces", "the same for eigenspaces, at a threshold of 1", ("Equality",),
              lipschitz=[1.0, 1.0 + 2.0**-52, 1.0 - 2.0**-53, 1.0], curvatures=[5.0, 1.0, -2.0, -4.0],
              granularity="eigenspace"),
        _case("unknown", "L = 0 everywhere: the second, however small the threshold",
              ("FixedThreshold",), lipschitz=[0.0, 0.0, 0.0], threshold=2.0**-1000),
        _case("paper-threshold", "the paper's 2e-10 is a float like others", ("FixedThreshold",), moved=True,
              lipschitz=[1e-10, 3e-10, 2e-9, 1.9e-10], threshold=2e-10),
        _case("eigenspaces", "eigenspaces are decided like coordinates", ("FixedThreshold",), moved=True,
              lipschitz=[2.0, 0.25, 1.5], curvatures=[5.0, 1.0, -2.0], granularity="eigenspace"),
        _case("ascent", "L g > 3 lam^2: the curvature decides as well", ("NewtonAscent",), moved=True,
              slopes=[1.0, 1.0, 0.5, 4.0, 0.125, 9.0], curvatures=[1.0, 2.0, 0.25, 3.0, 1.0, 0.5],
              lipschitz=[4.0, 4.0, 0.5, 6.5, 8.0, 1e-3], **ASCENT),
        _case("ascent-corners", "lam <= 0 always goes to the first, without a division; lam > 0 and g = 0 to "
              "the second", ("NewtonAscent", "Corners"), slopes=[1.0, 0.0, 1.0, 0.0, 0.0, 2.0, 1e-300],
              curvatures=[-1.0, -1.0, 0.0, 0.0, 1.0, -1e-300, -0.0],
              lipschitz=[0.0, 0.0, 0.0, 0.0, 1e300, 1e-300, 0.0], **ASCENT),
        _case("ascent-flat", "g = 0 or L = 0 beside lam > 0: the second", ("NewtonAscent", "Corners"),
              slopes=[0.0, 2.0, 0.0], curvatures=[1.0, 1e-200, 1e-200], lipschitz=[9.0, 0.0, 0.0], **ASCENT),
        _case("ascent-resting", "no slope: the second, also where sqrt(3 (2 - a)) lam / a rounds to 0",
              ("NewtonAscent", "Corners"), slopes=[0.0, 0.0], curvatures=[5e-324, 1.0],
              lipschitz=[1.0, 2.0], damping=1.75, **ASCENT),
        _case("ascent-resting-more", "the same with a = 31/16 and other constants",
              ("NewtonAscent", "Corners"), slopes=[0.0, 1.0, 0.0], curvatures=[1e-323, 1.0, 5e-324],
              lipschitz=[1e10, 0.03125, 0.0], damping=1.9375, **ASCENT),
        _case("ascent-boundary", "within rounding of 3 lam^2 / g either answer is right", ("Boundary",),
              slopes=[1.0, 1.0, 1.0, 1.0], lipschitz=near, **ASCENT),
        _case("ascent-near", "3e-12 from the boundary is decided", ("NewtonAscent", "Boundary"),
              slopes=[1.0, 1.0], lipschitz=[3.0 * (1 + 2.0**-38), 3.0 * (1 - 2.0**-38)], **ASCENT),
        _case("ascent-scales", "squares of 1e-200 and 1e200 underflow and overflow, roots do not",
              ("NewtonAscent", "Scale"), slopes=[4e-200, 2e-200, 4e200, 2e200, 1e200, 1e-300],
              curvatures=[1e-200, 1e-200, 1e200, 1e200, 1e-3, 1e100],
              lipschitz=[1e-200, 1e-200, 1e200, 1e200, 1e200, 1e-100], **ASCENT),
        _case("damped", "a = 1/2: 18 lam^2 / g", ("Damping",), moved=True, slopes=[1.0] * 4,
              lipschitz=[17.0, 19.0, 4.0, 100.0], damping=0.5, **ASCENT),
        _case("relaxed", "a = 3/2: (2/3) lam^2 / g", ("Damping",), moved=True, slopes=[1.0] * 3,
              lipschitz=[0.625, 0.75, 3.5], damping=1.5, **ASCENT),
        _case("damped-little", "a = 1/100: about 2 / a^2 times eq. 8's own", ("Damping",), moved=True,
              slopes=[0.5, 0.5, 0.5], lipschitz=[100000.0, 119000.0, 120000.0], damping=0.01, **ASCENT),
        _case("float32", "float32 throughout", ("Float32",), moved=True, dtype="float32",
              slopes=[1.0, 0.5, 2.0, 0.25], curvatures=[0.5, 2.0, 1.0, 0.125], lipschitz=[1.0, 4.0, 3.0, 0.5],
              **ASCENT),
        _case("float32-mean", "the mean of a tensor in float32", ("Float32", "Tensor"), moved=True,
              dtype="float32", lipschitz=[0.5, 2.5, 0.25, 0.125, 1.75, 0.5], groups=[0, 1, 0, 1, 0, 1],
              **TENSOR),
    ]
    # fmt: on
