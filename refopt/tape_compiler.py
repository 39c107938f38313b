"""Turns a recorded gradient into the list of linear operations that carry a tangent through it.

While the list is made, a node's tangent is known in one of three forms:

- `Scaled`: coefficient * slot, elementwise. An elementwise primitive multiplies coefficients, which depend
  only on the point; a chain of them costs one multiplication per product.
- `Scattered`: contributions to parts of an array of zeros, gathered until the whole array is needed.
- `Part`: one such contribution.

A slot is an intermediate array of the replay. A primitive without a rule in `linear_rules` replays
autograd's JVP rule: nothing is lost but speed.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import autograd.numpy.numpy_wrapper as anp
import numpy as np
from autograd.core import VSpace, sparse_add
from autograd.numpy.numpy_boxes import ArrayBox

from refopt.arrays import namespace
from refopt.autograd_indexing import put
from refopt.linear_rules import BROADCASTS, IDENTITY, JOINT, LINEAR, PARTIALS, VIEWS
from refopt.tape_steps import autograd_rule, combination, scatter, spread, total


class Scaled(NamedTuple):
    """A tangent equal to coefficient * slot; a coefficient None is one."""

    coefficient: Any
    slot: int


class Part(NamedTuple):
    """A tangent that is `slot` at `index` and zero elsewhere."""

    index: Any
    slot: int


class Scattered(NamedTuple):
    """A tangent equal to an optional base plus parts."""

    space: VSpace
    base: int | None
    parts: tuple[Part, ...]


class Step(NamedTuple):
    """One linear operation.

    Attributes:
        target: the slot of its result, `apply(*sources)`.
        apply: the operation; where `partial`, a source None stands for zeros.
        sources: the slots it reads.
        spent: those that no later step reads.
        taken: the half-open range of the vector that it selects; None where it does something else.
        partial: see `apply`.
    """

    target: int
    apply: Callable[..., Any]
    sources: tuple[int, ...]
    spent: tuple[int, ...]
    taken: tuple[int, int] | None = None
    partial: bool = False


class Compiled(NamedTuple):
    """What `compile_tape` returns.

    Attributes:
        steps: from a tangent of the root, slot 0, to that of the end.
        shapes: of the slots.
        result: the slot of the end's tangent.
        pieces: where that tangent is made of slices, each written once: ((start, stop), slot); else None.
    """

    steps: tuple[Step, ...]
    shapes: tuple[tuple[int, ...], ...]
    result: int
    pieces: tuple[tuple[tuple[int, int], int], ...] | None


def compile_tape(root: Any, end: Any) -> Compiled:
    """The steps from a tangent of `root` to that of `end`."""
    compiler = Compiler(root)
    for node in reaching(end, root):
        compiler.add(node)
    pieces = _pieces(compiler.forms[end])
    result = compiler.owned_slot(end)
    return Compiled(_with_spent(compiler.steps, result), tuple(compiler.shapes), result, pieces)


def _pieces(form: Any) -> tuple[tuple[tuple[int, int], int], ...] | None:
    """The slices that a scattered tangent of a vector consists of, each element written at most once."""
    if not isinstance(form, Scattered) or form.base is not None:
        return None
    (n,) = form.space.shape
    found = tuple((slice_range(part.index, n), part.slot) for part in form.parts)
    ordered = sorted(place for place, _ in found if place is not None)
    apart = all(a[1] <= b[0] for a, b in pairwise(ordered))
    return found if apart and len(ordered) == len(found) else None  # type: ignore[return-value]


def slice_range(index: Any, n: int) -> tuple[int, int] | None:
    """The half-open range that a slice of step 1 selects from n elements; None for another index."""
    if not isinstance(index, slice) or index.step not in (None, 1):
        return None
    start, stop, _ = index.indices(n)
    return (start, max(start, stop))


def reaching(end: Any, root: Any) -> list[Any]:
    """The recorded nodes that `end` depends on, itself included, in the order of recording."""
    needed, stack = {end}, [end]
    while stack:
        for parent in stack.pop().parents:
            if parent not in needed:
                needed.add(parent)
                stack.append(parent)
    return [node for node in root.tape if node in needed]


def _with_spent(steps: list[Step], result: int) -> tuple[Step, ...]:
    """Note at each step the slots that no later step reads, so that their memory is used again."""
    seen, done = {result, 0}, []
    for step in reversed(steps):
        done.append(step._replace(spent=tuple(set(step.sources) - seen)))
        seen.update(step.sources)
    return tuple(done[::-1])


class Compiler:
    """Gives each recorded node, in order, the form of its tangent, and collects the steps."""

    def __init__(self, root: Any) -> None:
        self.forms: dict[Any, Scaled | Scattered | Part] = {root: Scaled(None, 0)}
        self.shapes: list[tuple[int, ...]] = [anp.shape(root.value)]  # of the slots
        self.owned: list[bool] = [False]  # whether a slot's memory is the replay's own, no view of anything
        self.steps: list[Step] = []

    def emit(
        self,
        apply: Callable[..., Any],
        sources: tuple[int, ...],
        shape: tuple[int, ...],
        owned: bool,
        *,
        taken: tuple[int, int] | None = None,
        partial: bool = False,
    ) -> Scaled:
        """Append a step and return the form of its result."""
        slot = len(self.shapes)
        self.shapes.append(shape)
        self.owned.append(owned)
        self.steps.append(Step(slot, apply, sources, (), taken, partial))
        return Scaled(None, slot)

    def slot(self, node: Any) -> int:
        """The slot that holds the node's tangent, after a step that computes it where there is none yet."""
        form, shape = self.forms[node], anp.shape(node.value)
        if isinstance(form, Part):
            form = Scattered(node.args[2], None, (form,))
        if isinstance(form, Scattered):
            form = self.gather(form)
        elif form.coefficient is not None or self.shapes[form.slot] != shape:
            form = self.combine([form], shape)
        self.forms[node] = form
        return form.slot

    def gather(self, form: Scattered) -> Scaled:
        """A step that writes every part of a scattered tangent into one array."""
        sources = tuple(part.slot for part in form.parts)
        apply = scatter(form.space, [part.index for part in form.parts], form.base is not None)
        sources = sources if form.base is None else (*sources, form.base)
        return self.emit(apply, sources, form.space.shape, True)

    def owned_slot(self, node: Any) -> int:
        """As `slot`, in memory that is neither the vector's nor shared: what a caller may keep and change."""
        slot = self.slot(node)
        if self.owned[slot]:
            return slot
        return self.emit(lambda g: namespace(g).asarray(g, copy=True), (slot,), self.shapes[slot], True).slot

    def combine(self, terms: list[Scaled], shape: tuple[int, ...]) -> Scaled:
        """A step for a sum of scaled slots, broadcast to `shape`."""
        terms = sorted(terms, key=lambda term: term.coefficient is None)
        shapes = [np.broadcast_shapes(anp.shape(t.coefficient), self.shapes[t.slot]) for t in terms]
        apply = combination([t.coefficient for t in terms], shape, shapes[0] == shape)
        owned = np.broadcast_shapes(*shapes) == shape
        slots = tuple(t.slot for t in terms)
        return self.emit(apply if owned else spread(apply, shape), slots, shape, owned, partial=owned)

    def add(self, node: Any) -> None:
        """Find the form of a node's tangent from those of its parents."""
        if node.fun in PARTIALS and not node.kwargs:
            self.forms[node] = self.elementwise(node)
        elif node.fun is put:
            self.forms[node] = Part(node.args[1], self.slot(node.parents[0]))
        elif node.fun is sparse_add:
            self.forms[node] = self.scattered(node)
        else:
            self.forms[node] = self.moved(node)

    def elementwise(self, node: Any) -> Scaled:
        """A sum of coefficient * tangent over the traced arguments, by slots."""
        terms: dict[int, Any] = {}
        for argnum, parent in zip(node.argnums, node.parents, strict=True):
            coefficient = _floating(PARTIALS[node.fun][argnum](node.value, *node.args), node.value)
            form = self.forms[parent]
            if not isinstance(form, Scaled):
                form = Scaled(None, self.slot(parent))
            coefficient = _times(coefficient, form.coefficient)
            known = form.slot in terms
            terms[form.slot] = _plus(terms[form.slot], coefficient) if known else coefficient
        found = [Scaled(coefficient, slot) for slot, coefficient in terms.items()]
        return found[0] if len(found) == 1 else self.combine(found, anp.shape(node.value))

    def scattered(self, node: Any) -> Scattered:
        """The parts added so far, and one more."""
        base: int | None = None
        parts: tuple[Part, ...] = ()
        for parent in node.parents:
            form = self.forms[parent]
            if isinstance(form, Part):
                parts = (*parts, form)
            elif isinstance(form, Scattered):
                base, parts = form.base, form.parts
            else:
                base = self.slot(parent)
        return Scattered(node.args[0], base, parts)

    def moved(self, node: Any) -> Any:
        """One step for a primitive that is linear in each argument, or for any without a rule."""
        rule, shape = LINEAR.get(node.fun), anp.shape(node.value)
        maps = [rule(argnum, node.value, node.args, node.kwargs) for argnum in node.argnums] if rule else []
        if len(maps) == 1 and maps[0] is IDENTITY:
            return self.forms[node.parents[0]]
        slots = tuple(self.slot(parent) for parent in node.parents)
        if not rule:
            return self.emit(JOINT.get(node.fun, autograd_rule)(node), slots, shape, False)
        shared = node.fun in BROADCASTS or (node.fun in VIEWS and not self.owned[slots[0]])
        owned, taken = len(maps) > 1 or not shared, None
        if node.fun is ArrayBox.__getitem__ and slots == (0,):
            taken = slice_range(node.args[1], self.shapes[0][0])
        apply = maps[0] if len(maps) == 1 else total(maps)
        return self.emit(apply, slots, shape, owned, taken=taken, partial=len(maps) > 1)


def _floating(coefficient: Any, value: Any) -> Any:
    """A coefficient that can be multiplied and added: masks and integers take the dtype of the value."""
    kind = getattr(coefficient, "dtype", None)
    return coefficient if kind is None or kind.kind == "f" else coefficient.astype(value.dtype)


def _times(c: Any, d: Any) -> Any:
    return d if c is None else c if d is None else c * d


def _plus(c: Any, d: Any) -> Any:
    return (1.0 if c is None else c) + (1.0 if d is None else d)
