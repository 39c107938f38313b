"""The second derivation of AMOS: Algorithm 2 run literally, states and masks as an implementation has them.

Averages are running ones, frozen memories are chosen entry by entry, every spectrum comes from a full
diagonalisation and is matched by overlap, decisions are made with roots.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mpmath import mp, mpf

from oracles import recurrence
from oracles.averages import fresh, rate
from oracles.case import Check, Quantities
from oracles.precision import Number, Vector, add, dot, eigensystem, matvec, norm, subtract, transpose


class Literal:
    """Algorithm 2 and its options, one step after another."""

    def __init__(self, inputs: Mapping[str, Any]) -> None:
        """Start a run."""
        self.inputs, self.s, self.problem = inputs, inputs["settings"], inputs["problem"]
        self.n = self.problem.n
        self.states = [self._start(inputs[name]) for name in ("first", "second")]
        self.probe = 0
        self.seen: tuple[Vector, Vector, Any] | None = None
        self.L: Vector = [mpf(0)] * self.n
        self.k = [0] * self.n
        self.V: Any = None
        groups = inputs.get("groups", [])
        size = max(groups) + 1 if self.s["granularity"] == "tensor" else self.n
        self.to_first = [self.s["default"] == "first"] * size

    def _start(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        name = spec["optimizer"]
        if name == "sophia":
            return {"iteration": 0, "first_moment": [mpf(0)] * self.n, "hessian_diagonal": [mpf(0)] * self.n}
        return {"iteration": 0} if name in ("newton", "fosi") else fresh(name, self.n)

    def _diagonal(self, H: Any) -> Vector:
        if "probes" not in self.inputs:
            return [H[i][i] for i in range(self.n)]
        u = self.inputs["probes"][self.probe]
        return [a * b for a, b in zip(u, matvec(H, u), strict=True)]

    def update(self, theta: Vector, g: Vector, H: Any, diagonal: Any) -> None:
        """Lines 4 to 10."""
        V, values = None, diagonal
        if self.s["granularity"] == "eigenspace":
            values, columns = eigensystem(H)
            V = transpose(columns)
            if self.s["largest"] is not None:
                kept = [*range(self.s["largest"]), *range(self.n - (self.s["smallest"] or 0), self.n)]
                values, V = [values[i] for i in kept], [V[i] for i in kept]
        size = len(values)
        L, k = [mpf(0)] * size, [0] * size
        if self.seen is not None:
            old_theta, old_values, old_V = self.seen
            moved = subtract(theta, old_theta)
            for i in range(size):
                if V is None:
                    j = i
                    part = moved[i]
                else:
                    overlaps = [dot(V[i], w) ** 2 for w in old_V]
                    j = max(range(len(overlaps)), key=lambda q: overlaps[q])
                    part = dot(V[i], moved)
                    if not overlaps[j] > 0.5:
                        continue
                motion = norm(moved) if self.s["denominator"] == "norm" else abs(part)
                L[i], k[i] = self.L[j], self.k[j]
                if motion:
                    a, slope = (
                        self.s["momentum"],
                        abs(values[i] - old_values[j]) / (self.s["epsilon"] + motion),
                    )
                    whole = self.s["average"] == "first-slope" and not k[i]
                    L[i] = slope if whole else a * L[i] + (1 - a) * slope
                    k[i] += 1
        self.L, self.k, self.V, self.seen = L, k, V, (theta, values, V)
        slopes = [abs(x) for x in g] if V is None else [abs(dot(v, g)) for v in V]
        self._select(values, slopes)

    def statistics(self) -> Vector:
        """The averages, corrected where they are to be."""
        if self.s["average"] != "bias-corrected":
            return list(self.L)
        a = self.s["momentum"]
        return [x / (1 - a**k) if k else x for x, k in zip(self.L, self.k, strict=True)]

    def _select(self, values: Vector, slopes: Vector) -> None:
        """Line 7."""
        L, edge = self.statistics(), self.s["threshold"]
        if edge == "newton-ascent":
            a, edge = self.s["damping"], mpf(1)
            root = mp.sqrt(3 * (2 - a)) / a
            rows = zip(values, slopes, L, strict=True)
            L = [(mp.sqrt(x) * mp.sqrt(g) / (root * lam)) ** 2 if lam > 0 else mp.inf for lam, g, x in rows]
        known = [bool(k) for k in self.k]
        if self.s["granularity"] == "tensor":
            labels = self.inputs["groups"]
            parts = [[i for i, s in enumerate(labels) if s == part] for part in range(max(labels) + 1)]
            pick = max if self.s["aggregate"] == "max" else lambda xs: sum(xs) / len(xs)
            L = [pick([L[i] for i in part]) for part in parts]
            known = [any(known[i] for i in part) for part in parts]
        fallback = self.s["unknown"] == "first"
        self.to_first = [bool(x > edge) or (fallback and not k) for x, k in zip(L, known, strict=True)]

    def direct(self, index: int, theta: Vector, g: Vector, H: Any, diagonal: Any) -> tuple[Vector, dict]:
        """The direction and next state of one optimizer, everything owned."""
        spec, state = self.inputs["first" if index == 0 else "second"], self.states[index]
        name, s, t = spec["optimizer"], spec["settings"], state["iteration"]
        if name == "newton":
            values, columns = eigensystem(H)
            c = matvec(transpose(columns), g)
            d = matvec(columns, [-s["alpha"] * x / y for x, y in zip(c, values, strict=True)])
            return d, {"iteration": t + 1}
        if name == "fosi":
            return self._fosi(spec, state, g, H)
        if name != "sophia":
            return recurrence.advance(name, s, state, g, theta)
        m = [s["beta1"] * x + (1 - s["beta1"]) * y for x, y in zip(state["first_moment"], g, strict=True)]
        h = state["hessian_diagonal"]
        if t % s["refresh_every"] == 0:
            h = [s["beta2"] * x + (1 - s["beta2"]) * y for x, y in zip(h, diagonal, strict=True)]
        d = [
            -s["learning_rate"] * min(max(x / max(s["rho"] * y, s["epsilon"]), -1), 1)
            - s["learning_rate"] * s["weight_decay"] * p
            for x, y, p in zip(m, h, theta, strict=True)
        ]
        return d, {"iteration": t + 1, "first_moment": m, "hessian_diagonal": h}

    def _fosi(self, spec: Mapping[str, Any], state: dict[str, Any], g: Vector, H: Any) -> tuple[Vector, dict]:
        """The projector form: d = -alpha V |D|^-1 V'g - eta (I - V V') g."""
        s, t = spec["settings"], state["iteration"]
        pairs = state.get("pairs", [])
        if t % s["refresh_every"] == 0:
            values, columns = eigensystem(H)
            kept = [*range(s["largest"]), *range(self.n - s["smallest"], self.n)]
            pairs = [(values[i], [row[i] for row in columns]) for i in kept]
        eta = rate(spec["base"]["settings"], t)
        d = [-eta * x for x in g]
        for value, v in pairs:
            c = dot(v, g)
            d = add(d, v, -c * (s["alpha"] / abs(value) - eta))
        return d, {"iteration": t + 1, "pairs": pairs}

    def _asks(self, index: int) -> bool:
        spec = self.inputs["first" if index == 0 else "second"]
        ready = self.states[index]["iteration"] % spec["settings"].get("refresh_every", 1) == 0
        return spec["optimizer"] == "sophia" and ready

    def step(self, t: int, theta: Vector) -> Vector:
        """One iteration; return the next point."""
        g, H, at = self.problem.gradient(theta), self.problem.hessian(theta), self.s["hessian_at"]
        due = t % at == 0 if isinstance(at, int) else t in at
        diagonal = None
        if (due and self.s["granularity"] != "eigenspace") or self._asks(0) or self._asks(1):
            diagonal = self._diagonal(H)
            self.probe += 1
        if due:
            self.update(theta, g, H, diagonal)
        found = [self.direct(i, theta, g, H, diagonal) for i in (0, 1)]
        freeze = self.s["idle"] == "freeze"
        if self.s["granularity"] == "eigenspace":
            return self._in_eigenspaces(theta, found, freeze)
        mine = self.to_first
        if self.s["granularity"] == "tensor":
            mine = [mine[s] for s in self.inputs["groups"]]
        for i, (_, after) in enumerate(found):
            self.states[i] = _chosen(self.states[i], after, mine, i == 0) if freeze else after
        return [x + (a if m else b) for x, a, b, m in zip(theta, found[0][0], found[1][0], mine, strict=True)]

    def _in_eigenspaces(self, theta: Vector, found: Sequence[Any], freeze: bool) -> Vector:
        """Lines 14 and 15, with projectors."""
        d1, d2 = found[0][0], found[1][0]
        inside = [mpf(0)] * self.n
        rest = d1
        for v, first in zip(self.V, self.to_first, strict=True):
            rest = add(rest, v, -dot(v, d1))
            inside = add(inside, v, dot(v, d1 if first else d2))
        idle = (len(self.V) == self.n and not any(self.to_first), all(self.to_first))
        for i, (_, after) in enumerate(found):
            clock = {"iteration": after["iteration"]}
            self.states[i] = {**self.states[i], **clock} if freeze and idle[i] else after
        return add(theta, add(inside, rest))


def _chosen(
    before: dict[str, Any], after: dict[str, Any], mine: Sequence[bool], first: bool
) -> dict[str, Any]:
    """Take over the entries of vectors that are owned; counters go on."""
    return {
        name: [a if m == first else b for a, b, m in zip(value, before[name], mine, strict=True)]
        if isinstance(value, list) and name != "pairs"
        else value
        for name, value in after.items()
    }


def loop_defect(inputs: dict[str, Any], outputs: Quantities) -> Number:
    """Compare a trajectory, its averages and its assignments with the literal loop."""
    run, theta, thetas, worst = Literal(inputs), inputs["theta"], [inputs["theta"]], mpf(0)
    for t in range(inputs["steps"]):
        theta = run.step(t, theta)
        thetas.append(theta)
        if "".join("1" if x else "0" for x in run.to_first) != outputs["assignments"][t]:
            return mpf(1)
        sizes = norm(outputs["lipschitz"]) or mpf(1)
        worst = max(worst, norm(subtract(run.statistics(), outputs["lipschitz"][t])) / sizes)
    return max(worst, recurrence.defect(thetas, outputs["thetas"]))


LITERAL = Check("Algorithm 2's loop", loop_defect, mpf(10) ** -32)
