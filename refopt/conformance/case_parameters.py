"""Cases for one's own tests: a decorator that runs a pytest function once for each vector it names.

from refopt.conformance import vectors_of

@vectors_of("first_order.base_step.L3.heavy-ball-*")
def test_my_heavy_ball(vector):
vector.check(my_step(**vector.inputs))
"""

from collections.abc import Callable, Mapping
from functools import cached_property
from types import SimpleNamespace
from typing import Any

from refopt import resources
from refopt.conformance import behaviour, runner, scoring, vectors, wire, worker
from refopt.conformance.report import deviations
from refopt.conformance.scoring import Score
from refopt.conformance.vectors import Case


class Vector:
    """One case: its inputs as an adapter's method receives them, and the check of an answer.

    Args:
        case: as it was read.

    Attributes:
        case: the same, with source, comment, flags and expectations.
        id: its id.
        op: its operation, which says what an answer holds.
        dtype: "float64" or "float32".
    """

    def __init__(self, case: Case):
        self.case, self.id, self.op, self.dtype = case, case.id, case.op, case.dtype

    def __repr__(self) -> str:
        return f"Vector({self.id})"

    @cached_property
    def inputs(self) -> dict[str, Any]:
        """Keyword arguments: arrays in the case's dtype, scalars, a problem as a `GivenProblem`."""
        given: dict[str, Any] = wire.decode(self.case.inputs, self.dtype)
        for name in ("problem", "curvature_problem"):
            if isinstance(given.get(name), str):
                given[name] = worker.given_problem(given[name], self.dtype)
        return given

    @property
    def is_refused(self) -> bool:
        """Whether the right answer to the case is an error; use `run` for such a one."""
        return behaviour.refuses(self.case)

    def run(self, function: Callable[..., Any], profile: Mapping[str, str] | None = None) -> Score:
        """Call a function with the inputs and check what it returns, or that it refuses what it must.

        Args:
            function: takes the inputs by name and returns quantities, as an adapter's method does.
            profile: declared choices, {"key": value}.

        Returns:
            The score, with ratio and digits of each quantity.

        Raises:
            AssertionError: the answer is wrong; the message says where and how far.
            pytest.skip.Exception: the function leaves the case out, or takes no input that the case has and
                others have not; so that pytest shows it as skipped and not as passed.
        """
        import pytest

        request = {"op": self.op, "dtype": self.dtype, "in": self.case.inputs}
        holder: Any = SimpleNamespace(**{self.op: function})
        reply = runner.understood(worker.answer(holder, request))
        found = scoring.score(self.case, reply, profile or {})
        if found.verdict == "skip":
            pytest.skip(f"{self.id}: {found.reason}")
        if found.verdict not in (*scoring.PASSES, *scoring.NEUTRAL):
            lines = [
                f"{self.id}: {found.reason}",
                *deviations(found),
                f"{self.case.comment} ({self.case.source})",
            ]
            raise AssertionError("\n  ".join(lines))
        return found

    def check(self, answer: Mapping[str, Any], profile: Mapping[str, str] | None = None) -> Score:
        """Check an answer that is there already; otherwise as `run`."""
        return self.run(lambda **inputs: answer, profile)


def vectors_of(*patterns: str, argument: str = "vector") -> Callable[[Any], Any]:
    """Parametrize a pytest function with the cases whose ids match a glob pattern.

    Args:
        patterns: such as "fosi.*.L3.*"; each must match a case.
        argument: name of the function's argument, a `Vector`.

    Returns:
        A decorator; the parameter's id is the case's.

    Raises:
        ValueError: no pattern is given, or one matches no case.
    """
    import pytest

    from refopt.conformance.loading import suggestion

    found = vectors.load(resources.vectors_directory()).cases
    if not patterns:
        raise ValueError('`vectors_of` needs a pattern of ids, such as "fosi.*.L3.*".')
    for pattern in patterns:
        if not vectors.select(found, [pattern]):
            near = suggestion(pattern, [case.id for case in found])
            raise ValueError(f"`vectors_of` was given {pattern!r}, which no case matches.{near}")
    chosen = vectors.select(found, patterns)
    return pytest.mark.parametrize(argument, [pytest.param(Vector(case), id=case.id) for case in chosen])
