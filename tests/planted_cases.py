"""Cases planted to see what the oracle accepts and refuses."""

from mpmath import mp, mpf

from oracles.case import Case, Close


def simple(**changed):
    defaults = {
        "id": "planted.op.L3.case",
        "op": "op",
        "level": "L3",
        "source": "a derivation",
        "comment": "a comment",
        "inputs": {"x": [1.0, 2.0]},
        "compute": lambda inputs: {"y": [x**2 for x in inputs["x"]]},
        "rules": {"y": Close(why="norm of y")},
    }
    return Case(**{**defaults, **changed})


def noisy(inputs):
    """Depends on the precision in force, in the 36th digit."""
    return {"y": [x * (1 + mpf(10) ** -36 / mp.dps) for x in inputs["x"]]}
