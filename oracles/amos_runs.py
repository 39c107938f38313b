"""AMOS trajectories (L4): coordinates, tensors, eigenspaces, and pairs of optimizers."""

from typing import Any

from oracles.amos_declared import at, ball, fosi, gd, newton, run_case, sophia
from oracles.amos_exact import FRACTIONS
from oracles.case import Case
from oracles.problems import load
from oracles.summary_groups import canonical, weights_biases

FAR = [1.5, -2.5, 4.0, 2.0, -1.75, 3.0]
DENOMINATOR = {"denominator=component": {"denominator": "component"}}
AVERAGES = {f"average={name}": {"average": name} for name in ("bias-corrected", "first-slope")}
UNKNOWN = {"unknown=first": {"unknown": "first"}}
IDLE = {"idle=update": {"idle": "update"}}
HALVED = {"schedule": "exponential", "initial": 1.0, "decay": 0.5, "every": 1}
EXACTLY: dict[str, Any] = {"denominator": "component", "epsilon": 0.0, "checks": (FRACTIONS,)}
EIGEN: dict[str, Any] = {"granularity": "eigenspace"}
TENSOR: dict[str, Any] = {"granularity": "tensor"}
ASCENT: dict[str, Any] = {"threshold": "newton-ascent"}


def _coordinates() -> list[Case]:
    cubic, bowl = "matched-cubic-3", "log-cosh-6"
    # fmt: off
    return [
        run_case("cubic-fractions", cubic, 7, gd(0.125), newton(0.5),
              "constants 1, 2, 1 around 5/4: known as fractions", ("GdNewton", "Exact"),
              start=[1.5, 1.0, 2.5], threshold=1.25, momentum=0.25, **EXACTLY),
        run_case("cubic-set", cubic, 8, gd(0.125), newton(0.5),
              "Hessians at 1, 2 and 5: before the first the default owns all",
              ("HessianSet", "Default", "Exact"),
              start=[1.5, 1.0, 2.5], hessian_at=[1, 2, 5], threshold=0.6875,
              choices={"default=second": {"default": "second"}},
              **EXACTLY),
        run_case("cubic-late", cubic, 6, gd(0.125), newton(0.5),
              "no Hessian before 2: until then the second owns all, as asked",
              ("HessianSet", "Default", "Exact"), start=[1.5, 1.0, 2.5], hessian_at=[2, 4], threshold=0.6875,
              default="second", **EXACTLY),
        run_case("cubic-period", cubic, 8, gd(0.0625), newton(0.25),
              "Hessians at 0, 3, 6: assignments stay between",
              ("HessianSet", "Exact"), start=[1.5, 1.0, 2.5], hessian_at=3, threshold=0.625, **EXACTLY),
        run_case("cubic-unknown", cubic, 6, gd(0.125), newton(0.5),
              "L = 0 at the first Hessian: the second owns all",
              ("FirstHessian", "Exact"), start=[1.5, 1.0, 2.5], threshold=0.25, choices=UNKNOWN, **EXACTLY),
        run_case("log-cosh-newton", bowl, 8, gd(0.1875), newton(0.5), "one motion for all six indices",
              ("GdNewton", "Denominator"), threshold=0.011, choices=DENOMINATOR | AVERAGES),
        run_case("log-cosh-corrected", bowl, 8, gd(0.1875), newton(0.5),
              "the same, corrected for its start at 0",
              ("GdNewton", "Average"), threshold=0.02, momentum=0.875, average="bias-corrected"),
        run_case("log-cosh-first", bowl, 8, gd(0.1875), newton(0.5), "the same, started at the first slope",
              ("GdNewton", "Average"), threshold=0.02, momentum=0.875, average="first-slope"),
        run_case("log-cosh-component", bowl, 8, gd(0.1875), newton(0.5), "each index by its own motion",
              ("GdNewton", "Denominator"), threshold=0.05, denominator="component"),
        run_case("log-cosh-ascent", bowl, 8, gd(0.1875), newton(0.75), "eq. 8 decides, damping 1",
              ("NewtonAscent",), momentum=0.25, denominator="component",
              start=FAR, unknown="first",
              **ASCENT),
        run_case("log-cosh-clock", bowl, 6, gd(0.1875), fosi(bowl, 2, 1, HALVED, alpha=0.25),
              "the second owns nothing before 3; the rate of its base, halved in each step, does not wait",
              ("HessianSet", "Default", "GdFosi", "Freeze"), hessian_at=[3], threshold=0.011),
        run_case("log-cosh-late", bowl, 6, gd(0.1875), newton(0.5),
              "one Hessian, and that at 3: the default, then L = 0", ("HessianSet", "Default"),
              hessian_at=[3], threshold=0.011, default="second", unknown="first"),
        run_case("log-cosh-damped", bowl, 8, gd(0.1875), newton(0.5), "eq. 8 for half of Newton's step",
              ("NewtonAscent",
              "Damping"), momentum=0.25, denominator="component", damping=0.5, start=FAR, unknown="first",
              **ASCENT),
        run_case("quartic-concave", "polynomial-quartic-4", 8, gd(0.0625), sophia(0.125),
              "coordinates of negative curvature go to the first from the first Hessian on",
              ("NewtonAscent", "GdSophia"), start="hill", **ASCENT),
    ]
    # fmt: on


def _coupled() -> list[Case]:
    # fmt: off
    return [
        run_case("rosenbrock-sophia", "rosenbrock-2", 12, ball(2.0**-12), sophia(0.03125),
              "curvature that couples the coordinates", ("BallSophia", "Freeze"), hessian_at=2,
              threshold=600.0, choices=IDLE),
        run_case("logistic-momentum", "logistic-7x4", 14, ball(0.25), sophia(0.25),
              "owners change: an idle velocity and an idle h wait, coordinate by coordinate",
              ("BallSophia", "Freeze"), hessian_at=2, threshold=0.0625, choices=IDLE),
        run_case("logistic-update", "logistic-7x4", 14, ball(0.25), sophia(0.25),
              "the same with both memories kept up to date", ("BallSophia", "IdleUpdate"), hessian_at=2,
              threshold=0.0625, idle="update"),
        run_case("logistic-probes", "logistic-7x4", 12, ball(0.25), sophia(0.25),
              "Hutchinson's estimate serves the averages and Sophia",
              ("BallSophia", "Hutchinson"),
              hessian_at=2, threshold=0.125, seed=221),
        run_case("logistic-probes-update", "logistic-7x4", 12, ball(0.25, 0.75),
              sophia(0.25, refresh_every=3),
              "the same every third step, idle memories kept up to date", ("BallSophia", "Hutchinson",
              "IdleUpdate"),
              hessian_at=3, threshold=0.125, seed=222, idle="update", average="first-slope"),
        run_case("logistic-decay", "logistic-7x4", 10, gd(0.25), sophia(0.25, weight_decay=0.125),
              "weight decay acts where its optimizer owns, once", ("GdSophia", "WeightDecay"), hessian_at=2,
              threshold=0.0625, idle="update"),
        run_case("at-rest", "log-cosh-6", 4, gd(0.25), newton(1.0),
              "no gradient, no motion: no slope, L = 0, no NaN", ("NoMotion",), start=[0.0] * 6,
              moving=()),
        run_case("float32", "logistic-7x4", 8, ball(0.25), sophia(0.25, epsilon=2.0**-20),
              "float32 throughout",
              ("Float32", "BallSophia"), hessian_at=2, threshold=0.0625, epsilon=2.0**-20, dtype="float32"),
    ]
    # fmt: on


def _tensors() -> list[Case]:
    tanh = load("tanh-network-18")
    # fmt: off
    return [
        run_case("tanh-mean", tanh.id, 8, ball(0.125), sophia(0.0625), "six tensors by their means",
              ("Tensor", "BallSophia"), hessian_at=2, threshold=0.125, groups=canonical(tanh),
              **TENSOR),
        run_case("tanh-max", tanh.id, 8, ball(0.125), sophia(0.0625), "the same by their maxima",
              ("Tensor", "BallSophia"), hessian_at=2, threshold=0.21, groups=canonical(tanh), aggregate="max",
              **TENSOR),
        run_case("tanh-weights", tanh.id, 6, gd(0.125), sophia(0.0625),
              "weights against biases, numbered backwards",
              ("Tensor", "GroupOrder"), hessian_at=2, threshold=0.21,
              groups=[1 - s for s in weights_biases(tanh)], average="bias-corrected", **TENSOR),
        run_case("tanh-ascent", tanh.id, 6, gd(0.125), sophia(0.0625),
              "one negative curvature sends its tensor to the first", ("Tensor", "NewtonAscent"),
              hessian_at=2,
              groups=canonical(tanh), **TENSOR, **ASCENT),
        run_case("softmax-classes", "softmax-8x3x3", 8, ball(0.25), sophia(0.25),
              "a tensor is a class: interleaved parameters", ("Tensor", "GroupOrder", "Freeze"), hessian_at=2,
              threshold=0.026, groups=[2, 0, 1] * 4, average="first-slope", choices=IDLE, **TENSOR),
        run_case("log-cosh-pairs", "log-cosh-6", 7, gd(0.1875), newton(0.5),
              "the second owns nothing, then a part",
              ("Tensor", "GdNewton"), threshold=0.06, groups=[0, 1, 2, 0, 1, 2], aggregate="max",
              unknown="first", **TENSOR),
    ]
    # fmt: on


def _eigenspaces() -> list[Case]:
    two, five, six = "log-cosh-rotated-2", "matched-cubic-5", "log-cosh-rotated-6"
    # fmt: off
    return [
        run_case("rotated-newton", two, 8, gd(0.25), newton(0.5), "two eigenspaces that never cross",
              ("Eigenspace", "GdNewton"), threshold=0.1, **EIGEN),
        run_case("rotated-component", two, 8, gd(0.25), newton(0.5), "each eigenspace by its own motion",
              ("Eigenspace", "Denominator"), threshold=0.2, denominator="component", **EIGEN),
        run_case("rotated-fosi", two, 8, gd(0.25), fosi(two, 1, 1, 0.25),
              "FOSI with all pairs in its own part",
              ("Eigenspace", "GdFosi"), threshold=0.1, **EIGEN),
        run_case("rotated-fosi-one", two, 8, gd(0.125), fosi(two, 1, 0, 0.25),
              "FOSI with one pair: its base moves the other eigenspace", ("Eigenspace", "GdFosi"),
              threshold=0.25, choices=UNKNOWN, **EIGEN),
        run_case("rotated-largest", two, 8, gd(0.25), fosi(two, 1, 0, 0.25),
              "the upper end alone: what is below belongs to the first", ("Eigenspace", "Complement"),
              threshold=0.1, largest=1, **EIGEN),
        run_case("rotated-ends", two, 8, gd(0.25), fosi(two, 1, 1, 0.25),
              "two ends that are all of the spectrum",
              ("Eigenspace", "GdFosi"), threshold=0.1, largest=1, smallest=1, **EIGEN),
        run_case("crossing", six, 8, gd(0.25), fosi(six, 3, 3, 0.25, alpha=0.25),
              "eigenvalues that cross: pairs are matched by overlap, not by order",
              ("Eigenspace", "Crossing"),
              start=at(six, [1.25, -1.0, 1.5, 2.0, -0.25, 3.0]), unknown="first",
              threshold=0.03, **EIGEN),
        run_case("crossing-cubic", five, 8, gd(0.0625), fosi(five, 3, 2, 0.0625, alpha=0.25),
              "crossings and negative curvature", ("Eigenspace", "Crossing"), threshold=0.5,
              average="bias-corrected", **EIGEN),
        run_case("crossing-ascent", six, 8, gd(0.1875), newton(0.5), "eq. 8 in eigenspaces", ("Eigenspace",
              "NewtonAscent"),
              momentum=0.25, start=at(six, FAR), unknown="first", denominator="component", **EIGEN,
              **ASCENT),
        run_case("subspace", six, 8, gd(0.25), fosi(six, 2, 1, 0.25, alpha=0.25),
              "two pairs from above, one from below: the first owns the rest",
              ("Eigenspace", "Complement"),
              threshold=0.03, largest=2, smallest=1, **EIGEN),
        run_case("subspace-slow-first", six, 6, gd(0.125), fosi(six, 2, 1, 0.25, alpha=0.25),
              "the rest moves by the first's rate, not by that of the second's base",
              ("Eigenspace", "Complement"), threshold=0.03, largest=2, smallest=1, **EIGEN),
        run_case("subspace-cubic", five, 6, gd(0.0625), fosi(five, 1, 1, 0.125, alpha=0.25),
              "the two ends of five", ("Eigenspace", "Complement"), threshold=0.25, largest=1, smallest=1,
              **EIGEN),
        run_case("crossing-ascent-norm", six, 6, gd(0.1875), newton(0.5),
              "eq. 8 with slopes along the axes, not along the coordinates", ("Eigenspace", "NewtonAscent"),
              momentum=0.5, start=at(six, [1.25, -1.0, 1.5, 2.0, -0.25, 3.0]), unknown="first", **EIGEN,
              **ASCENT),
        run_case("rosenbrock-newton", "rosenbrock-2", 8, gd(2.0**-11), newton(0.5),
              "eigenvectors that turn between Hessians", ("Eigenspace", "Turning"), threshold=300.0, **EIGEN),
        run_case("rotated-idle", two, 10, ball(0.25), sophia(0.25, refresh_every=3),
              "the second rests while it owns nothing and goes on from where it stopped",
              ("Eigenspace", "Freeze"), threshold=0.14, choices=IDLE, **EIGEN),
        run_case("rotated-set", two, 9, ball(0.25), newton(0.5),
              "Hessians at 0, 2, 3 and 7: axes stay in between",
              ("Eigenspace", "HessianSet"), hessian_at=[0, 2, 3, 7], threshold=0.1, **EIGEN),
    ]
    # fmt: on


def cases() -> list[Case]:
    """Return the cases of trajectories."""
    return [*_coordinates(), *_coupled(), *_tensors(), *_eigenspaces()]
