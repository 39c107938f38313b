"""Values, gradients and Hessian products that an adapter asks for: answered, counted, checked by number.

An optimizer that is a black box needs no problem of its own: in the middle of a case it may ask for a number
and gets it. What it asked for is then known, and some operations state how much that may be: m Lanczos steps
are m Hessian products.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from refopt.conformance import wire
from refopt.conformance.given import GivenProblem
from refopt.conformance.vectors import Case

NEEDS = {"value": ("theta",), "gradient": ("theta",), "hvp": ("theta", "vector")}
# Flags of cases whose Krylov space ends early: fewer products are right, and so is a restart.
EARLY_END = frozenset({"Breakdown", "Restart", "Degenerate", "Multiplicity", "Repeated", "Singular"})


class Count(NamedTuple):
    """How many Hessian products an operation may ask for.

    Attributes:
        least: the fewest.
        most: the most.
        reason: where the number comes from.
    """

    least: int
    most: int
    reason: str


class Evaluator:
    """Answers the needs of one case and counts them.

    Args:
        case: the case, whose inputs name the problem.
        problems: loads a problem by name and dtype.
    """

    def __init__(self, case: Case, problems: Any = GivenProblem):
        self._case, self._problems = case, problems
        self.counts: Counter[str] = Counter()

    def answer(self, need: Mapping[str, Any]) -> dict[str, Any]:
        """Return the message that answers a need: `result`, or `error` with a sentence.

        Raises:
            wire.MalformedMessage: what is asked for cannot be understood.
        """
        kind, dtype = need["need"], self._case.dtype
        if not isinstance(kind, str) or kind not in NEEDS:
            raise wire.MalformedMessage(f"`need` is not understood; allowed are {', '.join(NEEDS)}.")
        of = need.get("of", "problem")
        name = self._case.inputs.get(of) if of in ("problem", "curvature_problem") else None
        if not isinstance(name, str):
            raise wire.MalformedMessage(f"the case has no problem to take the {kind} of.")
        problem = self._problems(name, dtype)
        vectors = [_vector(need, argument, problem.n, dtype) for argument in NEEDS[kind]]
        self.counts[kind] += 1
        try:
            with np.errstate(all="ignore"):  # a point far out has an infinite value, which is its answer
                found = getattr(problem, kind)(*vectors)
        except (ValueError, ArithmeticError) as error:
            return {"error": str(error)}
        return {"result": wire.encode(np.asarray(found, dtype=dtype))}


def _vector(need: Mapping[str, Any], name: str, n: int, dtype: str) -> np.ndarray:
    given = need.get(name)
    if isinstance(given, Mapping):
        given = wire.decode(given, dtype)
    if not isinstance(given, np.ndarray) or given.shape != (n,) or given.dtype.name not in wire.FLOATS:
        raise wire.MalformedMessage(f"`{name}` of the need is no vector of {n} floats.")
    return given.astype(dtype, copy=False)


def expected(case: Case, out: Mapping[str, Any]) -> Count | None:
    """Return the Hessian products that a case may cost, or None where it does not state them.

    Args:
        case: the case.
        out: the decoded answer; its `refreshed` tells the estimates of a FOSI run.
    """
    given = case.inputs
    if any(expectation["kind"] == "behaviour" for expectation in case.expect.values()):
        return None  # bad input has no right number
    if case.op == "lanczos":
        fixed = case.expect.get("diagonal", {}).get("value", {}).get("shape")
        return Count(fixed[0], fixed[0], "one for each diagonal entry") if fixed else None
    if case.op == "extreme_spectrum":
        return _count(case, given["steps"], 1) if given.get("steps") is not None else None
    if case.op in ("fosi_run", "fosi_directions"):
        settings, refreshed = given["settings"], out.get("refreshed")
        if not isinstance(refreshed, list):
            return None
        pairs = settings.get("largest", 0) + settings.get("smallest", 0)
        steps = settings.get("steps") or _heuristic(_n(case), pairs)
        m = steps if settings.get("multiplicity") != "full" else _n(case)
        return _with_diagonals(case, _count(case, m, len(refreshed)))
    return None


def _with_diagonals(case: Case, count: Count) -> Count:
    """The products for the diagonals that a base takes in (Sophia) added: n each, or one with a probe."""
    base = case.inputs.get("base", {})
    if base.get("optimizer") != "sophia":
        return count
    taken = -(-_steps(case) // base["settings"].get("refresh_every", 10))
    each = _n(case) if case.inputs.get("probes") is None else 1
    reason = f"{count.reason}, {each} products in each of {taken} diagonals"
    return Count(count.least + taken * each, count.most + taken * each, reason)


def _steps(case: Case) -> int:
    given = case.inputs
    return int(given["steps"] if "steps" in given else given["thetas"]["shape"][0])


def _count(case: Case, steps: int, estimates: int) -> Count:
    m = min(steps, _n(case)) if estimates else 0
    least = 0 if EARLY_END & case.flags.keys() else m * estimates
    return Count(least, m * estimates, f"m = {m} Lanczos steps in each of {estimates} estimates")


def _n(case: Case) -> int:
    shape = (case.inputs.get("theta") or case.inputs["thetas"])["shape"]
    return int(shape[-1])


def _heuristic(n: int, pairs: int) -> int:
    from refopt.spectrum import lanczos_steps

    return lanczos_steps(n, pairs)


def problem_with(case: Case, out: Mapping[str, Any], counts: Mapping[str, int]) -> str | None:
    """Say what is wrong with the Hessian products that were asked for; None where nothing is.

    An adapter that asked for none has its own derivatives, which nobody counts.
    """
    products = counts.get("hvp", 0)
    allowed = expected(case, out) if products else None
    if allowed is None or allowed.least <= products <= allowed.most:
        return None
    number = str(allowed.most) if allowed.least == allowed.most else f"at most {allowed.most}"
    return f"asked for {products} Hessian products; allowed: {number} ({allowed.reason})."
