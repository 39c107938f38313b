"""The lanes: `lane` runs a test on each array library, `derivative_lane` on those autograd traces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import standin

from refopt.arrays import to_host


@dataclass(frozen=True)
class Lane:
    """One array library on one device.

    Attributes:
        name: the lane's name.
        xp: the library's array-API namespace.
        make: turns a NumPy array into an array of the lane.
    """

    name: str
    xp: Any
    make: Callable[[np.ndarray], Any]

    def array(self, values: Any, dtype: str = "float64") -> Any:
        """`values` on the lane's device; read-only where the lane is."""
        return self.make(np.array(values, dtype=dtype))

    @staticmethod
    def host(x: Any) -> np.ndarray:
        """The values as a NumPy array."""
        return to_host(x)


def _read_only(values: np.ndarray) -> np.ndarray:
    values.flags.writeable = False
    return values


def _numpy() -> Lane:
    return Lane("numpy", np, lambda values: values)


def _numpy_readonly() -> Lane:
    return Lane("numpy-readonly", np, _read_only)


def _standin() -> Lane:
    return Lane("standin", standin.xp, standin.xp.asarray)


def _array_api_strict() -> Lane:
    xp = pytest.importorskip("array_api_strict")
    device = xp.Device("device1")  # not the default one: a call that forgets `device=` fails
    return Lane("array-api-strict", xp, lambda values: xp.asarray(values, device=device))


def _cupy() -> Lane:
    pytest.importorskip("cupy", reason="CuPy is not installed")
    from refopt.arrays import backend

    try:
        xp = backend("cupy")
    except RuntimeError as error:
        pytest.skip(f"no CUDA device: {error}")
    return Lane("cupy", xp, xp.asarray)


_LANES = {
    "numpy": _numpy,
    "numpy-readonly": _numpy_readonly,
    "array-api-strict": _array_api_strict,
    "standin": _standin,
    "cupy": _cupy,
}


def _parameters(*names: str) -> list[Any]:
    return [pytest.param(name, marks=pytest.mark.gpu if name == "cupy" else ()) for name in names]


@pytest.fixture(params=_parameters(*_LANES))
def lane(request: pytest.FixtureRequest) -> Lane:
    """Each array library in turn, for algorithms."""
    return _LANES[request.param]()


@pytest.fixture(params=_parameters("numpy", "numpy-readonly", "standin", "cupy"))
def derivative_lane(request: pytest.FixtureRequest) -> Lane:
    """Each array library that autograd can trace, for derivatives of objectives."""
    return _LANES[request.param]()
