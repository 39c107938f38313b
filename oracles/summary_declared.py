"""How a case of the summary is built from a row: point, direction, labels, rules and checks."""

from collections.abc import Sequence
from typing import Any

from oracles import problems
from oracles.bases import draws
from oracles.case import Case, Close
from oracles.precision import floats, numbers, round_float32
from oracles.summary_tensors import CONTRACTION, DIFFERENCES, PRODUCTS, SCALING, THIRD, summary, tensor

SOURCE = "grouped-Newton paper, eqs. 6, 7 and 9; problem {}"


def _rules(terms: int) -> dict[str, Any]:
    return {
        "g_bar": Close(scale="_g_bar", terms=terms, why="|u| |g|; sums of n products"),
        "H_bar": Close(
            scale="_H_bar",
            terms=terms,
            why="norm of H_bar, of the other orders if it vanishes; sums of n terms",
        ),
        "third_diagonal": Close(
            scale="_third_diagonal",
            terms=terms,
            why="its norm, that of the other orders if it vanishes; sums of n terms",
        ),
    }


def summary_case(
    name: str, what: str, labels: list[int], comment: str, flags: tuple[str, ...], *,
    start: str = "default", direction: Sequence[float] | str = "draws", dtype: str = "float64",
) -> Case:  # fmt: skip
    """Build a case of `summary`; direction: the entries, "draws" for random ones, or "gradient"."""
    problem = problems.load(name)
    single = dtype == "float32"
    theta = [round_float32(x) if single else x for x in problem.start(start)]
    named = {"draws": draws(107, problem.n), "gradient": floats(problem.gradient(numbers(theta)))}
    chosen = named[direction] if isinstance(direction, str) else direction
    return Case(
        id=f"summary.summary.L1.{what}",
        op="summary",
        level="L1",
        group="float32" if single else _group(problem),
        source=SOURCE.format(name),
        comment=comment,
        flags=flags,
        dtype=dtype,
        inputs={
            "problem": name,
            "theta": theta,
            "direction": [round_float32(x) if single else x for x in chosen],
            "groups": labels,
        },
        compute=summary,
        rules=_rules(problem.n),
        checks=(PRODUCTS, THIRD),
    )


def _group(problem: problems.Problem) -> str:
    return "networks" if problem.family in ("network", "softmax", "transformer") else "functions"


def tensor_case(
    name: str, what: str, labels: list[int], order: int, comment: str, flags: tuple[str, ...], *,
    start: str = "default", direction: Sequence[float] | None = None,
) -> Case:  # fmt: skip
    """Build a case of `summary_tensor`."""
    problem = problems.load(name)
    small = problem.n * (max(labels) + 1) ** order <= 600  # each check walks every entry
    return Case(
        id=f"summary.summary_tensor.L1.{what}",
        op="summary_tensor",
        level="L1",
        source=SOURCE.format(name) + ", and Appendix A",
        comment=comment,
        flags=(*flags, *(("FourthOrder",) if order == 4 else ())),
        inputs={
            "problem": name,
            "theta": problem.start(start),
            "direction": list(direction or draws(108, problem.n)),
            "groups": labels,
            "order": order,
        },
        compute=tensor,
        rules={
            "entries": Close(
                scale="_entries",
                terms=problem.n,
                why="norm of the entries, of the other orders if they vanish; sums of n terms",
            )
        },
        checks=(DIFFERENCES, CONTRACTION, SCALING) if small else (DIFFERENCES, CONTRACTION),
    )
