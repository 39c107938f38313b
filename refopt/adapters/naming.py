"""Makes refopt's optimizers from names and settings, as vectors and the command line give them."""

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from refopt.first_order import FIRST_ORDER
from refopt.fosi import Fosi
from refopt.groups import Groups
from refopt.schedules import SCHEDULES


def make(registry: Mapping[str, Any], optimizer: str, settings: Mapping[str, Any]) -> Any:
    """Make an optimizer from its name and settings; a schedule is {"schedule": name, ...}.

    Raises:
        ValueError: unknown optimizer, schedule or setting, a setting missing or out of range.
        TypeError: a setting of another type.
    """
    kind = _known(registry, "optimizer", optimizer)
    values = dict(settings)
    rate = values.get("learning_rate")
    if isinstance(rate, Mapping):
        rest = {key: value for key, value in rate.items() if key != "schedule"}
        schedule = _known(SCHEDULES, "schedule", rate.get("schedule"))
        values["learning_rate"] = _construct(schedule, str(rate["schedule"]), rest)
    return _construct(kind, optimizer, values)


def make_fosi(settings: Mapping[str, Any], base: Mapping[str, Any]) -> Fosi:
    """Make FOSI from its settings and its base {"optimizer", "settings"}; raises as `make` does."""
    values = {**settings, "base": make(FIRST_ORDER, base["optimizer"], base["settings"])}
    fosi: Fosi = _construct(Fosi, "fosi", values)
    return fosi


def make_amos(
    settings: Mapping[str, Any],
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    groups: Any = None,
) -> Any:
    """Make AMOS from its settings, its two optimizers and a partition or None; raises as `make` does.

    An optimizer is {"optimizer", "settings"}, first-order or a comparator, or "fosi" with its "base" besides.
    """
    from refopt.amos import Amos
    from refopt.newton import COMPARATORS

    for name in ("groups", "first", "second"):
        if name in settings:
            raise ValueError(f"`{name}` is no setting of amos; it is given by itself.")
    values: dict[str, Any] = {**settings, "groups": groups}
    for name, given in (("first", first), ("second", second)):
        if given["optimizer"] == "fosi":
            values[name] = make_fosi(given["settings"], given["base"])
        else:
            others = {**FIRST_ORDER, **COMPARATORS, "fosi": None}
            values[name] = make(others, given["optimizer"], given["settings"])
    return _construct(Amos, "amos", values)


def make_lipschitz(name: str | None, settings: Mapping[str, Any], problem: Any) -> Any:
    """Make a LIPSCHITZ oracle by name; None is the exact one where the family has it, else EigenARC.

    Args:
        name: "exact", "constant", "averaged" or "eigen_arc".
        settings: of the oracle.
        problem: whose constants are exact.

    Raises:
        ValueError: as `make`; for exact constants of a family that has none.
    """
    from refopt.eigen_arc import EigenArcLipschitz
    from refopt.lipschitz import EXACT_FAMILIES, AveragedLipschitz, ConstantLipschitz, ExactLipschitz

    if name is None:
        name = "exact" if problem.family in EXACT_FAMILIES and not settings else "eigen_arc"
    kinds = {
        "exact": ExactLipschitz,
        "constant": ConstantLipschitz,
        "averaged": AveragedLipschitz,
        "eigen_arc": EigenArcLipschitz,
    }
    kind = _known(kinds, "lipschitz", name)
    if kind is not ExactLipschitz:
        return _construct(kind, name, settings)
    if settings:
        raise ValueError(f"`{next(iter(settings))}` is no setting of exact; it has none.")
    return ExactLipschitz.of(problem)


def make_elmo(settings: Mapping[str, Any], lipschitz: Any, base: Mapping[str, Any] | None = None) -> Any:
    """Make ELMO from its settings, an oracle and a base {"optimizer", "settings"}; raises as `make` does."""
    from refopt.elmo import Elmo

    values = {**settings, "lipschitz": lipschitz}
    if base is not None:
        values["base"] = make(FIRST_ORDER, base["optimizer"], base["settings"])
    return _construct(Elmo, "elmo", values)


def make_eigen_arc(settings: Mapping[str, Any], base: Mapping[str, Any]) -> Any:
    """Make EigenARC along a base {"optimizer", "settings"}; raises as `make` does."""
    from refopt.eigen_arc import EigenArc

    values = {**settings, "base": make(FIRST_ORDER, base["optimizer"], base["settings"])}
    return _construct(EigenArc, "eigen_arc", values)


def make_grouped(settings: Mapping[str, Any], groups: Any) -> Any:
    """Make grouped Newton from its settings and partition, a plateau being a table; raises as `make` does."""
    from refopt.grouped_newton import GroupedNewton
    from refopt.plateau import Plateau

    if "groups" in settings:
        raise ValueError("`groups` is no setting of grouped_newton; the partition is given by itself.")
    values = {**settings, "groups": groups}
    if isinstance(values.get("plateau"), Mapping):
        values["plateau"] = _construct(Plateau, "plateau", values["plateau"])
    return make({"grouped_newton": GroupedNewton}, "grouped_newton", values)


def make_partition(labels: Sequence[int]) -> Groups:
    """Make a partition from the group of each parameter; a refusal names the argument of a case, `groups`."""
    try:
        return Groups.from_labels(labels)
    except (TypeError, ValueError) as error:
        reason = str(error).replace("`labels", "`groups")
        raise type(error)(f"`groups` is no partition: {reason}") from None


def _construct(kind: Any, name: str, values: Mapping[str, Any]) -> Any:
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in values:
        if key not in fields:
            allowed = f"{', '.join(fields)}.{near(key, fields)}"
            raise ValueError(f"`{key}` is no setting of {name}; allowed are {allowed}")
    for key, field in fields.items():
        if key not in values and field.default is dataclasses.MISSING:
            raise ValueError(f"`{key}` is missing; {name} has no default for it.")
    return kind(**values)


def _known(registry: Mapping[str, Any], kind: str, name: Any) -> Any:
    if name not in registry:
        hint = near(str(name), registry)
        raise ValueError(f"`{kind}` is {name!r}; allowed are {', '.join(registry)}.{hint}")
    return registry[name]


def near(given: str, names: Iterable[str]) -> str:
    """Return " Did you mean x?" for the nearest name, or an empty string."""
    found = difflib.get_close_matches(given, list(names), n=1)
    return f" Did you mean {found[0]}?" if found else ""
