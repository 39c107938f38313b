"""Wrong tensors of the grouped derivatives, wrong partitions, wrong rules of Taylor mode."""

from faults.patching import Fault, change

SUMMARY = ("summary", "grouped_newton_step", "grouped_newton_run")
THIRD = ("summary", "along", "grouped_newton_step", "grouped_newton_run")
TENSOR = ("summary_tensor",)
RATES = ("grouped_newton_step", "grouped_newton_run")

BY_PIECES = "            for t, entry in _row(tape.compiled, u, groups, s, wanted).items():\n                "
PIECES = BY_PIECES + "rows[s][t] = rows[t][s] = entry"
WHOLE = "rows[s][t] = rows[t][s] = sums[t]"
THIRD_DIAGONAL = "third = _vector([d[3] for d in found], u)"
ENTRIES = "tensors.append(SummaryTensor(d, S, xp.concat(rows)))"
PERMUTED = (
    "order = sorted(range(len(_indices(d, S))), key=lambda p: {key})\n"
    '        entries = xp.take(xp.concat(rows), asarray_like(order, theta, "int64"))\n'
    "        tensors.append(SummaryTensor(d, S, entries))"
)
ROOT = "        D = xp.abs(third)"
DIFFERENTIATED = (
    "        parts = [self.groups.restrict(u, s) for s in range(self.groups.count)]\n"
    "        bends = [self.groups.sums(source.hvp(theta, x) ** 2)[s] for s, x in enumerate(parts)]\n"
    "        H_bar, third = 2.0 * H_bar, 2.0 * third + 4.0 * xp.stack(bends)\n"
)
SUMS = "xp = namespace(x)\n        if self.count == self.n:"
SUMS_BY_SIZE = (
    "xp = namespace(x)\n"
    "        return xp.stack([xp.sum(x[a:b]) for a, b in pairwise(accumulate(self.sizes, initial=0))])\n"
    "        if False:"
)
SPREAD = "xp = namespace(eta)\n        if self.scattered:"
SPREAD_BY_SIZE = (
    "xp = namespace(eta)\n"
    "        return xp.concat([xp.broadcast_to(eta[s], (size,)) for s, size in enumerate(self.sizes)])\n"
    "        if False:"
)
REPLAY = "any(i in nonzero for i in step.sources)"

SUMMARY_FAULTS = (
    # ---- H_bar ----
    Fault(
        "summary-off-diagonal-twice",
        "Off-diagonal entries of H_bar are counted twice, as the coefficients of a quadratic form are.",
        "formula",
        "two groups that are coupled",
        SUMMARY,
        (
            change("group_products", PIECES, PIECES + " * (2 if s != t else 1)"),
            change("group_products", WHOLE, WHOLE + " * (2 if s != t else 1)"),
        ),
    ),
    Fault(
        "summary-one-triangle",
        "Only one triangle of H_bar is filled.",
        "index",
        "two groups that are coupled",
        SUMMARY,
        (
            change("group_products", PIECES, BY_PIECES + "rows[s][t] = entry"),
            change("group_products", WHOLE, "rows[s][t] = sums[t]"),
        ),
    ),
    Fault(
        "summary-curvature-halved",
        "H_bar is the second Taylor coefficient, with its 1/2.",
        "formula",
        "H_bar other than 0",
        SUMMARY,
        (change("group_products", PIECES, PIECES + " / 2"), change("group_products", WHOLE, WHOLE + " / 2")),
    ),
    Fault(
        "summary-product-not-weighted",
        "H_bar is I U H U I' without its second U: the product H u_s is summed over the groups as it is.",
        "formula",
        "a direction whose elements are not 1",
        SUMMARY,
        (
            change("group_products", "xp.matmul(flat, u[piece.start : piece.stop])", "xp.sum(flat)"),
            change("group_products", "sums = groups.sums(u * tape", "sums = groups.sums(tape"),
        ),
    ),
    Fault(
        "summary-direction-leaks-into-products",
        "A slice of parameters that a group only touches takes u of the other groups along.",
        "index",
        "a tensor or slice that two groups share",
        SUMMARY,
        (
            change(
                "group_products",
                "step.taken is not None and _inside(step.taken, ranges):",
                "step.taken is not None and _meets(step.taken, ranges):",
            ),
        ),
    ),
    Fault(
        "summary-direction-not-restricted",
        "The products are H u, not H u_s.",
        "index",
        "two groups that are coupled, and a function of the whole vector",
        SUMMARY,
        (
            change("group_products", "whole = groups.restrict(u, s)", "whole = u"),
            change("group_products", "tape.product(groups.restrict(u, s))", "tape.product(u)"),
        ),
    ),
    Fault(
        "summary-direction-not-constant",
        "The derivatives pass through u = g as well (claim A2): H_bar is twice itself.",
        "formula",
        "u = g",
        RATES,
        (change("grouped_newton", ROOT, DIFFERENTIATED + ROOT),),
    ),
    Fault(
        "summary-pieces-overwrite",
        "Of the pieces of a group only the last counts.",
        "index",
        "a group of several slices",
        SUMMARY,
        (
            change(
                "group_products",
                "found[piece.group] + entry if piece.group in found else entry",
                "entry",
            ),
        ),
    ),
    Fault(
        "summary-scattered-groups-pruned",
        "Groups that begin before another ends are taken for groups that lie before it, and left out.",
        "index",
        "interleaved groups that are coupled",
        SUMMARY,
        (
            change(
                "group_products",
                "rank[piece.group] >= rank[s]]",
                "piece.group == s or groups.ranges[piece.group][0][0] >= groups.ranges[s][-1][1]]",
            ),
        ),
    ),
    Fault(
        "summary-replay-stops-at-a-zero",
        "A step of the replay is left out when one of its sources is zero, not when all are.",
        "order",
        "a value that depends on two groups",
        SUMMARY,
        (change("group_products", REPLAY, REPLAY.replace("any(", "all(")),),
    ),
    Fault(
        "summary-slices-of-the-first-range",
        "A slice counts as zero unless it meets the first range of its group.",
        "index",
        "a group of several slices",
        SUMMARY,
        (
            change(
                "group_products",
                "return any(taken[0] < stop and start < taken[1] for start, stop in ranges)",
                "return any(taken[0] < stop and start < taken[1] for start, stop in ranges[:1])",
            ),
        ),
    ),
    # ---- the third derivatives ----
    Fault(
        "summary-third-is-a-coefficient",
        "The diagonal of D^3 is the Taylor coefficient, with its 1/3!.",
        "formula",
        "D^3 other than 0",
        SUMMARY,
        (change("group_summary", THIRD_DIAGONAL, THIRD_DIAGONAL.replace("d[3]", "d[3] / 6", 1)),),
    ),
    Fault(
        "summary-third-is-absolute",
        "The absolute value of D^3 is taken where its sign is still asked for.",
        "sign",
        "a negative third derivative",
        SUMMARY,
        (change("group_summary", THIRD_DIAGONAL, THIRD_DIAGONAL.replace("d[3]", "abs(d[3])", 1)),),
    ),
    Fault(
        "summary-third-sign",
        "The diagonal of D^3 has the other sign, that of the model's -g_bar.",
        "sign",
        "D^3 other than 0",
        SUMMARY,
        (change("group_summary", THIRD_DIAGONAL, THIRD_DIAGONAL.replace("d[3]", "-d[3]", 1)),),
    ),
    Fault(
        "summary-third-along-the-whole-direction",
        "The third derivative of each group is that along u.",
        "index",
        "more than one group",
        SUMMARY,
        (change("derivative_engines", "along(direction, 3, groups.ranges[s])", "along(direction, 3, None)"),),
    ),
    Fault(
        "summary-direction-leaks-into-third",
        "In Taylor mode a slice that a group only touches takes u of the other groups along.",
        "index",
        "a tensor or slice that two groups share",
        SUMMARY,
        (
            change(
                "taylor",
                "any(start <= taken[0] and taken[1] < stop for",
                "any(start <= taken[1] and taken[0] < stop for",
            ),
        ),
    ),
    Fault(
        "summary-third-of-a-wrong-slice",
        "A slice that ends with a group's first parameter counts as constant.",
        "index",
        "a group that begins with the last parameter of a slice",
        SUMMARY,
        (change("taylor", "start > taken[1] for start, stop", "start >= taken[1] for start, stop"),),
    ),
    Fault(
        "summary-third-of-the-first-range",
        "In Taylor mode a slice is constant unless it meets the first range of its group.",
        "index",
        "a group of several slices",
        SUMMARY,
        (
            change(
                "taylor",
                "start > taken[1] for start, stop in support)",
                "start > taken[1] for start, stop in support[:1])",
            ),
        ),
    ),
    # ---- partitions ----
    Fault(
        "groups-in-the-order-of-the-parameters",
        "Groups are numbered as they appear among the parameters, not as the caller numbers them.",
        "order",
        "a group numbered before one that begins earlier",
        SUMMARY + TENSOR,
        (
            change(
                "groups",
                'sequence("labels", labels))]\n        if not given',
                'sequence("labels", labels))]\n'
                "        given = [list(dict.fromkeys(given)).index(label) for label in given]\n"
                "        if not given",
            ),
        ),
    ),
    Fault(
        "groups-summed-one-after-the-other",
        "Sums over groups take as many parameters as each has, in the order of the groups.",
        "order",
        "groups in another order than the parameters",
        SUMMARY,
        (change("groups", SUMS, SUMS_BY_SIZE),),
    ),
    Fault(
        "groups-spread-one-after-the-other",
        "Learning rates are handed out in the order of the groups, as if their parameters came in it.",
        "order",
        "groups in another order than the parameters",
        RATES,
        (change("groups", SPREAD, SPREAD_BY_SIZE),),
    ),
    # ---- whole tensors ----
    Fault(
        "tensor-symmetric-factor",
        "Entries are those of the polynomial: each is multiplied by the number of its permutations.",
        "formula",
        "an entry with two different indices",
        TENSOR,
        (
            change(
                "summary",
                ENTRIES,
                ENTRIES.replace("(rows)", "(rows) * asarray_like(_multiplicities(d, S), theta)"),
            ),
        ),
    ),
    Fault(
        "tensor-taylor-factor",
        "Entries carry 1/d!.",
        "formula",
        "order 2 or more",
        TENSOR,
        (change("summary", ENTRIES, ENTRIES.replace("(rows)", "(rows) / math.factorial(d)")),),
    ),
    Fault(
        "tensor-colexicographic",
        "Entries are ordered by their last index first.",
        "order",
        "three groups and order 2, or more of both",
        TENSOR,
        (change("summary", ENTRIES, PERMUTED.format(key="_indices(d, S)[p][::-1]")),),
    ),
    Fault(
        "tensor-order-reversed",
        "Entries stand in reversed lexicographic order.",
        "order",
        "two groups",
        TENSOR,
        (change("summary", ENTRIES, PERMUTED.format(key="-p")),),
    ),
    Fault(
        "tensor-of-differing-directions",
        "Of two equal indices the second is left out: D^3[s, s, t] is D^3[s, t, t].",
        "index",
        "order 3 and two groups",
        TENSOR,
        (
            change(
                "summary",
                "f.mixed(theta, *(parts[s] for s in index))",
                "f.mixed(theta, *(parts[s] for s in (index[:1] and index[1:]) + index[-1:]))",
            ),
        ),
    ),
    Fault(
        "tensor-direction-not-applied-last",
        "The last index sums the gradient without u.",
        "formula",
        "a direction whose elements are not 1",
        TENSOR,
        (change("summary", "groups.sums(direction * vector)", "groups.sums(vector)"),),
    ),
    # ---- rules of Taylor mode ----
    Fault(
        "taylor-tanh-slope-sign",
        "The slope of tanh is 1 + y^2 from the first order on.",
        "sign",
        "tanh and order 2",
        THIRD,
        (change("taylor_rules", "square_coefficient(y, k, sign))", "square_coefficient(y, k, -sign))"),),
    ),
    Fault(
        "taylor-exp-one-order-behind",
        "The slope of exp takes the coefficient before the last.",
        "index",
        "exp and order 2",
        THIRD,
        (change("taylor_rules", "lambda y, k: y[k])", "lambda y, k: y[k - 1])"),),
    ),
    Fault(
        "taylor-recurrence-without-weights",
        "The recurrences of exp, tanh, log, ... lose their factors j/k.",
        "formula",
        "an elementwise function and order 2",
        THIRD,
        (change("taylor_series", "        term *= j / k\n", "        pass\n"),),
    ),
    Fault(
        "taylor-log-sign",
        "The recurrence of log adds the earlier coefficients.",
        "sign",
        "log and order 2",
        THIRD,
        (
            change(
                "taylor_series",
                "y.append((u[k] - found if k < len(u) else -found) / q[0])",
                "y.append((u[k] + found if k < len(u) else found) / q[0])",
            ),
        ),
    ),
    Fault(
        "taylor-logaddexp-share-sign",
        "The second share of logaddexp moves with the first, not against it.",
        "sign",
        "logaddexp and order 2, both arguments varying, or order 3",
        THIRD,
        (
            change(
                "taylor_rules", "p.append(weighted(gap, rate, k, k))", "p.append(-weighted(gap, rate, k, k))"
            ),
        ),
    ),
    Fault(
        "taylor-power-falling-factorials",
        "The coefficients of a power are falling factorials without 1/m!.",
        "formula",
        "a power and order 2",
        THIRD,
        (
            change(
                "taylor_powers",
                "factor = factor * (exponent - m + 1) / m\n",
                "factor = factor * (exponent - m + 1)\n",
            ),
        ),
    ),
    Fault(
        "taylor-square-without-middle",
        "The coefficient of an even order of a square loses its middle term.",
        "formula",
        "a square and order 2",
        THIRD,
        (
            change(
                "taylor_series",
                "return middle if result is None else total((result, middle))",
                "return middle if result is None else result",
            ),
        ),
    ),
    Fault(
        "taylor-product-of-the-ends",
        "A product of two factors loses the terms in which both vary.",
        "formula",
        "a product of two factors that vary",
        THIRD,
        (
            change(
                "taylor_series",
                "return total(a[j] * b[k - j] for j in _indices(a, b, k, 0, k))",
                "return total((j in (0, k)) * a[j] * b[k - j] for j in _indices(a, b, k, 0, k))",
            ),
        ),
    ),
    Fault(
        "taylor-matmul-bilinear-part",
        "A matrix product loses the terms in which both factors vary.",
        "formula",
        "a network in a group of several layers",
        THIRD,
        (
            change(
                "taylor_moves",
                "if sum(orders) <= degree:",
                "if sum(orders) <= degree and (sum(orders) in orders or sum(orders) == 0):",
            ),
        ),
    ),
    Fault(
        "taylor-maximum-of-the-other-side",
        "The maximum of two varying arguments hands on the smaller one's coefficients.",
        "index",
        "a matched cubic, or relu",
        THIRD,
        (
            change(
                "taylor_rules",
                "found.append(of_x * x[k] + of_y * y[k])",
                "found.append(of_y * x[k] + of_x * y[k])",
            ),
            change("taylor_rules", "found.append(of_x * x[k])", "found.append((1 - of_x) * x[k])"),
        ),
    ),
    Fault(
        "taylor-cut-at-order-two",
        "A polynomial's coefficients beyond the second are left out.",
        "formula",
        "a cubic",
        THIRD,
        (
            change(
                "taylor_rules",
                "degree = min(order, len(x) + len(y) - 2)\n    return (node",
                "degree = min(order, 2)\n    return (node",
            ),
        ),
    ),
)
