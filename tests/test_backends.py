"""The algorithms give the same numbers on every array library, and what is large stays on the device.

The numbers are those of NumPy; that NumPy's are right is what the oracle vectors hold.
"""

from typing import Any

import numpy as np
import pytest
import standin
from closed_form import quadratic
from faults.patching import change, planted

from refopt.arrays import device_of
from refopt.first_order import FIRST_ORDER
from refopt.fosi import Fosi
from refopt.newton import COMPARATORS
from refopt.spectrum import extreme_spectrum

N = 12
EIGENVALUES = np.array([8.0, 5.0, 3.0, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25, -0.5, -1.0, -2.0])
THETA = np.cos(np.arange(N))
START = 1.0 + np.arange(N) / 8
# A few hundred operations on numbers of size 10 separate two libraries' orders of summation.
ROUNDING = {"float64": 1e-12, "float32": 2e-4}
SMALL = {
    "newton": {},
    "steepest_descent": {},
    "saddle_free_newton": {"alpha": 0.5},
    "cubic_newton": {"lipschitz": 2.0},
}


def hessian() -> np.ndarray:
    """The eigenvalues in the basis of one reflection."""
    normal = 1.0 + np.arange(N)
    Q = np.eye(N) - 2.0 * np.outer(normal, normal) / np.dot(normal, normal)
    return (Q * EIGENVALUES) @ Q.T


def fields(value: Any) -> list[tuple[str, Any]]:
    """The arrays and numbers in nested named tuples, with dotted names."""
    if not hasattr(value, "_fields"):
        return [("", value)]
    return [
        (f"{name}.{inner}".rstrip("."), leaf)
        for name in value._fields
        for inner, leaf in fields(getattr(value, name))
    ]


def assert_same(lane: Any, found: Any, expected: Any, dtype: str) -> None:
    """Every field has NumPy's value; arrays are the lane's, on the lane's device."""
    like = lane.array(THETA, dtype)
    for (name, leaf), (_, number) in zip(fields(found), fields(expected), strict=True):
        if hasattr(number, "dtype"):
            if number.shape:
                assert type(leaf) is type(like), name
                assert device_of(leaf) == device_of(like), name
            host = lane.host(leaf)
            assert host.dtype == number.dtype, name
            scale = max(1.0, float(np.max(np.abs(number), initial=0.0)))
            np.testing.assert_allclose(host, number, rtol=0, atol=ROUNDING[dtype] * scale, err_msg=name)
        elif isinstance(number, float):
            assert leaf == pytest.approx(number, rel=ROUNDING[dtype], abs=ROUNDING[dtype]), name
        else:
            assert leaf == number, name


class Numpy:
    """The lane that the others are compared with."""

    @staticmethod
    def array(values: Any, dtype: str = "float64") -> np.ndarray:
        return np.array(values, dtype=dtype)


def steps_of(lane: Any, optimizer: Any, dtype: str, count: int = 2, **start: Any) -> list[Any]:
    """A few steps from THETA on the quadratic."""
    f = quadratic(lane, hessian(), dtype=dtype)
    theta = lane.array(THETA, dtype)
    state = optimizer.init(theta, **{name: lane.array(vector, dtype) for name, vector in start.items()})
    taken = []
    for _ in range(count):
        taken.append(optimizer.step(f, theta, state))
        theta, state = taken[-1].theta_next, taken[-1].state
    return taken


def signed(step: Any) -> Any:
    """A step without the eigenvectors, whose signs are free."""
    spectrum = step.spectrum._replace(eigenvectors=abs(step.spectrum.eigenvectors))
    return step._replace(spectrum=spectrum, state=step.state._replace(spectrum=spectrum))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FIRST_ORDER)
def test_first_order_steps_are_the_same_everywhere(lane, name, dtype):
    optimizer = FIRST_ORDER[name](learning_rate=0.0625)
    for found, expected in zip(
        steps_of(lane, optimizer, dtype), steps_of(Numpy, optimizer, dtype), strict=True
    ):
        assert_same(lane, found, expected, dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("momentum", ["none", "heavy-ball", "nesterov", "ema"])
def test_fosi_steps_with_an_estimate_are_the_same_everywhere(lane, momentum, dtype):
    base = FIRST_ORDER["heavy_ball"](learning_rate=0.0625)
    optimizer = Fosi(base=base, largest=2, smallest=1, alpha=0.5, refresh_every=2, newton_momentum=momentum)
    taken = steps_of(lane, optimizer, dtype, 3, lanczos_start=START)
    wanted = steps_of(Numpy, optimizer, dtype, 3, lanczos_start=START)
    assert [step.refresh for step in taken] == ["refreshed", "none", "refreshed"]
    for found, expected in zip(taken, wanted, strict=True):
        assert_same(lane, signed(found), signed(expected), dtype)


@pytest.mark.parametrize("multiplicity", ["krylov", "full"])
def test_the_extreme_spectrum_is_the_same_everywhere(lane, multiplicity):
    found, expected = (
        extreme_spectrum(
            quadratic(where, hessian()).linearize(where.array(THETA)).hvp,
            where.array(START),
            largest=3,
            smallest=2,
            multiplicity=multiplicity,
        )
        for where in (lane, Numpy)
    )
    # all 12 steps are made: the pairs are those of H, up to the signs of the vectors
    np.testing.assert_allclose(lane.host(found.eigenvalues), [8, 5, 3, -1, -2], rtol=0, atol=1e-13)
    overlaps = np.abs(np.sum(lane.host(found.eigenvectors) * expected.eigenvectors, axis=0))
    np.testing.assert_allclose(overlaps, 1.0, rtol=0, atol=1e-12)
    assert type(found.eigenvectors) is type(lane.array(THETA))
    assert device_of(found.eigenvectors) == device_of(lane.array(THETA))


@pytest.mark.parametrize("name", COMPARATORS)
def test_comparator_steps_are_the_same_everywhere(lane, name):
    optimizer = COMPARATORS[name](**SMALL[name])
    found, expected = (steps_of(where, optimizer, "float64", 1)[0] for where in (lane, Numpy))
    assert_same(lane, found, expected, "float64")


def crossed(run: Any) -> int:
    """How many elements go from the stand-in device to the host during a call."""
    before = standin.crossings["elements"]
    run()
    return standin.crossings["elements"] - before


def large_quadratic(n: int) -> tuple[Any, Any]:
    """A diagonal quadratic on the stand-in device, and a point."""
    from refopt.derivatives import Derivatives

    xp = standin.xp
    curvature = xp.asarray(np.linspace(1.0, 4.0, n))
    f = Derivatives.from_callables(
        lambda theta: xp.sum(curvature * theta * theta) / 2,
        lambda theta: curvature * theta,
        lambda theta, vector: curvature * vector,
    )
    return f, xp.asarray(np.cos(np.arange(n)))


@pytest.mark.parametrize("name", FIRST_ORDER)
def test_a_first_order_step_leaves_everything_on_the_device(name):
    optimizer = FIRST_ORDER[name](learning_rate=0.1)
    f, theta = large_quadratic(50)
    first = optimizer.step(f, theta, optimizer.init(theta))
    assert crossed(lambda: optimizer.step(f, first.theta_next, first.state)) == 0


def test_an_estimate_of_the_diagonal_takes_two_answers_to_the_host():
    optimizer = FIRST_ORDER["sophia"](learning_rate=0.1)
    f, theta = large_quadratic(50)
    state = optimizer.init(theta)
    # whether the point is finite, as each linearization asks, and whether the estimate is
    assert crossed(lambda: optimizer.step(f, theta, state)) == 2


@pytest.mark.parametrize("momentum", ["none", "heavy-ball"])
def test_a_fosi_step_leaves_everything_on_the_device(momentum):
    base = FIRST_ORDER["heavy_ball"](learning_rate=0.1)
    optimizer = Fosi(base=base, largest=2, smallest=1, refresh_every=10, newton_momentum=momentum)
    f, theta = large_quadratic(50)
    first = optimizer.step(f, theta, optimizer.init(theta, lanczos_start=theta + 2.0))
    assert crossed(lambda: optimizer.step(f, first.theta_next, first.state)) == 0


def test_an_estimate_takes_only_small_numbers_to_the_host():
    optimizer = Fosi(base=FIRST_ORDER["gradient_descent"](learning_rate=0.1), largest=2, smallest=1)
    f, theta = large_quadratic(4000)
    state = optimizer.init(theta, lanczos_start=theta + 2.0)
    # m = max(12, 2 ln 4000) = 17 Lanczos steps take their coefficients to the host, some of them twice:
    # 17 * 18, a few numbers per step besides, and those of the 3 pairs. A single vector would be 4000.
    assert crossed(lambda: optimizer.step(f, theta, state)) < 1000


def test_a_number_taken_to_the_host_is_seen():
    optimizer = Fosi(base=FIRST_ORDER["gradient_descent"](learning_rate=0.1), largest=1, refresh_every=10)
    f, theta = large_quadratic(50)
    first = optimizer.step(f, theta, optimizer.init(theta, lanczos_start=theta + 2.0))
    with planted([change("fosi", "g2 = g - g1", "g2 = g - float(g1[0]) * g1")]):
        assert crossed(lambda: optimizer.step(f, first.theta_next, first.state)) == 1
