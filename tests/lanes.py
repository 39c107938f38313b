"""refopt's formulas on other array libraries, as adapters: none may be told that it is wrong."""

import functools
from typing import Any

import array_api_compat
import numpy as np
import standin

from refopt.adapters.reference import Reference
from refopt.problems import load_problem


class ReadOnly(Reference):
    """NumPy arrays that cannot be written."""

    name = "refopt on read-only NumPy"

    def _array(self, values: Any) -> Any:
        array = np.array(values)
        array.flags.writeable = False
        return array


class OnStandin(Reference):
    """The stand-in array, which refuses every silent copy to the host."""

    def __init__(self) -> None:
        super().__init__()
        self.name, self._xp = "refopt on the stand-in array", standin.xp
        self._load = functools.lru_cache(maxsize=32)(self._problem)

    def _problem(self, identifier: str, dtype: str) -> Any:
        return load_problem(identifier, backend=standin.xp.zeros(1), dtype=dtype)


class _Foreign(Reference):
    """A library that autograd cannot trace: derivatives are NumPy's, the algorithms run on its arrays."""

    dtypes = ("float64",)

    def __init__(self, xp: Any) -> None:
        super().__init__()
        self._xp = xp

    def _array(self, values: Any) -> Any:
        return self._xp.asarray(np.array(values))


class OnTorch(_Foreign):
    """torch tensors in float64."""

    name = "refopt on torch"

    def __init__(self) -> None:
        import torch

        super().__init__(array_api_compat.array_namespace(torch.zeros(1)))


class OnJax(_Foreign):
    """JAX arrays in float64."""

    name = "refopt on JAX"

    def __init__(self) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        super().__init__(array_api_compat.array_namespace(jax.numpy.zeros(1)))
