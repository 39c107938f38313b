"""Every optimizer's step refuses a state that is not its own, with a sentence."""

import numpy as np
import pytest

import refopt as ro
from refopt.first_order import FIRST_ORDER
from refopt.groups import partition
from refopt.newton import COMPARATORS

RATE = ro.GradientDescent(learning_rate=0.1)
GROUPS = partition("discrete", 2)
SOPHIA = ro.Sophia(learning_rate=0.1, rho=0.1)
OPTIMIZERS = {
    "GradientDescent": RATE,
    "HeavyBall": ro.HeavyBall(learning_rate=0.1, momentum=0.5),
    "Nesterov": ro.Nesterov(learning_rate=0.1, momentum=0.5),
    "Adam": ro.Adam(),
    "AdamW": ro.AdamW(),
    "RMSProp": ro.RMSProp(),
    "Sophia": SOPHIA,
    "Newton": ro.Newton(),
    "SaddleFreeNewton": ro.SaddleFreeNewton(),
    "SteepestDescent": ro.SteepestDescent(),
    "CubicNewton": ro.CubicNewton(lipschitz=1.0),
    "Fosi": ro.Fosi(base=RATE, largest=1, smallest=0, alpha=1.0, refresh_every=1),
    "Elmo": ro.Elmo(lipschitz=ro.ConstantLipschitz(1.0)),
    "EigenArc": ro.EigenArc(base=RATE),
    "Amos": ro.Amos(first=RATE, second=SOPHIA, threshold=1.0),
    "GroupedNewton": ro.GroupedNewton(
        groups=partition("discrete", 2), learning_rate=1.0, internal_damping=1.0
    ),
}
PROBLEM = ro.load_problem("quadratic-figure1")


class Foreign(tuple):
    """A state of something else."""


FOREIGN = (None, 3, Foreign((0,)), np.zeros(2))


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("state", FOREIGN, ids=lambda state: type(state).__name__)
def test_a_foreign_state_is_named(name, state):
    optimizer = OPTIMIZERS[name]
    with pytest.raises(TypeError, match=rf"`state` is a {type(state).__name__}; it must be an? \w+State"):
        optimizer.step(PROBLEM.derivatives, PROBLEM.start, state)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_its_own_state_is_taken(name):
    optimizer = OPTIMIZERS[name]
    start = {"lanczos_start": PROBLEM.lanczos_start} if name == "Fosi" else {}
    state = optimizer.init(PROBLEM.start, **start)
    step = optimizer.step(PROBLEM.derivatives, PROBLEM.start, state)
    assert optimizer.step(PROBLEM.derivatives, step.theta_next, step.state).state.iteration == 2


def test_every_method_is_here():
    kinds = {kind.__name__ for kind in (*FIRST_ORDER.values(), *COMPARATORS.values())}
    assert {*kinds, "Fosi", "Elmo", "EigenArc", "Amos", "GroupedNewton"} == set(OPTIMIZERS)
