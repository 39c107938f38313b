"""Wrong models and minibatches of grouped Newton."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

STEP = ("grouped_newton_step", "grouped_newton_run")


def _ridge(self, s, H, g, d):
    return H + s["internal_damping"] * np.eye(len(H), dtype=H.dtype), g, 0.0, d


def _dead_at_one(self, active, part, count):
    eta = np.ones(count)
    eta[active] = part
    return eta


def _at_the_first_places(self, active, part, count):
    eta = np.zeros(count)
    eta[: len(part)] = part
    return eta


def _replaced(name):
    """The tensor of that name from the batch of the direction, the others from their own."""

    def measured(self, s, f, z, theta, u, g, groups):
        right = super(type(self), self).measured(s, f, z, theta, u, g, groups)
        first = super(type(self), self).measured(s, f, f, theta, u, g, groups)
        return {**right, name: first[name]}

    return measured


GROUPED_MISTAKES = (
    mistake(
        "grouped-no-cube-root",
        "D is the absolute third derivative itself, without the cube root.",
        "formula",
        STEP,
        scales_of=lambda self, third: np.abs(third),
    ),
    mistake(
        "grouped-square-root",
        "D is the square root of the absolute third derivative.",
        "formula",
        STEP,
        scales_of=lambda self, third: np.abs(third) ** 0.5,
    ),
    mistake(
        "grouped-negative-third-as-zero",
        "Groups with a negative third derivative get no cubic term: the absolute value is left out.",
        "sign",
        STEP,
        scales_of=lambda self, third: np.maximum(third, 0.0) ** (1.0 / 3.0),
    ),
    mistake(
        "grouped-damping-over-two",
        "The cubic term is lambda_int/2 |D eta|^3.",
        "formula",
        STEP,
        damping=lambda self, s: 3.0 * s["internal_damping"],
    ),
    mistake(
        "grouped-damping-over-three",
        "The cubic term is lambda_int/3 |D eta|^3.",
        "formula",
        STEP,
        damping=lambda self, s: 2.0 * s["internal_damping"],
    ),
    mistake(
        "grouped-damping-capped",
        "lambda_int above 1 is taken as 1.",
        "formula",
        STEP,
        damping=lambda self, s: min(1.0, s["internal_damping"]),
    ),
    mistake(
        "grouped-isotropic",
        "The cubic term is that of D = I.",
        "formula",
        STEP,
        model_of=lambda self, s, H, g, d: (H, g, self.damping(s), np.ones_like(d)),
    ),
    mistake(
        "grouped-ridge",
        "The damping is lambda_int I in H_bar, which is not invariant to a change of scale.",
        "formula",
        STEP,
        model_of=_ridge,
    ),
    mistake(
        "grouped-without-damping",
        "There is no cubic term.",
        "formula",
        STEP,
        damping=lambda self, s: 0.0,
    ),
    mistake(
        "grouped-radius-of-eta",
        "The radius r is |eta|, not |D eta|.",
        "formula",
        STEP,
        length=lambda self, D, eta: float(np.linalg.norm(eta.astype(np.float64))),
    ),
    mistake(
        "grouped-dead-group-moves",
        "Groups whose direction is 0 get the learning rate 1.",
        "selection",
        STEP,
        placed=_dead_at_one,
    ),
    mistake(
        "grouped-dead-group-counts",
        "Learning rates of the active groups stand at the first places.",
        "index",
        STEP,
        placed=_at_the_first_places,
    ),
    mistake(
        "grouped-diagonal-ignored",
        "The diagonal approximation is not made.",
        "formula",
        STEP,
        interacting=lambda self, s: True,
    ),
    mistake(
        "grouped-always-diagonal",
        "Interactions between groups are left out.",
        "formula",
        STEP,
        interacting=lambda self, s: False,
    ),
    mistake(
        "grouped-one-batch",
        "The summary is taken from the batch of the direction.",
        "selection",
        STEP,
        curvature_source=lambda self, f, z: f,
    ),
    mistake(
        "grouped-first-batch-g-bar",
        "g_bar comes from the batch of the direction, as the text of Appendix G has it.",
        "selection",
        STEP,
        measured=_replaced("g_bar"),
    ),
    mistake(
        "grouped-first-batch-H-bar",
        "H_bar comes from the batch of the direction.",
        "selection",
        STEP,
        measured=_replaced("H_bar"),
    ),
    mistake(
        "grouped-first-batch-D",
        "D comes from the batch of the direction.",
        "selection",
        STEP,
        measured=_replaced("D"),
    ),
    mistake(
        "grouped-second-batch-direction",
        "The direction is the gradient of the batch of the curvature.",
        "selection",
        STEP,
        direction_source=lambda self, f, z: z,
    ),
)
