"""What went wrong inside an objective, in one sentence."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from refopt.arrays import Array, namespace

_DIALECT = "refopt.derivatives lists the functions that work"


def explained(error: Exception, theta: Array) -> Exception | None:
    """The sentence for an error that an objective raised while it was evaluated or traced.

    Args:
        error: what autograd or the array library raised.
        theta: the point.

    Returns:
        The error to raise instead; None where the cause is not known, as for an error of the user's own.
    """
    message = str(error)
    if _DIALECT in message:
        return None  # a sentence already
    library = type(theta).__module__.split(".")[0]
    if rule := re.match(r"[JV][VJ]P of (\S+) wrt argnum", message):
        return NotImplementedError(
            f"the objective uses `{rule[1]}`, which autograd cannot differentiate; {_DIALECT}"
        )
    if library != "numpy" and "numpy.ndarray" in message:
        return TypeError(
            f"the objective mixes a NumPy array with `theta`, which is an array of {library}: "
            f"make constants with asarray_like(values, theta) ({message})"
        )
    if missing := re.match(r"no implementation found for '([\w.]+)'", message):
        return NotImplementedError(
            f"the objective uses `{missing[1]}`, which {library} does not have; {_DIALECT}"
        )
    if "Box" in message or "Implicit conversion to a NumPy array" in message:
        return not_traced(error)
    return None


def not_traced(error: Exception) -> TypeError:
    """The sentence for an objective that fails on autograd's boxes, with what it failed with."""
    return TypeError(f"the objective uses a function that autograd cannot trace; {_DIALECT} ({error})")


def works_untraced(error: Exception, objective: Callable[[Array], Any], theta: Array) -> bool:
    """Whether an objective that raised `error` while it was traced has a value at theta all the same."""
    if _DIALECT in str(error):
        return False  # a sentence already
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the answer counts here, not the road to it
            objective(namespace(theta).asarray(theta, copy=True))  # it may write into its argument
    except Exception:
        return False
    return True
