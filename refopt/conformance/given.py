"""A problem as an adapter receives it."""

import tomllib
from collections import Counter
from functools import cached_property
from typing import Any

import numpy as np


class GivenProblem:
    """A problem as an adapter receives it: its definition, and its derivatives as functions on numpy vectors.

    Attributes:
        id: name of the problem, the stem of its file.
        family: name of its formula in problems/README.md.
        n: number of parameters.
        dtype: dtype of the case.
        evaluations: how often value, gradient and hvp were called.
    """

    def __init__(self, identifier: str, dtype: str = "float64"):
        from refopt.problems import load_problem

        self._problem = load_problem(identifier, dtype=dtype)
        self.dtype = dtype
        self.id, self.family, self.n = self._problem.id, self._problem.family, self._problem.n
        self.evaluations: Counter[str] = Counter()
        self._linear: tuple[np.ndarray, Any] | None = None

    @cached_property
    def data(self) -> dict[str, Any]:
        """The `[data]` of the problem's file, for adapters that write its family's formula themselves."""
        from refopt.resources import problems_directory

        text = problems_directory().joinpath(f"{self.id}.toml").read_text(encoding="utf-8")
        return dict(tomllib.loads(text).get("data", {}))

    def value(self, theta: np.ndarray) -> Any:
        """Return f(theta)."""
        self.evaluations["value"] += 1
        return self._problem.derivatives.value(theta)

    def gradient(self, theta: np.ndarray) -> np.ndarray:
        """Return the gradient (n,) at theta."""
        self.evaluations["gradient"] += 1
        return self._problem.derivatives.gradient(theta)

    def hvp(self, theta: np.ndarray, vector: np.ndarray) -> np.ndarray:
        """Return the Hessian at theta times a vector (n,); products at one theta share their preparation."""
        self.evaluations["hvp"] += 1
        if self._linear is None or not np.array_equal(self._linear[0], theta):
            self._linear = (np.array(theta), self._problem.derivatives.linearize(theta))
        return self._linear[1].hvp(vector)
