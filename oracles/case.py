"""How a case of the oracle is declared, and what each of its fields means.

A module of cases defines

    METHOD = "first_order"                 # folder of the vectors, first part of every id
    FLAGS = {"BiasCorrection": "..."}      # each flag its cases use: what it is, what goes wrong without it
    SOURCES = ("first_order_steps",)       # optional: further modules of `oracles` that its cases come from
    def cases() -> list[Case]: ...         # cheap: extended-precision work belongs in `compute`

and a case reads

    Case(
        id="first_order.base_step.L3.adam-first",      # <method>.<op>.<level>.<what>
        op="base_step",
        level="L3",
        group="adam",                                  # file <method>/<level>-<group>.json; default: the op
        source="Kingma and Ba 2015, Algorithm 1",      # paper and equation, or number of the claim; required
        comment="at t = 1 the bias correction cancels the decay",  # what a wrong answer would tell; required
        flags=("BiasCorrection",),
        inputs={
            "optimizer": "adam",
            "settings": {"learning_rate": 0.1},
            "theta": [1.0, 2.0],
            "gradient": [0.5, -1.0],
            "state": {"iteration": 0, "first_moment": [0.0, 0.0], "second_moment": [0.0, 0.0]},
        },
        compute=adam_step,                             # pure function of the module, see below
        rules={"direction": Close(terms=4, why="..."), "state.iteration": Exact(certain="a count")},
    )

*Inputs* are what an implementation receives: float, int, bool, str, None, lists of floats (vectors), lists of
lists of floats (matrices), `Array(shape, values)` for empty arrays, and dicts of these. Every float is a
float64 and is meant exactly; make them with `precision.floats(...)` when they come from mpmath. A list of
ints is an exact list, not an array: write 1.0. Cases with dtype="float32" need floats that float32
represents.

*`compute(inputs)`* gets the same dict with every float as an `mpf`, arrays as nested lists of `mpf`, ints,
bools, strings and None untouched, and `inputs["problem"]` (a problem id among the inputs; likewise
`curvature_problem`) as an `oracles.problems.Problem`. It returns a dict of quantities in computing order:
`mpf`, nested lists of `mpf`, or, for exact quantities, int, bool, str or a list of them. Names that start
with `_` are scaffolding (scales, clusters) and are not frozen. It is called at 50 and at 80 digits and on
perturbed inputs, so it draws nothing at random and holds no precision of its own. States come back as
"state.velocity", "state.base.first_moment", ...

*Rules* say how a quantity is compared, one for each quantity that does not start with `_`: `Close` for arrays
and scalars by test ratio, `Subspace` for eigenvectors, `Eigenspace` for those that a repeated eigenvalue
leaves open, `Chained` for what is computed from those, `Exact` for integers, booleans, strings and lists of
them, `Behaviour` for the class of an answer, under the name "behaviour" (`compute` may then be None), `OneOf`
for several accepted answers, `Sphere` for a sphere or a flat of them.

*The condition number* is measured: each float of the inputs is multiplied by 1 + 2^-40 r with r in [-1, 1],
the problem's data likewise (a quadratic's Hessian by a symmetric matrix of norm 2^-40 |H|, a matrix that
`symmetric` names by the same factors in both halves), and the largest change of the answer in units of
2^-40 scale is the condition. `perturb` names the inputs to move, "problem" for the data (default: all that
hold floats), `samples` says how many draws. An exact quantity that changes
under the perturbation is an error, since the case stands on a decision boundary: leave that input out of
`perturb` and say why in the comment, or move the case. Every exact quantity states the margin of its
decisions, or why there is none (`Exact`); a margin below 1e-12 is an error unless both answers are accepted.
`conditions` states a condition number known better than measured (a repeated eigenvalue, which a perturbation
would split), with the reason in the rule's `why`.

*Checks* are a second derivation of the same answer: `Check(name, function)` with `function(inputs, outputs)`
-> relative defect, run at 50 digits at every build and check; the names stand in the file's header.

*Alternatives* hold the answers under another named choice: {"multiplicity=full": Alternative(compute,
rules)}.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mpmath import mpf

LEVELS = ("L1", "L2", "L3", "L4", "L6")
Quantities = dict[str, Any]
Compute = Callable[[dict[str, Any]], Quantities]
Scale = str | float | Callable[[dict[str, Any], Quantities], Any]


@dataclass(frozen=True)
class Array:
    """An input array given by its shape and its entries in row-major order (needed for empty arrays)."""

    shape: tuple[int, ...]
    values: tuple[float, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Close:
    """Compare by test ratio: max|y - y*| / (u max(condition, 1) scale terms) <= threshold.

    Attributes:
        scale: size of the natural reference: a float, a function (inputs, outputs) -> number, or the name of
        an
            output (perhaps one that starts with `_`), whose Euclidean norm is taken. Default: the Euclidean
            norm of the quantity itself. A zero scale is an error.
        terms: number of rounded operations that add up, n for a sum, n * steps for a trajectory.
        threshold: allowed ratio; 30 unless a reason stands in `why`.
        axis: "step" when the leading axis counts iterations: the condition is then a list, a number per step.
        why: one line: where scale and terms come from.
        margin: as in `Exact`, for each step, where decisions stand behind the numbers.
        compared: as in `Exact`.
        certain: as in `Exact`.
    """

    scale: Scale | None = None
    terms: int = 1
    threshold: float = 30.0
    axis: str | None = None
    why: str
    margin: str = ""
    compared: str = ""
    certain: str = ""


@dataclass(frozen=True, kw_only=True)
class Subspace:
    """Compare eigenvectors, columns of an (n, k) array, as subspaces: orthonormal, a projector per cluster.

    Attributes:
        clusters: name of an output with the lists of columns that belong together (exact lists of ints).
        gaps: name of an output with, for each cluster, its distance to the rest of the spectrum.
        norm: name of an output with |H|.
        terms: number of rounded operations that add up.
        threshold: allowed ratio.
        why: one line: where the clusters and gaps come from.
    """

    clusters: str
    gaps: str
    norm: str
    terms: int = 1
    threshold: float = 30.0
    why: str


@dataclass(frozen=True, kw_only=True)
class Eigenspace:
    """Compare eigenvectors that are cut out of whole eigenspaces: orthonormal, each inside its own space.

    The quantity itself is one right choice, an example.

    Attributes:
        basis: name of an output, the eigenvectors of the whole spaces as columns.
        spaces: name of an output with the columns of the basis that span each space (lists of ints).
        columns: name of an output with the columns of the answer that lie in each space.
        gaps: name of an output with each space's distance to the rest of the spectrum.
        norm: name of an output with |H|.
        terms: number of rounded operations that add up.
        threshold: allowed ratio.
        why: one line: where the spaces and gaps come from.
    """

    basis: str
    spaces: str
    columns: str
    gaps: str
    norm: str
    terms: int = 1
    threshold: float = 30.0
    why: str


@dataclass(frozen=True, kw_only=True)
class Chained:
    """Compare with what the scorer computes from quantities of the answer itself, as `Close` does.

    The quantity is the answer for the oracle's own choice, an example. The condition is the largest over that
    choice and others.

    Attributes:
        after: the quantities of the answer that it is computed from; they must have rules of their own.
        given: name of an output for each further number that the scorer needs, by the name it has there.
        others: name of an output with, by quantity, the answers for other choices.
        scale: as in `Close`.
        terms: as in `Close`.
        threshold: as in `Close`.
        why: one line: where scale and terms come from.
    """

    after: tuple[str, ...]
    given: Mapping[str, str]
    others: str
    scale: Scale | None = None
    terms: int = 1
    threshold: float = 30.0
    why: str


@dataclass(frozen=True, kw_only=True)
class Exact:
    """Compare an int, a bool, a string or a list of them for equality.

    A decision that rounding could take either way states its margin; everything else says why it is certain.

    Attributes:
        margin: name of an output with the relative distance of what is compared from its threshold: a number
            for all, or one for each entry; None where no rounded number is compared (`margins.margin`).
        compared: what is compared, such as "kappa".
        certain: why rounding cannot matter, such as "a count"; needed without a margin, and below 1e-12.
        words: what False and True mean, for sentences.
    """

    margin: str = ""
    compared: str = ""
    certain: str = ""
    words: tuple[str, str] | tuple[()] = ()


@dataclass(frozen=True)
class Behaviour:
    """Compare the class of an answer: "error", "finite" or "unchanged".

    Attributes:
        allowed: the classes that pass.
        argument: name of the argument that an error must name, or None.
    """

    allowed: tuple[str, ...]
    argument: str | None = None


@dataclass(frozen=True)
class OneOf:
    """Accept any of several answers: name of each output that holds one (starting with `_`) and its rule."""

    members: Mapping[str, "Rule"]


@dataclass(frozen=True, kw_only=True)
class Sphere:
    """Accept {center + sum y_j directions_j + sum z_i free_i : |y| = 1}: a sphere, a flat or their product.

    The ratio is max(distance of x - center to the span of all directions, ||y| - 1| longest direction) /
    (u max(condition, 1) scale terms), (y, z) the least-squares coordinates of x - center. Without directions
    the set is the flat center + span(free); with free ones the scale is |x - center| where that is larger.

    Attributes:
        center: name of an output.
        directions: name of an output, a list of vectors, perhaps empty.
        free: name of an output, a list of orthonormal vectors, perhaps empty, or None.
        scale: as in `Close`; default: the Euclidean norm of center and directions.
        terms: number of rounded operations that add up.
        threshold: allowed ratio.
        why: one line: where scale and terms come from.
    """

    center: str
    directions: str
    free: str | None = None
    scale: Scale | None = None
    terms: int = 1
    threshold: float = 30.0
    why: str


Rule = Close | Subspace | Eigenspace | Chained | Exact | Behaviour | OneOf | Sphere


@dataclass(frozen=True)
class Check:
    """A second derivation: its name, function (inputs, outputs) -> relative defect, largest allowed."""

    name: str
    defect: Callable[[dict[str, Any], Quantities], Any]
    bound: Any = mpf(10) ** -20


@dataclass(frozen=True)
class Alternative:
    """The answer of a case under another named choice: quantities that differ or all of them."""

    compute: Compute
    rules: Mapping[str, Rule]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One case; see the module's docstring for the meaning of each field."""

    id: str
    op: str
    level: str
    source: str
    comment: str
    inputs: Mapping[str, Any]
    rules: Mapping[str, Rule]
    compute: Compute | None
    group: str = ""
    flags: tuple[str, ...] = ()
    dtype: str = "float64"
    profile: Mapping[str, Any] = field(default_factory=dict)
    alternatives: Mapping[str, Alternative] = field(default_factory=dict)
    perturb: Sequence[str] | None = None
    symmetric: Sequence[str] = ()
    samples: int = 8
    conditions: Mapping[str, float] = field(default_factory=dict)
    checks: Sequence[Check] = ()

    @property
    def method(self) -> str:
        """First part of the id."""
        return self.id.split(".", 1)[0]

    @property
    def file(self) -> str:
        """Path of the vector file, relative to the folder of vectors."""
        return f"{self.method}/{self.level}-{self.group or self.op}.json"
