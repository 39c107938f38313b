"""Minibatches of a problem whose data are a text, as functions from the iteration to derivatives."""

from __future__ import annotations

import numpy as np

from refopt.arrays import Array, asarray_like, check_count, device_of, namespace
from refopt.characters import one_hot
from refopt.derivatives import Derivatives
from refopt.generators import SEED_LIMIT
from refopt.hessian_diagonal import sampled_labels
from refopt.problems import Objective, Problem
from refopt.transformer import transformer_logits


class Minibatches:
    """The mean loss of the windows that each iteration draws: pass it to `minimize` in the place of f.

    Iteration t draws its windows from the training part by the rule in `problems/README.md`; nothing is
    remembered, so a resumed run meets the same batches.

    Args:
        problem: one whose data are a text.
        windows: N, windows in a batch, at least 1.
        seed: of splitmix64.

    Raises:
        TypeError: when `problem` is no `Problem`, or a number no integer.
        ValueError: when its data are no text, or a number is out of range.
    """

    def __init__(self, problem: Problem, windows: int, seed: int) -> None:
        if not isinstance(problem, Problem):
            raise TypeError(f"`problem` is a {type(problem).__name__}; it must be a Problem")
        if problem.text is None:
            raise ValueError(f"`problem` is {problem.id!r}, whose data are no text; it must have a text")
        check_count("windows", windows, 1)
        check_count("seed", seed, 0)
        if seed > SEED_LIMIT:
            raise ValueError(f"`seed` is {seed!r}; it must be at most {SEED_LIMIT}")
        self.problem, self.text, self.count, self.seed = problem, problem.text, windows, seed

    def __call__(self, iteration: int) -> Derivatives:
        """The derivatives of the mean loss over the windows of an iteration."""
        return Derivatives(self.objective(self.windows(iteration)))

    def windows(self, iteration: int) -> np.ndarray:
        """The windows of an iteration as integers on the host, (N, T + 1)."""
        check_count("iteration", iteration, 0)
        return self.text.windows(self.text.drawn(self.seed, iteration, self.count))

    def held_out(self, count: int) -> Derivatives:
        """The derivatives of the mean loss over `count` windows at equal distances in what is held out."""
        check_count("count", count, 1)
        return Derivatives(self.objective(self.text.windows(self.text.spread(count, held_out=True))))

    def sampled(self, iteration: int, theta: Array, uniforms: Array) -> Derivatives:
        """The derivatives of an iteration's mean loss, its targets drawn from the model at theta.

        What `GaussNewtonBartlett` asks for, with N T samples in the mean.

        Args:
            iteration: whose windows.
            theta: the point, (n,), a constant of what is returned.
            uniforms: one number in [0, 1) per position, (N T,), window after window.
        """
        objective = self.objective(self.windows(iteration))
        arguments = {name: value for name, value in objective.arguments.items() if name != "targets"}
        logits = transformer_logits(theta, **arguments)
        labels = sampled_labels(logits.T, uniforms)
        xp, classes = namespace(theta), logits.shape[0]
        each = xp.arange(classes, dtype=labels.dtype, device=device_of(theta))
        targets = xp.astype(each[:, None] == labels[None, :], theta.dtype)
        return Derivatives(
            Objective(objective.formula, objective.arguments | {"targets": targets}, self.problem.start)
        )

    def objective(self, windows: np.ndarray) -> Objective:
        """The mean loss over windows (N, T + 1) of integers, in the problem's library and dtype."""
        like = self.problem.start
        arrays = one_hot(windows, len(self.text.alphabet))
        moved = {name: asarray_like(values, like) for name, values in arrays.items()}
        return Objective(self.problem.objective.formula, self.problem.data | moved, like)
