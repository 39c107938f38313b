"""AMOS' run around two optimizers, in pieces (Algorithm 2; `refopt.amos`)."""

import functools
from typing import Any

import numpy as np

from refopt.amos import Amos
from refopt.conformance.textbook.amos import AmosPieces
from refopt.conformance.textbook.inner import Here, Inner, InnerPieces, inner, later, once
from refopt.groups import Groups

State = dict[str, Any]
OWNERS = ("first", "second")


class AmosRunPieces(AmosPieces, InnerPieces):
    """AMOS along a run; `s` has the settings as attributes."""

    def amos_run(self, problem, settings, first, second, theta, steps, groups=None, probes=None):
        """A free run."""
        partition = None if groups is None else Groups.from_labels(groups)
        both = [inner(first), inner(second)]
        s = Amos(first=both[0].settings, second=both[1].settings, groups=partition, **settings)
        start = next((spec["lanczos_start"] for spec in (first, second) if "lanczos_start" in spec), None)
        f, used = self.derivatives_of(problem), [0]
        count = 0 if s.granularity == "eigenspace" else len(theta)
        state: State = {
            "averages": None,
            "shown": np.zeros(count),
            "owners": np.full(count if partition is None else partition.count, s.default == "first"),
            "memories": [self.inner_start(own, theta) for own in both],
        }
        taken: list[State] = []
        thetas = [theta]
        for t in range(steps):
            theta = thetas[-1]
            diagonal = once(functools.partial(self.next_diagonal, f, theta, probes, used))
            here = Here(problem, f, theta, f.gradient(theta), diagonal)
            before = state
            if self.hessian_due(s.hessian_at, t):
                state = self.assigned(s, here, state, start)
            taken.append(self.estimate_used(before, state))
            d, memories = self.amos_step(s, both, here, taken[-1], t, start)
            state = {**state, "memories": memories, "averages": self.averages_after(state["averages"], theta)}
            thetas.append(self.passes(t + 1, theta + d))
        return {
            "thetas": np.stack(thetas),
            "values": np.array([f.value(x) for x in thetas]),
            "assignments": ["".join("1" if x else "0" for x in step["owners"]) for step in taken],
            "lipschitz": np.stack([step["shown"] for step in taken]),
            "offload": np.array([self.offload(s, step) for step in taken]),
        }

    def next_diagonal(self, f: Any, theta: Any, probes: Any, used: list[int]) -> Any:
        """The diagonal that a step and its optimizers share: from the next probe, or the exact one."""
        hvp = f.linearize(theta).hvp
        if probes is None:
            return self.exact(hvp, theta)
        used[0] += 1
        return self.probed(hvp, probes[used[0] - 1 : used[0]])

    def hessian_due(self, times: Any, t: int) -> bool:
        """Line 3."""
        return t in times if isinstance(times, frozenset) else t % times == 0

    def assigned(self, s: Any, here: Here, state: State, start: Any) -> State:
        """Lines 4 to 12."""
        lam, V = self.curvatures(s, here, start)
        kept = self.hessian_time(s, state["averages"], here.theta, lam, V)
        L = self.unbiased(s.momentum, kept["L"], kept["k"], s.average)
        owners, _ = self.selected(s, L, self.slopes_along(here.gradient, V), lam, s.groups)
        if self.unknown_to_first(s):
            counts = kept["k"] if s.groups is None else s.groups.sums(kept["k"])
            owners = owners | (counts == 0)
        return {**state, "averages": kept, "shown": L, "owners": owners}

    def estimate_used(self, before: State, after: State) -> State:
        """The state whose assignment a step moves by, of those around a Hessian time."""
        return after

    def curvatures(self, s: Any, here: Here, start: Any) -> tuple[Any, Any]:
        """Line 4: the diagonal, or eigenvalues with their vectors."""
        if s.granularity != "eigenspace":
            return here.diagonal(), None
        if s.dense:
            return self.dense_pairs(here.f, here.theta)
        product = self.product(here.problem, here.theta)
        k, l = s.largest or 0, s.smallest or 0
        return self.estimate(product, start.astype(here.theta.dtype), k, l, None, "krylov")[:2]

    def slopes_along(self, g: Any, V: Any) -> Any:
        """The slopes that eq. 8 looks at."""
        return np.abs(g if V is None else V.T @ g)

    def unknown_to_first(self, s: Any) -> bool:
        """Whether an index without a slope goes to the first optimizer."""
        return bool(s.unknown == "first")

    def default_owner(self, s: Any) -> str:
        """Who moves everything before the first Hessian."""
        return str(s.default)

    def amos_step(
        self, s: Any, both: list[Inner], here: Here, state: State, t: int, start: Any
    ) -> tuple[Any, list[State]]:
        """Lines 14 and 15: the direction, and the optimizers' next memories."""
        owner, owned = self.movers(s, state, len(here.theta))
        found = [
            (0 * here.theta, later(memory))
            if owner not in (name, None) and self.stands_still(s)
            else self.inner_step(own, here, memory, t, start)
            for name, own, memory in zip(OWNERS, both, state["memories"], strict=True)
        ]
        directions, memories = [d for d, _ in found], [memory for _, memory in found]
        if owner is not None:
            d = directions[OWNERS.index(owner)]
        elif s.granularity == "eigenspace":
            d = self.in_eigenspaces(state["averages"]["V"], owned, directions)
        else:
            d = self.side_by_side(owned, directions)
            if self.keeps_parts(s):
                memories = [
                    self.memories_kept(mask, before, after, here.theta)
                    for mask, before, after in zip((owned, ~owned), state["memories"], memories, strict=True)
                ]
        return d, memories

    def movers(self, s: Any, state: State, n: int) -> tuple[str | None, Any]:
        """The optimizer that moves all of theta, if one does, and the parts that the first moves."""
        if state["averages"] is None:
            return self.default_owner(s), None
        owned = self.spread_owners(s, state["owners"])
        whole = s.granularity != "eigenspace" or len(owned) == n  # else the first has what is left
        return "first" if np.all(owned) else "second" if whole and not np.any(owned) else None, owned

    def offload(self, s: Any, state: State) -> float:
        """The share of parameters, or of eigenspaces, that the first optimizer owns."""
        if state["averages"] is None:
            return float(s.default == "first")
        return float(np.mean(self.spread_owners(s, state["owners"])))

    def spread_owners(self, s: Any, owners: Any) -> Any:
        """Who owns each parameter, or each eigenspace."""
        return owners if s.groups is None else np.asarray(owners)[np.array(s.groups.labels())]

    def averages_after(self, kept: Any, theta: Any) -> Any:
        """What is kept of the averages after a step at theta; None before the first Hessian."""
        return kept

    def stands_still(self, s: Any) -> bool:
        """Whether an optimizer that owns nothing is not asked."""
        return bool(s.idle == "freeze")

    def keeps_parts(self, s: Any) -> bool:
        """Whether one that owns some coordinates keeps its memory of the others."""
        return bool(s.idle == "freeze")

    def side_by_side(self, mask: Any, directions: list[Any]) -> Any:
        """The direction where each parameter moves by its owner."""
        return np.where(mask, *directions)

    def in_eigenspaces(self, V: Any, owners: Any, directions: list[Any]) -> Any:
        """The direction where each eigenspace moves by its owner, and what is left by the first."""
        parts = np.where(owners, *(V.T @ d for d in directions))
        if V.shape[1] == len(directions[0]):
            return V @ parts
        return self.left_over(V, directions) + V @ parts

    def left_over(self, V: Any, directions: list[Any]) -> Any:
        """How what the eigenvectors do not span moves."""
        return directions[0] - V @ (V.T @ directions[0])

    def memories_kept(self, owned: Any, before: State, after: State, theta: Any) -> State:
        """A memory whose entries go on only where they are owned; one that is no vector goes on whole."""
        vectors = {name: x for name, x in after.items() if not isinstance(x, int)}
        if not all(getattr(x, "shape", None) == theta.shape for x in vectors.values()):
            return after
        kept = {name: self.memory_kept(owned, before[name], x) for name, x in vectors.items()}
        return {**after, **kept}

    def memory_kept(self, owned: Any, before: Any, after: Any) -> Any:
        """One memory, as it goes on."""
        return np.where(owned, after, before)
