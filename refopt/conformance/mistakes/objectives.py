"""Wrong objectives."""

import functools
from itertools import pairwise

import autograd.numpy as anp
import numpy as np

from refopt.conformance.mistakes.base import mistake

ANY = ("derivatives", "along", "comparator_step")


def _with(**changed):
    """The objective with some of its arguments changed: name -> function of the argument."""

    def objective(self, problem):
        given = problem.objective
        values = {name: change(given.arguments[name]) for name, change in changed.items()
                  if name in given.arguments}  # fmt: skip
        return functools.partial(given.formula, **{**given.arguments, **values}) if values else given

    return objective


def _by_relu(self, problem):
    given = problem.objective
    if not _is("network")(given) or given.arguments["activation"] != "tanh":
        return given
    return functools.partial(given.formula, **{**given.arguments, "activation": "relu"})


def _times(factor, only):
    """The loss without its decay, times a factor that depends on the arguments."""

    def objective(self, problem):
        given = problem.objective
        if not only(given):
            return given
        data, decay = {**given.arguments, "decay": 0.0}, given.arguments.get("decay", 0.0)
        size = factor(given.arguments)
        return lambda theta: size * given.formula(theta, **data) + decay / 2 * anp.sum(theta * theta)

    return objective


def _is(*names):
    return lambda given: given.formula.__name__ in names


def _squared(given):
    return given.formula.__name__ == "network" and given.arguments["loss"] == "squared"


def _column_major(self, problem):
    given = problem.objective
    if given.formula.__name__ == "network":
        sizes = given.arguments["sizes"]
    elif given.formula.__name__ == "softmax":
        sizes = (given.arguments["features"].shape[0], given.arguments["one_hot"].shape[0])
    else:
        return given
    places, offset = [], 0
    for columns, rows in pairwise(sizes):
        places += [offset + c * rows + r for r in range(rows) for c in range(columns)]
        offset += rows * columns
        places += range(offset, offset + rows)
        offset += rows
    index = np.array(places)
    return lambda theta: given.formula(theta[index], **given.arguments)


def _other_neighbour(self, problem):
    given = problem.objective
    if given.formula.__name__ != "rosenbrock":
        return given
    return lambda t: anp.sum(100 * (t[:-1] - t[1:] ** 2) ** 2 + (1 - t[:-1]) ** 2)


def _without_modulus(self, problem):
    given = problem.objective
    if given.formula.__name__ != "matched_cubic":
        return given
    a = given.arguments

    def objective(theta):
        u = theta if a.get("axes") is None else anp.dot(a["axes"], theta)
        z = u if a.get("shifts") is None else u - a["shifts"]
        return anp.sum(a["slopes"] * z + a["curvatures"] * z * z / 2 + a["lipschitz"] * z * z * z / 6)

    return objective


OBJECTIVE_MISTAKES = (
    mistake(
        "decay-not-halved",
        "The regulariser is mu |theta|^2, without its 1/2.",
        "formula",
        ANY,
        objective=_with(decay=lambda mu: 2.0 * mu),
    ),
    mistake(
        "decay-missing",
        "The regulariser is left out.",
        "formula",
        ANY,
        objective=_with(decay=lambda mu: 0.0),
    ),
    mistake(
        "logistic-sum",
        "The logistic loss is summed over the samples, not averaged.",
        "formula",
        ANY,
        objective=_times(lambda a: float(a["labels"].shape[0]), _is("logistic")),
    ),
    mistake(
        "squared-loss-not-halved",
        "The squared loss is the mean square, without its 1/2.",
        "formula",
        ANY,
        objective=_times(lambda a: 2.0, _squared),
    ),
    mistake(
        "squared-loss-of-all-outputs",
        "The squared loss is averaged over the outputs too.",
        "formula",
        ANY,
        objective=_times(lambda a: 1.0 / a["targets"].shape[0], _squared),
    ),
    mistake(
        "weights-column-major",
        "Weights are read column by column.",
        "index",
        ANY,
        objective=_column_major,
    ),
    mistake(
        "relu-for-tanh",
        "The activation is relu where tanh is asked for.",
        "formula",
        ANY,
        objective=_by_relu,
    ),
    mistake(
        "rosenbrock-other-neighbour",
        "Rosenbrock's function couples x to y^2 in the place of y to x^2.",
        "index",
        ANY,
        objective=_other_neighbour,
    ),
    mistake(
        "linear-term-added",
        "The linear term of a quadratic is added, not subtracted.",
        "sign",
        ANY,
        objective=_with(linear=lambda b: -b),
    ),
    mistake(
        "cubic-without-modulus",
        "The matched cubic has z^3, not |z|^3.",
        "formula",
        ANY,
        objective=_without_modulus,
    ),
    mistake(
        "basis-transposed",
        "The basis is applied as Q where Q' is right.",
        "order",
        ANY,
        objective=_with(axes=lambda Q: Q.T.copy()),
    ),
)
