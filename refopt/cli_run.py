"""`refopt run`: one optimizer on one problem, printed step by step."""

import argparse
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from refopt.arrays import BACKENDS, to_host
from refopt.cli_common import INTERRUPTED, Usage, check_writable, say
from refopt.cli_optimizers import GROUPED, optimizer_of

ROWS, FIRST_ROWS = 20, 5  # about 20 rows are printed, however many steps there are, and the first 5 always
DIVERGED = 1
RECORDED = {
    "fosi": ("refresh", "scaling"),
    "sophia": ("refresh",),
    "elmo": ("promise", "lipschitz", "slopes", "step_sizes"),
    "eigen_arc": ("decision", "ratio", "lipschitz", "evaluations"),
    "amos": ("refresh", "lipschitz", "statistic", "to_first", "offload", "skipped"),
    **dict.fromkeys(
        GROUPED, ("refresh", "g_bar", "H_bar", "D", "eta", "learning_rates", "step_size", "loses_descent")
    ),
}


class Column(NamedTuple):
    """What a method's rows show beside value and gradient.

    Attributes:
        name: its heading, a field of the step (or what is made of one).
        width: in characters, at least the heading's.
        text: what a step shows.
    """

    name: str
    width: int
    text: Callable[[Any], str]


def _number(name: str) -> Column:
    return Column(name, 10, lambda step: f"{float(to_host(getattr(step, name))):.4g}")


def _largest(name: str) -> Column:
    def text(step: Any) -> str:
        values = to_host(getattr(step, name))
        return f"{float(np.max(values)):.4g}" if np.size(values) else "-"

    return Column(f"max {name}", 4 + len(name), text)


COLUMNS = {
    "fosi": (_number("scaling"),),
    "elmo": (_largest("lipschitz"), _number("promise")),
    "eigen_arc": (_largest("lipschitz"), Column("decision", 8, lambda step: str(step.decision))),
    "amos": (Column("offload", 8, lambda step: f"{step.offload:.3f}"),),
    **dict.fromkeys(GROUPED, (_number("step_size"),)),
}
"""The columns of a method; those without an entry have none."""


def add(commands: Any) -> None:
    """Add the command to a parser's subcommands."""
    run = commands.add_parser("run", help="run an optimizer on a problem and print its steps")
    run.add_argument("problem", help="name of a problem (`refopt problems`) or a TOML file")
    run.add_argument(
        "--optimizer", required=True, help="fosi, elmo, eigen-arc, amos, grouped-newton, heavy_ball, ..."
    )
    run.add_argument("--base", help="base optimizer of fosi and eigen-arc, and of a subspace of elmo")
    run.add_argument(
        "--lipschitz", metavar="NAME",
        help="where elmo has its constants from: exact (default where known), constant, averaged, eigen-arc",
    )  # fmt: skip
    for order in ("first", "second"):
        run.add_argument(f"--{order}", metavar="OPTIMIZER", help=f"{order} optimizer of amos")
    run.add_argument(
        "--partition", metavar="NAME",
        help="groups of grouped-newton, algorithm-4, and amos by tensor: trivial, weights-biases, blocks-K, "
        "alternate-K, canonical (default where the problem has layers), discrete (default elsewhere)",
    )  # fmt: skip
    run.add_argument(
        "--internal-damping", type=float, metavar="X", help="lambda_int of grouped-newton and algorithm-4"
    )
    run.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", dest="settings",
        help="settings, such as largest=2 base.learning_rate=0.1 second.rho=0.01",
    )  # fmt: skip
    run.add_argument("--steps", type=int, default=ROWS, metavar="N", help="steps to make")
    run.add_argument("--start", default="default", metavar="NAME", help="start of the problem")
    run.add_argument("--backend", choices=BACKENDS, default="numpy", help="array library")
    run.add_argument("--trace", metavar="PATH.npz", help="save the run")
    run.set_defaults(command=run_command)


def run_command(options: argparse.Namespace) -> int:
    """`refopt run`."""
    from refopt.iterate import Outcome, minimize
    from refopt.problems import load_problem

    check_writable("--trace", options.trace)
    options.optimizer = options.optimizer.replace("-", "_")
    try:
        problem = load_problem(options.problem, backend=options.backend)
        if options.start not in problem.starts:
            raise Usage(f"`--start` is {options.start!r}; {problem.id} has {', '.join(problem.starts)}.")
        optimizer = optimizer_of(options, problem)
        theta, f = problem.starts[options.start], problem.derivatives
        asks = "lanczos_start" in inspect.signature(optimizer.init).parameters
        state = optimizer.init(theta, **({"lanczos_start": problem.lanczos_start} if asks else {}))
        record = ("value", "gradient_norm", *RECORDED.get(options.optimizer, ()))
        printing = _Rows(options.steps, COLUMNS.get(options.optimizer, ()))
        with np.errstate(all="ignore"):  # a run that overflows ends with an outcome that says so
            trace = minimize(
                f, optimizer, theta, state=state, max_steps=options.steps, callback=printing, record=record
            )
            last = float(to_host(f.objective(trace.theta)))
    except (ValueError, TypeError, FileNotFoundError, RuntimeError) as error:
        raise Usage(str(error)) from None
    say(f"{trace.message} f(theta) = {last:.12g}")
    if options.trace:
        try:
            trace.save(options.trace)
        except OSError as error:
            raise Usage(f"`--trace` is {options.trace}, which cannot be written: {error.strerror}.") from None
    if trace.outcome is Outcome.INTERRUPTED:
        return INTERRUPTED
    return DIVERGED if trace.outcome in (Outcome.DIVERGED, Outcome.NO_STEP) else 0


class _Rows:
    """Prints a row for about `ROWS` of the steps, and for each whose estimate ends unlike the last."""

    def __init__(self, steps: int, columns: Sequence[Column]):
        self._every, self._columns, self._header, self._last = max(1, steps // ROWS), columns, False, "none"

    def __call__(self, step: Any) -> None:
        iteration = step.state.iteration - 1
        refresh = getattr(step, "refresh", "none")
        known, self._last = refresh in ("none", self._last), refresh
        if iteration >= FIRST_ROWS and iteration % self._every and known:
            return
        if not self._header:
            self._header = True
            names = "".join(f"  {column.name:>{column.width}}" for column in self._columns)
            last = "  refresh" if hasattr(step, "refresh") else ""
            say(f"{'step':>6}  {'value':>16}  {'|gradient|':>12}{names}{last}")
        value, norm = float(to_host(step.value)), float(np.linalg.norm(to_host(step.gradient)))
        shown = "".join(f"  {column.text(step):>{column.width}}" for column in self._columns)
        said = "" if refresh == "none" else f"  {refresh}"
        if said and getattr(step, "loses_descent", False):
            said += "; the model promises a rise"
        say(f"{iteration:>6}  {value:>16.9g}  {norm:>12.4g}{shown}{said}".rstrip())
