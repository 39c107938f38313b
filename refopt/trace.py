"""The record of a run: how it ended, where, and what was recorded on the way; one file to save and load.

A trace file is a NumPy .npz archive without pickled objects: `meta` (JSON as bytes), `theta`,
`records/<name>` and `state/<path>`. It is written beside its place and moved there when complete, so a crash
leaves what was there.
"""

from __future__ import annotations

import inspect
import json
import os
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from refopt.archive import described, placed, rebuilt, restored, stacked, tree_of, write_whole
from refopt.arrays import Array, to_host

FORMAT = "refopt-trace/1"
COUNTS = ("value_count", "gradient_count", "product_count")


class NoStep(ArithmeticError):
    """A method has no step at a point; the message says why, without a full stop."""


class NonFinite(ArithmeticError):
    """What a step is made from is not finite; the message names it, as in "the Hessian is not finite"."""


class Outcome(Enum):
    """How a run ended; the value is the sentence."""

    GRADIENT_SMALL = "The gradient is within the tolerance."
    VALUE_REACHED = "The value reached the target."
    STEP_SMALL = "The step is within the tolerance."
    PROMISE_SMALL = "The decrease that the model promises is within the tolerance."
    MAX_STEPS = "The allowed number of steps was made."
    TIME_LIMIT = "The time limit was reached."
    CALLBACK = "The callback asked to stop."
    INTERRUPTED = "The run was interrupted from the keyboard."
    NO_STEP = "The method has no step at this point."
    DIVERGED = "The run diverged: the value, a derivative or the next point is not finite."

    @property
    def success(self) -> bool:
        """Whether a tolerance or target was met."""
        return self in (
            Outcome.GRADIENT_SMALL,
            Outcome.VALUE_REACHED,
            Outcome.STEP_SMALL,
            Outcome.PROMISE_SMALL,
        )


@dataclass(frozen=True, repr=False)
class Trace:
    """What a run left.

    Attributes:
        outcome: how it ended.
        message: the outcome's sentence, with details where there are any.
        iterations: steps made since the optimizer was initialized, earlier runs that were resumed included.
        theta: the point after them, (n,).
        state: the optimizer's state there; nested dictionaries of NumPy arrays in a loaded trace.
        records: NumPy arrays by name, one row per point that was evaluated: "iteration", the names asked for,
            and the cumulative evaluation counts "value_count", "gradient_count", "product_count" of this run.
            The last row belongs to `theta` itself when the run ended there before making the step.
        optimizer: the settings, as text.
    """

    outcome: Outcome
    message: str
    iterations: int
    theta: Array
    state: Any
    records: dict[str, np.ndarray]
    optimizer: str

    def __repr__(self) -> str:
        return f"Trace({self.message!r}, iterations={self.iterations}, recorded: {', '.join(self.records)})"

    def __getitem__(self, name: str) -> np.ndarray:
        """A recorded quantity by name, one row per point."""
        if name not in self.records:
            raise KeyError(f"`{name}` was not recorded; recorded are {', '.join(self.records)}")
        return self.records[name]

    def __len__(self) -> int:
        """The number of points recorded."""
        return len(self.records["iteration"])

    def resume_state(self, optimizer: Any, *, like: Array | None = None) -> Any:
        """The state from which `optimizer` goes on at `theta` as if the run had not stopped.

        Args:
            optimizer: the optimizer of the run, or one whose state has the same fields.
            like: an array whose library and device the state's arrays of a loaded trace are to have; None is
                NumPy.

        Raises:
            ValueError: when the state in the trace is not of this optimizer's kind.
        """
        tree = tree_of(self.state)
        # What init asks for beyond theta is a field of the state under the same name.
        names = [name for name in inspect.signature(optimizer.init).parameters if name in tree]
        template = optimizer.init(
            placed(self.theta, like), **{name: placed(tree[name], like) for name in names}
        )
        return rebuilt(template, tree, like, "state")

    def joined(self, later: Trace) -> Trace:
        """This trace and the one of the run that resumed it, as one.

        Args:
            later: a trace whose first point is this one's last.

        Raises:
            ValueError: when `later` does not start where this trace ends, or recorded other names.
        """
        if set(later.records) != set(self.records):
            raise ValueError(f"`later` recorded {', '.join(later.records)}; it must record the same names")
        if len(later) == 0 or later["iteration"][0] != self.iterations:
            raise ValueError(f"`later` must start at iteration {self.iterations}, where this trace ends")
        keep = self["iteration"] < self.iterations
        records = {}
        for name, rows in self.records.items():
            before = rows[-1] if name in COUNTS and len(rows) else None
            new = later[name] if before is None else later[name] + before
            records[name] = stacked([*rows[keep], *new])
        return replace(later, records=records)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the trace to one .npz file, replacing it only once complete.

        Raises:
            TypeError: when the state holds something else than arrays, numbers, text and named tuples.
            ValueError: when `path` is empty.
            OSError: when it cannot be written, or is there and no regular file (a link to one is followed).
        """
        arrays = {"theta": to_host(self.theta)}
        meta = {
            "format": FORMAT,
            "outcome": self.outcome.name,
            "message": self.message,
            "iterations": self.iterations,
            "optimizer": self.optimizer,
            "records": list(self.records),
            "state": described(tree_of(self.state), "state", arrays),
        }
        arrays |= {f"records/{name}": rows for name, rows in self.records.items()}
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
        write_whole(path, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Trace:
        """Read a trace that `save` wrote; arrays are NumPy's.

        Raises:
            OSError: when the file cannot be opened.
            ValueError: when it is not a complete trace file.
        """
        with open(path, "rb") as handle:
            try:
                with np.load(handle, allow_pickle=False) as archive:
                    return _parsed(cls, archive)
            except Exception as error:  # a damaged file fails in zipfile, zlib, the .npy header or JSON
                raise ValueError(
                    f"`path` {os.fspath(path)!r} is not a readable trace ({type(error).__name__}: {error}); "
                    "it must be a file that Trace.save wrote"
                ) from error


def _parsed(cls: type[Trace], archive: Any) -> Trace:
    meta = json.loads(bytes(archive["meta"]))
    if meta["format"] != FORMAT:
        raise ValueError(f"its format is {meta['format']!r}, this version reads {FORMAT!r}")
    records = {name: archive[f"records/{name}"] for name in meta["records"]}
    if len({len(rows) for rows in records.values()}) != 1:
        raise ValueError("its records differ in length")
    return cls(
        Outcome[meta["outcome"]],
        str(meta["message"]),
        int(meta["iterations"]),
        archive["theta"],
        restored(meta["state"], archive),
        records,
        str(meta["optimizer"]),
    )
