"""The optimizer of `refopt run`: a name, its parts and its settings, as the options say."""

import argparse
import ast
from collections.abc import Mapping
from typing import Any

from refopt.cli_common import Usage

GROUPED = ("grouped_newton", "algorithm_4")


def optimizer_of(options: argparse.Namespace, problem: Any) -> Any:
    """The optimizer that the options of `refopt run` describe, for a problem."""
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
