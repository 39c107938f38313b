"""Pictures of runs, with matplotlib (the extra `plot`).

Each function returns a `matplotlib.figure.Figure`; it shows nothing and keeps no global state. Save it with
`figure.savefig(path)`.

- `plot_learning_rates`: the learning rate of each group over a run (the paper's figures 2b and 3b).
- `plot_training`: the losses of several methods over several seeds, and what AMOS gave to its first one.
- `plot_interactions`: H_bar and its inverse at chosen iterations, in the submatrices weights against weights,
  weights against biases, biases against biases (figures 1 and 3a).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from refopt.groups import Groups
from refopt.interactions import group_kinds, interaction_blocks, interaction_matrices
from refopt.trace import Trace

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LINES = {"weights": "-", "biases": ":", "mixed": "--"}
DECADES = 3  # below the largest element; further down colours and axes are linear, which zero needs
COLOURS = "RdBu_r"  # white at 0, red above, blue below
MOST_NAMES = 40  # more names on an axis cannot be read


def plot_learning_rates(
    trace: Trace, groups: Groups, layout: Sequence[Any] | None = None, name: str = "learning_rates"
) -> Figure:
    """The learning rate of each group over a run, on a logarithmic axis.

    Args:
        trace: of a run with "learning_rates" among what was recorded.
        groups: the partition of the run.
        layout: the tensors of the parameters, as `Problem.layout`: weights become solid lines and
            biases dotted ones, a colour per layer or block. None draws all lines solid.
        name: the recorded quantity to draw, (S,) per point: "learning_rates", or "eta".

    Raises:
        KeyError: when it was not recorded.
        ValueError: when it or the layout does not fit the partition.
        RuntimeError: when matplotlib is not installed.
    """
    rates, iterations = trace[name], trace["iteration"]
    if rates.ndim != 2 or rates.shape[1] != groups.count:
        raise ValueError(
            f"`trace` has {name!r} of shape {rates.shape[1:]}; it must be ({groups.count},), "
            "as `groups` has groups"
        )
    kinds = ("weights",) * groups.count if layout is None else group_kinds(groups, layout)
    figure = _figure((7.0, 4.5))
    axes = figure.subplots()
    nth = dict.fromkeys(LINES, 0)  # the colour counts within a kind, so that weights and biases pair up
    for s, kind in enumerate(kinds):
        axes.plot(iterations, rates[:, s], LINES[kind], color=f"C{nth[kind]}", label=groups.names[s])
        nth[kind] += 1
    largest = float(np.max(np.abs(rates), initial=0.0))
    if np.all(rates > 0):
        axes.set_yscale("log")
    elif largest > 0:
        axes.set_yscale("symlog", linthresh=_linear_part(largest))
        axes.axhline(0.0, color="0.7", linewidth=0.8, zorder=0)
    axes.set_xlabel("iteration")
    axes.set_ylabel("learning rate of the group")
    axes.set_title("Learning rates by group")
    if groups.count <= MOST_NAMES:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize="small")
    return figure


def plot_interactions(
    trace: Trace, groups: Groups, iterations: Sequence[int], layout: Sequence[Any] | None = None
) -> Figure:
    """H_bar (upper row) and its inverse (lower row) at chosen iterations, in colours with 0 in the middle.

    The colours are logarithmic but for the smallest elements, and have a scale for each matrix. Where H_bar
    is singular, the lower row says so.

    Args:
        trace: of a run with "H_bar" among what was recorded.
        groups: the partition of the run.
        iterations: those to draw, one or more.
        layout: the tensors of the parameters, as `Problem.layout`: the matrices are divided into their
            three submatrices, for which each group must hold weights only or biases only. None draws whole
            matrices.

    Raises:
        KeyError: when "H_bar" was not recorded.
        ValueError: when an iteration was not recorded, or something does not fit the partition.
        RuntimeError: when matplotlib is not installed.
    """
    rows = [_row(trace, iteration) for iteration in iterations]
    if not rows:
        raise ValueError("`iterations` is empty; it must name at least one iteration")
    shape, wanted = trace["H_bar"].shape[1:], (groups.count, groups.count)
    if shape != wanted:
        raise ValueError(f"`trace` has 'H_bar' of shape {shape}; it must be {wanted}, as `groups` has groups")
    parts = 1 if layout is None else 3
    figure = _figure((2.6 * parts * len(rows) + 1.0, 6.0))
    axes = figure.subplots(2, parts * len(rows), squeeze=False)
    for k, (iteration, row) in enumerate(zip(iterations, rows, strict=True)):
        found = interaction_matrices(trace["H_bar"][row], groups.names)
        here = axes[:, parts * k : parts * (k + 1)]
        _draw(figure, here[0], found.H_bar, f"H_bar, iteration {iteration}", groups, layout)
        if found.inverse is None:
            _say(here[1], found.status)
        else:
            _draw(figure, here[1], found.inverse, f"inverse, iteration {iteration}", groups, layout)
    return figure


def plot_training(
    losses: Mapping[str, Any],
    iterations: Sequence[int],
    offloads: Mapping[str, Any] | None = None,
    label: str = "held-out loss",
) -> Figure:
    """The losses of several methods, each a line through the means over seeds in the band from least to most.

    Args:
        losses: for each method an array (seeds, points); a number that is not finite leaves a gap.
        iterations: those of the points.
        offloads: for some of the methods the part of the parameters that its first optimizer had, of the same
            shape; None draws the losses alone.
        label: of the axis of losses.

    Raises:
        ValueError: when nothing is given, an array does not fit the iterations, or a method with offloads has
            no losses.
        RuntimeError: when matplotlib is not installed.
    """
    parts = [("losses", label, losses)]
    if offloads is not None:
        parts.append(("offloads", "part of the first optimizer", offloads))
    if not losses:
        raise ValueError("`losses` is empty; it must have at least one method")
    if unknown := [name for name in offloads or {} if name not in losses]:
        raise ValueError(f"`offloads` has {unknown[0]!r}; its methods must be among those of `losses`")
    figure, steps = _figure((7.0, 3.8 * len(parts))), np.asarray(iterations)
    colours = {name: f"C{i}" for i, name in enumerate(losses)}
    for axes, (name, what, curves) in zip(
        figure.subplots(len(parts), sharex=True, squeeze=False)[:, 0], parts, strict=True
    ):
        for method, given in curves.items():
            rows = np.asarray(given, dtype=float)
            if rows.ndim != 2 or not len(rows) or rows.shape[1] != len(steps):
                raise ValueError(
                    f"`{name}[{method!r}]` has shape {rows.shape}; it must be (seeds, {len(steps)}), "
                    "as `iterations` has entries"
                )
            rows = np.where(np.isfinite(rows), rows, np.nan)
            axes.plot(steps, rows.mean(axis=0), color=colours[method], label=method)
            axes.fill_between(steps, rows.min(axis=0), rows.max(axis=0), color=colours[method], alpha=0.2)
        axes.set_ylabel(what)
        axes.legend(fontsize="small")
    axes.set_xlabel("iteration")
    return figure


def _figure(size: tuple[float, float]) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise RuntimeError("matplotlib is not installed: install refopt[plot]") from error
    return Figure(figsize=size, layout="constrained")


def _linear_part(largest: float) -> float:
    """Where the logarithmic part of an axis begins: a power of ten, so that its ticks begin there."""
    return float(10.0 ** max(math.floor(math.log10(largest)) - DECADES, -300))


def _row(trace: Trace, iteration: int) -> int:
    """The row of a recorded iteration."""
    found = np.flatnonzero(trace["iteration"] == iteration)
    if not found.size:
        recorded = trace["iteration"]
        known = f"{recorded[0]} to {recorded[-1]}" if recorded.size else "none"
        raise ValueError(f"`iterations` has {iteration!r}; recorded are {known}")
    return int(found[0])


def _draw(figure: Any, row: Any, matrix: np.ndarray, title: str, groups: Groups, layout: Any) -> None:
    """One matrix, in its parts, side by side with one scale of colours."""
    from matplotlib.colors import SymLogNorm

    largest = float(np.max(np.abs(matrix), initial=0.0)) or 1.0
    norm = SymLogNorm(linthresh=_linear_part(largest), vmin=-largest, vmax=largest, base=10)
    names = groups.names
    if layout is None:
        parts = [("", matrix, names, names)]
    else:
        block = interaction_blocks(matrix, groups, layout)
        w, b = block.weights, block.biases
        parts = [
            ("weights-weights", block.weights_weights, w, w),
            ("weights-biases", block.weights_biases, w, b),
            ("biases-biases", block.biases_biases, b, b),
        ]
    for axes, (which, part, rows, columns) in zip(row, parts, strict=True):
        if not part.size:  # a network without biases
            axes.set_axis_off()
            continue
        image = axes.imshow(part, cmap=COLOURS, norm=norm, aspect="equal")
        axes.set_title(f"{title}\n{which}".rstrip(), fontsize="small")
        axes.set_xlabel("group", fontsize="small")
        axes.set_ylabel("group", fontsize="small")
        if len(rows) <= MOST_NAMES:
            axes.set_yticks(range(len(rows)), rows, fontsize="x-small")
        if len(columns) <= MOST_NAMES:
            axes.set_xticks(range(len(columns)), columns, fontsize="x-small", rotation=90)
    decades = [10.0**e * _linear_part(largest) for e in range(DECADES + 1)]
    ticks = [*(-x for x in reversed(decades)), 0.0, *decades]
    figure.colorbar(image, ax=list(row), shrink=0.8, ticks=ticks)


def _say(row: Any, status: str) -> None:
    """The reason why there is no inverse, in place of its pictures."""
    for axes in row:
        axes.set_axis_off()
    words = status.split()
    half = math.ceil(len(words) / 2)
    row[0].text(
        0.0, 0.5, "\n".join((" ".join(words[:half]), " ".join(words[half:]))), fontsize="small", wrap=True
    )
