"""Wrong averages, choices and steps of AMOS."""

from faults.patching import Fault, change

AVERAGES = ("lipschitz_averages", "amos_run")
SELECTION = ("amos_selection", "amos_run")
RUN = ("amos_run",)

TAKEN = "taken = momentum * L + (1.0 - momentum) * slopes"
FIRST_SLOPE = 'if average == "first-slope":'
RISE = "rise = xp.abs(xp.where(known, now, zeros) - xp.where(known, before, zeros))"
OVER = "over = epsilon + xp.where(known, distance, xp.ones_like(now))"
KNOWN = "& xp.isfinite(distance) & (distance > 0)"
COUNT = "k + xp.astype(known, k.dtype)"
LENGTH = "return top * xp.sqrt(xp.sum((sizes / scale) ** 2))"
WEIGHT = "weight = -xp.expm1(xp.astype(k, xp.float64) * math.log(momentum))"
UNCORRECTED = 'if average != "bias-corrected" or momentum == 0.0:'

FIXED = "return Selection(statistic, ~(statistic <= threshold))"
FACTOR = "factor = math.sqrt(3.0 * (2.0 - damping)) / damping"
SIDES = "left, right = xp.sqrt(L) * xp.sqrt(g), factor * lam"
KAPPA = "kappa = xp.where(divides, ratio * ratio, xp.full_like(lam, math.inf))"
OF_EACH = "return Selection(kappa, ~((positive & (left <= right)) | resting))"
MEAN = "return groups.sums(x) / asarray_like([float(size) for size in groups.sizes], x)"

FIRST_HESSIAN = "if not state.hessians:\n            averages"
STORED = "hessians=state.hessians + 1, point=theta, estimate=found)"
AFTER = "state = state._replace(iteration=t + 1, first=first, second=second)"
RATES = "rates = curvature_slopes(curvatures, before, self._distance(theta, V, state), self.epsilon)"
SLOPES = "slopes = xp.abs(xp.matmul(V.T, g) if eigenspaces else g)"
DUE = "return iteration in times if isinstance(times, frozenset) else iteration % times == 0"
COMBINED = "return xp.where(found.mask, *directions), xp.where(found.mask, *points)"
PARTS = "parts = xp.where(found.to_first, c[0, :], c[1, :])"
COMPLEMENT = "d = directions[0] + xp.matmul(V, parts - c[0, :])"
KEPT = 'if owner is None and self.idle == "freeze" and self.granularity != "eigenspace":'
FROZEN = "new if isinstance(new, int) or new is old else xp.where(owned, new, old)"
IDLE = "return theta, _later(own)"

AMOS_FAULTS = (
    # ---- the averages of line 5 ----
    Fault(
        "amos-average-weights-swapped",
        "L weighs the new slope by alpha_L, and the old L by 1 - alpha_L.",
        "formula",
        "two slopes, or alpha_L other than 1/2",
        AVERAGES,
        (change("amos_averages", TAKEN, "taken = (1.0 - momentum) * L + momentum * slopes"),),
    ),
    Fault(
        "amos-average-accumulates",
        "L <- alpha_L L + slope.",
        "formula",
        "alpha_L > 0",
        AVERAGES,
        (change("amos_averages", TAKEN, "taken = momentum * L + slopes"),),
    ),
    Fault(
        "amos-first-slope-averaged",
        "The first slope is averaged with 0, although it is to be taken whole.",
        "state",
        "the average first-slope",
        AVERAGES,
        (change("amos_averages", FIRST_SLOPE, "if False:"),),
    ),
    Fault(
        "amos-always-first-slope",
        "The first slope is taken whole in the literal average too.",
        "state",
        "the literal average",
        AVERAGES,
        (change("amos_averages", FIRST_SLOPE, "if True:"),),
    ),
    Fault(
        "amos-not-corrected",
        "The bias is not corrected.",
        "formula",
        "the bias-corrected average",
        AVERAGES,
        (change("amos_averages", UNCORRECTED, "if True:"),),
    ),
    Fault(
        "amos-correction-one-late",
        "The correction is 1 - alpha_L^(k + 1): it counts the first Hessian, which has no slope.",
        "index",
        "the bias-corrected average",
        AVERAGES,
        (change("amos_averages", WEIGHT, WEIGHT.replace("xp.astype(k,", "xp.astype(k + 1,")),),
    ),
    Fault(
        "amos-correction-counts-hessians",
        "k counts Hessian times, also those at which an index had no slope.",
        "state",
        "the bias-corrected average, and an index that rests",
        AVERAGES,
        (change("amos_averages", COUNT, "k + 1"),),
    ),
    Fault(
        "amos-slope-signed",
        "The slope keeps its sign.",
        "sign",
        "a curvature that falls",
        AVERAGES,
        (change("amos_averages", RISE, RISE.replace("xp.abs(", "(")),),
    ),
    Fault(
        "amos-slope-of-the-size",
        "The slope is that of |lambda|.",
        "sign",
        "a curvature that changes its sign",
        AVERAGES,
        (
            change(
                "amos_averages",
                "rise = xp.abs(xp.where(known, now, zeros) - xp.where(known, before, zeros))",
                "rise = xp.abs(xp.abs(xp.where(known, now, zeros)) - xp.abs(xp.where(known, before, zeros)))",
            ),
        ),
    ),
    Fault(
        "amos-epsilon-bounds",
        "The denominator is the larger of eps_2 and the distance.",
        "formula",
        "an eps_2 that is not negligible",
        AVERAGES,
        (
            change(
                "amos_averages",
                OVER,
                "over = xp.maximum(xp.full_like(now, epsilon), xp.where(known, distance, xp.ones_like(now)))",
            ),
        ),
    ),
    Fault(
        "amos-slope-not-divided",
        "L averages changes of curvature: the distance is left out.",
        "formula",
        "a distance other than 1",
        AVERAGES,
        (change("amos_averages", OVER, "over = epsilon + xp.ones_like(now)"),),
    ),
    Fault(
        "amos-distance-squared",
        "The denominator is the square of the distance.",
        "formula",
        "a distance other than 1",
        AVERAGES,
        (change("amos_averages", OVER, OVER.replace("known, distance,", "known, distance * distance,")),),
    ),
    Fault(
        "amos-resting-counts",
        "Where nothing moved, the slope is 0, and is averaged.",
        "numerics",
        "an index that rests",
        AVERAGES,
        (
            change("amos_averages", KNOWN, "& xp.isfinite(distance)"),
            change("amos_averages", RISE, RISE + "\n    rise = xp.where(distance > 0, rise, zeros)"),
        ),
    ),
    Fault(
        "amos-distance-as-sum",
        "The distance is the sum of the sizes of its components.",
        "formula",
        "two coordinates that move",
        AVERAGES,
        (change("amos_averages", LENGTH, "return xp.sum(sizes)"),),
    ),
    Fault(
        "amos-distance-as-largest",
        "The distance is the largest of its components.",
        "formula",
        "two coordinates that move",
        AVERAGES,
        (change("amos_averages", LENGTH, "return top"),),
    ),
    Fault(
        "amos-norm-for-component",
        "The whole move divides, although its part along the index is asked for.",
        "selection",
        "the denominator component",
        AVERAGES,
        (change("amos", 'if self.denominator == "norm":', "if True:"),),
    ),
    Fault(
        "amos-component-for-norm",
        "The move's part along the index divides, although the whole is asked for.",
        "selection",
        "the denominator norm",
        AVERAGES,
        (change("amos", 'if self.denominator == "norm":', "if False:"),),
    ),
    Fault(
        "amos-first-hessian-has-a-slope",
        "At the first Hessian time the slope is taken against 0.",
        "state",
        "any",
        AVERAGES,
        (change("amos", FIRST_HESSIAN, "if False:\n            averages"),),
    ),
    Fault(
        "amos-distance-of-the-last-step",
        "The slope divides by the move of the last step, t - 1, not by that since the last Hessian time.",
        "schedule",
        "Hessian times that are steps apart",
        RUN,
        (change("amos", AFTER, AFTER.replace("t + 1,", "t + 1, point=theta,")),),
    ),
    Fault(
        "amos-slopes-from-the-first-hessian",
        "The slope is taken from the first Hessian time to this one.",
        "state",
        "three Hessian times",
        AVERAGES,
        (
            change(
                "amos",
                STORED,
                STORED.replace("point=theta", "point=state.point if state.hessians else theta"),
            ),
        ),
    ),
    # ---- the rule ----
    Fault(
        "amos-equality-to-the-first",
        "Line 7 has >= for >.",
        "index",
        "a statistic equal to the threshold",
        SELECTION,
        (change("amos_selection", FIXED, FIXED.replace("<=", "<")),),
    ),
    Fault(
        "amos-choice-inverted",
        "What is above the threshold goes to the second.",
        "sign",
        "a fixed threshold",
        SELECTION,
        (change("amos_selection", FIXED, FIXED.replace("~(", "(")),),
    ),
    Fault(
        "amos-ascent-inverted",
        "What is above eq. 8 goes to the second.",
        "sign",
        "the rule newton-ascent",
        SELECTION,
        (change("amos_selection", OF_EACH, OF_EACH.replace("~((", "((")),),
    ),
    Fault(
        "amos-ascent-without-three",
        "The factor 3 of eq. 8 is left out.",
        "formula",
        "the rule newton-ascent",
        SELECTION,
        (change("amos_selection", FACTOR, "factor = math.sqrt(2.0 - damping) / damping"),),
    ),
    Fault(
        "amos-ascent-not-damped",
        "Eq. 8 is that of the whole Newton step, whatever the damping.",
        "formula",
        "a damping other than 1",
        SELECTION,
        (change("amos_selection", FACTOR, "factor = math.sqrt(3.0)"),),
    ),
    Fault(
        "amos-damping-squared-only",
        "A damped step changes eq. 8 by 1/a^2 alone.",
        "formula",
        "a damping other than 1",
        SELECTION,
        (change("amos_selection", FACTOR, "factor = math.sqrt(3.0) / damping"),),
    ),
    Fault(
        "amos-ascent-curvature-not-squared",
        "The margin is L g/(3 |lambda|).",
        "formula",
        "the rule newton-ascent",
        SELECTION,
        (
            change("amos_selection", SIDES, "left, right = L * g, factor**2 * lam"),
            change("amos_selection", KAPPA, KAPPA.replace("ratio * ratio", "ratio")),
        ),
    ),
    Fault(
        "amos-ascent-slope-divides",
        "The margin divides by g: L/(3 lambda^2 g).",
        "formula",
        "the rule newton-ascent and a slope other than 1",
        SELECTION,
        (change("amos_selection", SIDES, "left, right = xp.sqrt(L), factor * lam * xp.sqrt(g)"),),
    ),
    Fault(
        "amos-ascent-of-concave-by-size",
        "A negative curvature is looked at by its size.",
        "sign",
        "the rule newton-ascent and a negative curvature",
        SELECTION,
        (change("amos_selection", SIDES, SIDES.replace("factor * lam", "factor * xp.abs(lam)")),),
    ),
    Fault(
        "amos-concave-to-the-second",
        "A negative curvature goes to the second.",
        "sign",
        "the rule newton-ascent and a negative curvature",
        SELECTION,
        (change("amos_selection", OF_EACH, "return Selection(kappa, positive & (left > right) & ~resting)"),),
    ),
    Fault(
        "amos-mean-for-max",
        "A tensor goes by the mean, although the maximum is asked for.",
        "selection",
        "the aggregate max",
        SELECTION,
        (change("amos_selection", 'if aggregate == "max":', "if False:"),),
    ),
    Fault(
        "amos-max-for-mean",
        "A tensor goes by the maximum, although the mean is asked for.",
        "selection",
        "the aggregate mean",
        SELECTION,
        (change("amos_selection", 'if aggregate == "max":', "if True:"),),
    ),
    Fault(
        "amos-sum-for-mean",
        "A tensor goes by the sum.",
        "formula",
        "the aggregate mean and a tensor of two",
        SELECTION,
        (change("amos_selection", MEAN, "return groups.sums(x)"),),
    ),
    Fault(
        "amos-mean-over-all",
        "A tensor's sum is divided by the number of all parameters.",
        "index",
        "the aggregate mean",
        SELECTION,
        (change("amos_selection", MEAN, "return groups.sums(x) / float(groups.n)"),),
    ),
    Fault(
        "amos-maximum-of-the-first-piece",
        "The maximum of a tensor in several pieces is that of its first.",
        "index",
        "the aggregate max, a tensor in long pieces",
        SELECTION,
        (change("amos_selection", "reduce(xp.maximum, part) for part", "part[0] for part"),),
    ),
    Fault(
        "amos-maximum-without-the-ends",
        "The maximum of a long piece leaves its last element out.",
        "index",
        "the aggregate max, a tensor in long pieces",
        SELECTION,
        (change("amos_selection", "xp.max(x[start:stop])", "xp.max(x[start : stop - 1])"),),
    ),
    Fault(
        "amos-resting-index-forgotten",
        "An index without slope goes to the first where its curvature underflows.",
        "numerics",
        "g = 0 and the smallest curvature",
        SELECTION,
        (change("amos_selection", "resting = (lam > 0) & (g == 0)", "resting = (lam > 0) & (g < 0)"),),
    ),
    # ---- along a run ----
    Fault(
        "amos-hessian-times-one-early",
        "Steps are counted from 1: the Hessian is due where t + 1 is a multiple of the period.",
        "schedule",
        "a period",
        RUN,
        (change("amos_settings", DUE, DUE.replace("iteration % times", "(iteration + 1) % times")),),
    ),
    Fault(
        "amos-hessian-at-every-step",
        "The Hessian times are ignored.",
        "schedule",
        "Hessian times that are steps apart",
        RUN,
        (change("amos_settings", DUE, "return True"),),
    ),
    Fault(
        "amos-hessian-set-as-period",
        "A set of Hessian times is read as the period of its smallest gap.",
        "schedule",
        "a set of Hessian times",
        RUN,
        (
            change(
                "amos_settings",
                DUE,
                DUE.replace(
                    "iteration in times if", "iteration % max(1, min(x for x in times if x)) == 0 if"
                ),
            ),
        ),
    ),
    Fault(
        "amos-default-ignored",
        "Before the first Hessian everything goes to the first.",
        "selection",
        "the default second",
        RUN,
        (change("amos", "return self.default\n", 'return "first"\n'),),
    ),
    Fault(
        "amos-unknown-ignored",
        "An index without a slope goes to the second, whatever is asked for.",
        "selection",
        "unknown first",
        RUN,
        (change("amos", 'if self.unknown == "first":', "if False:"),),
    ),
    Fault(
        "amos-optimizers-swapped",
        "The first optimizer moves what the second owns.",
        "index",
        "a mixed assignment",
        RUN,
        (
            change(
                "amos",
                COMBINED,
                "return xp.where(found.mask, *directions[::-1]), xp.where(found.mask, *points[::-1])",
            ),
        ),
    ),
    Fault(
        "amos-directions-added",
        "Both optimizers move everything.",
        "formula",
        "a mixed assignment",
        RUN,
        (change("amos", COMBINED, "return sum(directions), theta + sum(directions)"),),
    ),
    Fault(
        "amos-assigned-one-step-late",
        "A new assignment moves theta only from the next step on.",
        "order",
        "an assignment that changes",
        RUN,
        (
            change(
                "amos",
                "found, owner = state.estimate, self._owner(state, theta.shape[0])",
                "shown, old = state.estimate, last.estimate if last.hessians else state.estimate\n        "
                "found, owner = old, self._owner(state._replace(estimate=old), theta.shape[0])",
            ),
            change(
                "amos", "check_state(state, theta)\n", "check_state(state, theta)\n        last = state\n"
            ),
        ),
    ),
    Fault(
        "amos-idle-memory-reset",
        "What an optimizer remembers of parameters that it does not own is set to 0.",
        "state",
        "an optimizer with memory, and parameters that change hands",
        RUN,
        (change("amos", FROZEN, FROZEN.replace("new, old)", "new, 0 * old)")),),
    ),
    Fault(
        "amos-idle-memory-goes-on",
        "An idle optimizer sees every gradient, although it is to stand still.",
        "state",
        "an optimizer with memory, and parameters that change hands",
        RUN,
        (change("amos", KEPT, "if False:"),),
    ),
    Fault(
        "amos-idle-memory-frozen",
        "An idle optimizer stands still, although it is to see every gradient.",
        "state",
        "idle update, and an optimizer with memory",
        RUN,
        (change("amos", KEPT, KEPT.replace('self.idle == "freeze"', "True")),),
    ),
    Fault(
        "amos-eigenspaces-as-coordinates",
        "Lines 14 and 15 as printed: entry i of the direction for eigenspace i.",
        "index",
        "eigenvectors that are not the coordinates",
        RUN,
        (
            change("amos", COMPLEMENT, "d = xp.where(found.to_first, *directions)"),
            change("amos", "d = xp.matmul(V, parts)\n", "d = xp.where(found.to_first, *directions)\n"),
        ),
    ),
    Fault(
        "amos-eigenspaces-swapped",
        "The first optimizer moves the eigenspaces of the second.",
        "index",
        "eigenspaces of both",
        RUN,
        (change("amos", PARTS, "parts = xp.where(found.to_first, c[1, :], c[0, :])"),),
    ),
    Fault(
        "amos-eigenspace-slope-of-coordinates",
        "Eq. 8 in eigenspaces looks at the gradient's coordinates.",
        "index",
        "newton-ascent in eigenspaces",
        RUN,
        (change("amos", SLOPES, "slopes = xp.abs(g[: V.shape[1]] if eigenspaces else g)"),),
    ),
    Fault(
        "amos-complement-to-the-second",
        "What the eigenvectors do not span goes to the second.",
        "selection",
        "fewer eigenvectors than parameters",
        RUN,
        (change("amos", COMPLEMENT, "d = directions[1] + xp.matmul(V, parts - c[1, :])"),),
    ),
    Fault(
        "amos-complement-rests",
        "What the eigenvectors do not span does not move.",
        "formula",
        "fewer eigenvectors than parameters",
        RUN,
        (change("amos", COMPLEMENT, "d = xp.matmul(V, parts)"),),
    ),
    Fault(
        "amos-offload-of-the-second",
        "The offload is the share of the second.",
        "index",
        "a share other than one half",
        RUN,
        (
            change(
                "amos",
                'shown: Any = (*found[: found._fields.index("mask")], found.offload,',
                'shown: Any = (*found[: found._fields.index("mask")], 1.0 - found.offload,',
            ),
        ),
    ),
)
