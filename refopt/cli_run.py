"""`refopt run`: one optimizer on one problem, printed step by step."""

import argparse
import ast
import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np

from refopt.arrays import BACKENDS, to_host
from refopt.cli_common import INTERRUPTED, Usage, check_writable, say

ROWS, FIRST_ROWS = 20, 5  # about 20 rows are printed, however many steps there are, and the first 5 always
DIVERGED = 1
GROUPED = ("grouped_newton", "algorithm_4")
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
        optimizer = _optimizer(options, problem)
        theta, f = problem.starts[options.start], problem.derivatives
        asks = "lanczos_start" in inspect.signature(optimizer.init).parameters
        state = optimizer.init(theta, **({"lanczos_start": problem.lanczos_start} if asks else {}))
        record = ("value", "gradient_norm", *RECORDED.get(options.optimizer, ()))
        printing = _Rows(options.steps)
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


def _optimizer(options: argparse.Namespace, problem: Any) -> Any:
    from refopt.adapters.naming import make, make_fosi
    from refopt.first_order import FIRST_ORDER
    from refopt.newton import COMPARATORS

    settings, name = _settings(options.settings), options.optimizer
    _check_options(options)
    if name == "amos":
        return _amos(options, problem, settings)
    if name in GROUPED:
        return _grouped(options, problem, settings)
    if name == "fosi":
        return make_fosi(settings, _base(options.base, settings))
    if name in ("elmo", "eigen_arc"):
        return _elmo(options, problem, settings)
    others = dict.fromkeys(("fosi", "elmo", "eigen_arc", "amos", *GROUPED))
    return make({**FIRST_ORDER, **COMPARATORS, **others}, name, settings)


def _check_options(options: argparse.Namespace) -> None:
    """Refuse an option that means nothing for the optimizer."""
    name = options.optimizer
    for option, owners, said in (
        ("partition", (*GROUPED, "amos"), "grouped-newton, algorithm-4 and amos"),
        ("internal_damping", GROUPED, "grouped-newton and algorithm-4"),
        ("lipschitz", ("elmo",), "elmo"),
        ("first", ("amos",), "amos"),
        ("second", ("amos",), "amos"),
    ):
        if getattr(options, option) is not None and name not in owners:
            raise Usage(f"`--{option.replace('_', '-')}` is for {said}, not for {name}.")
    has_base = name in ("fosi", "elmo", "eigen_arc")
    has_base |= name == "amos" and "fosi" in (options.first, options.second)
    if options.base is not None and not has_base:
        raise Usage(f"`--base` is {options.base}, but only fosi, elmo and eigen-arc have a base, not {name}.")


def _elmo(options: argparse.Namespace, problem: Any, settings: dict[str, Any]) -> Any:
    """ELMO with a named LIPSCHITZ oracle, whose settings are lipschitz.NAME; or EigenARC along a base."""
    from refopt.adapters.naming import make_eigen_arc, make_elmo, make_lipschitz

    base: dict[str, Any] | None
    if options.optimizer == "eigen_arc":
        base = _base(options.base, settings, "eigen-arc")  # takes base.NAME out of the settings
        return make_eigen_arc(settings, base)
    inner = settings.pop("lipschitz", {})
    if not isinstance(inner, Mapping):
        raise Usage("a setting of it is written lipschitz.NAME=VALUE; the oracle itself is `--lipschitz`.")
    name = options.lipschitz and options.lipschitz.replace("-", "_")
    wanted = options.base is not None or "base" in settings
    base = _base(options.base, settings, "elmo") if wanted else None
    return make_elmo(settings, make_lipschitz(name, inner, problem), base)


def _base(base: str | None, settings: dict[str, Any], owner: str = "fosi") -> dict[str, Any]:
    """The base of an optimizer by its name, with the settings base.NAME, which are taken out."""
    from refopt.adapters.naming import near
    from refopt.first_order import FIRST_ORDER

    if base is None:
        raise Usage(f"{owner} needs `--base`; allowed are {', '.join(FIRST_ORDER)}.")
    if base not in FIRST_ORDER:
        raise Usage(f"`--base` is {base!r}; allowed are {', '.join(FIRST_ORDER)}.{near(base, FIRST_ORDER)}")
    inner = settings.pop("base", {})
    if not isinstance(inner, Mapping):
        raise Usage("a setting of the base is written base.NAME=VALUE; the base itself is `--base`.")
    return {"optimizer": base, "settings": inner}


def _amos(options: argparse.Namespace, problem: Any, settings: dict[str, Any]) -> Any:
    """AMOS of two named optimizers; by tensor, on a named partition."""
    from refopt.adapters.naming import make_amos

    parts: dict[str, Any] = {}
    for order in ("first", "second"):
        given = getattr(options, order)
        if given is None:
            raise Usage(f"amos needs `--{order}`, such as gradient_descent or sophia.")
        inner = settings.pop(order, {})
        if not isinstance(inner, Mapping):
            raise Usage(
                f"a setting of it is written {order}.NAME=VALUE; the optimizer itself is `--{order}`."
            )
        parts[order] = {"optimizer": given.replace("-", "_"), "settings": dict(inner)}
        if parts[order]["optimizer"] == "fosi":
            parts[order]["base"] = _base(options.base, parts[order]["settings"])
    groups = None
    if settings.get("granularity") == "tensor":
        groups = _partition(options, problem)
    elif options.partition is not None:
        raise Usage("`--partition` of amos goes with `--set granularity=tensor`.")
    return make_amos(settings, parts["first"], parts["second"], groups)


def _partition(options: argparse.Namespace, problem: Any) -> Any:
    """The named partition, or the finest that follows the problem's layers."""
    from refopt.groups import partition

    name = options.partition or ("discrete" if problem.layout is None else "canonical")
    return partition(name, problem.n, problem.layout)


def _grouped(options: argparse.Namespace, problem: Any, settings: dict[str, Any]) -> Any:
    """Grouped Newton on a named partition; a problem is one batch, so an epoch is one step."""
    from refopt.adapters.naming import make_grouped
    from refopt.grouped_newton import GroupedNewton

    groups = _partition(options, problem)
    if options.internal_damping is not None:
        settings = {"internal_damping": options.internal_damping, **settings}
    if options.optimizer == "algorithm_4":
        table = GroupedNewton.algorithm_4(groups, settings.pop("steps_per_epoch", 1))
        settings = {**{key: value for key, value in vars(table).items() if key != "groups"}, **settings}
    return make_grouped(settings, groups)


def _settings(given: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE, dots in a name making nested mappings."""
    settings: dict[str, Any] = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name:
            raise Usage(f"`--set` is {entry!r}; write NAME=VALUE.")
        *way, last = name.split(".")
        inner = settings
        for key in way:
            inner = inner.setdefault(key, {})
            if not isinstance(inner, dict):
                raise Usage(f"`--set` gives {key} both a value and settings of its own.")
        inner[last] = _value(value)
    return settings


def _value(text: str) -> Any:
    if text.lower() in ("inf", "infinity"):
        return float("inf")
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


class _Rows:
    """Prints a row for about `ROWS` of the steps, and for each whose estimate ends unlike the last."""

    def __init__(self, steps: int):
        self._every, self._header, self._last = max(1, steps // ROWS), False, "none"

    def __call__(self, step: Any) -> None:
        iteration = step.state.iteration - 1
        refresh = getattr(step, "refresh", "none")
        known, self._last = refresh in ("none", self._last), refresh
        if iteration >= FIRST_ROWS and iteration % self._every and known:
            return
        if not self._header:
            self._header = True
            last = "  refresh" if hasattr(step, "refresh") else ""
            say(f"{'step':>6}  {'value':>16}  {'|gradient|':>12}{last}")
        value, norm = float(to_host(step.value)), float(np.linalg.norm(to_host(step.gradient)))
        said = "" if refresh == "none" else f"  {refresh}"
        if said and getattr(step, "loses_descent", False):
            said += "; the model promises a rise"
        if hasattr(step, "promise"):
            said += f"  promise {step.promise:.4g}"
        say(f"{iteration:>6}  {value:>16.9g}  {norm:>12.4g}{said}")
