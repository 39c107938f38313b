"""Wrong runs of AMOS: Hessian times, who moves what, and what the optimizers remember."""

import numpy as np

from refopt.conformance.mistakes.base import mistake

RUN = ("amos_run",)


def _from_the_next_step(self, before, after):
    return after if before["averages"] is None else {**before, "memories": after["memories"]}


def _set_as_period(self, times, t):
    if isinstance(times, frozenset):
        return t % max(1, min((x for x in times if x), default=1)) == 0
    return t % times == 0


AMOS_RUN_MISTAKES = (
    mistake(
        "amos-hessian-times-one-early",
        "A Hessian is due where t + 1 is a multiple of the period: steps are counted from 1.",
        "schedule",
        RUN,
        hessian_due=lambda self, times, t: (
            t in times if isinstance(times, frozenset) else (t + 1) % times == 0
        ),
    ),
    mistake(
        "amos-hessian-at-every-step",
        "The Hessian times are ignored: one is taken at every step.",
        "schedule",
        RUN,
        hessian_due=lambda self, times, t: True,
    ),
    mistake(
        "amos-hessian-set-as-period",
        "A set of Hessian times is read as a period, the smallest of them above 0.",
        "schedule",
        RUN,
        hessian_due=_set_as_period,
    ),
    mistake(
        "amos-distance-of-the-last-step",
        "The slope is divided by the move of the last step, not by that since the last Hessian time.",
        "schedule",
        RUN,
        averages_after=lambda self, kept, theta: None if kept is None else {**kept, "point": theta},
    ),
    mistake(
        "amos-default-ignored",
        "Before the first Hessian the first optimizer moves everything, whatever is asked for.",
        "selection",
        RUN,
        default_owner=lambda self, s: "first",
    ),
    mistake(
        "amos-unknown-ignored",
        "An index without a slope goes to the second optimizer, whatever is asked for.",
        "selection",
        RUN,
        unknown_to_first=lambda self, s: False,
    ),
    mistake(
        "amos-assigned-one-step-late",
        "A new assignment is used only from the next step on: lines 3 to 12 come after line 15.",
        "order",
        RUN,
        estimate_used=_from_the_next_step,
    ),
    mistake(
        "amos-optimizers-swapped",
        "The first optimizer moves the parameters of the second, and the reverse.",
        "index",
        RUN,
        side_by_side=lambda self, mask, directions: np.where(mask, *directions[::-1]),
    ),
    mistake(
        "amos-directions-added",
        "Both optimizers move every parameter.",
        "formula",
        RUN,
        side_by_side=lambda self, mask, directions: sum(directions),
    ),
    mistake(
        "amos-idle-memory-reset",
        "What an optimizer remembers of parameters that it does not own is set to 0.",
        "state",
        RUN,
        memory_kept=lambda self, owned, before, after: np.where(owned, after, 0.0 * before),
    ),
    mistake(
        "amos-idle-memory-goes-on",
        "An optimizer that is to stand still sees every gradient.",
        "state",
        RUN,
        stands_still=lambda self, s: False,
        keeps_parts=lambda self, s: False,
    ),
    mistake(
        "amos-idle-parts-go-on",
        "An optimizer that owns some parameters goes on remembering the others, which are to stand still.",
        "state",
        RUN,
        keeps_parts=lambda self, s: False,
    ),
    mistake(
        "amos-idle-memory-frozen",
        "An idle optimizer stands still, although it is to see every gradient.",
        "state",
        RUN,
        stands_still=lambda self, s: True,
        keeps_parts=lambda self, s: True,
    ),
    mistake(
        "amos-idle-parts-frozen",
        "An optimizer keeps what it remembers of parameters that it does not own, although it is to go on.",
        "state",
        RUN,
        keeps_parts=lambda self, s: True,
    ),
    mistake(
        "amos-eigenspaces-as-coordinates",
        "Lines 14 and 15 as printed: entry i of a direction is taken for eigenspace i.",
        "index",
        RUN,
        in_eigenspaces=lambda self, V, owners, directions: np.where(owners, *directions),
    ),
    mistake(
        "amos-eigenspaces-swapped",
        "The first optimizer moves the eigenspaces of the second, and the reverse.",
        "index",
        RUN,
        in_eigenspaces=lambda self, V, owners, directions: super(type(self), self).in_eigenspaces(
            V, ~owners, directions
        ),
    ),
    mistake(
        "amos-eigenspace-slope-of-coordinates",
        "Eq. 8 in eigenspaces looks at the gradient's coordinates, not at v'grad.",
        "index",
        RUN,
        slopes_along=lambda self, g, V: np.abs(g if V is None else g[: V.shape[1]]),
    ),
    mistake(
        "amos-complement-to-the-second",
        "What the eigenvectors do not span is moved by the second optimizer.",
        "selection",
        RUN,
        left_over=lambda self, V, directions: directions[1] - V @ (V.T @ directions[1]),
    ),
    mistake(
        "amos-complement-rests",
        "What the eigenvectors do not span does not move.",
        "formula",
        RUN,
        left_over=lambda self, V, directions: 0.0 * directions[0],
    ),
    mistake(
        "amos-offload-of-the-second",
        "The offload is the share of the second optimizer.",
        "index",
        RUN,
        offload=lambda self, s, state: 1.0 - super(type(self), self).offload(s, state),
    ),
)
