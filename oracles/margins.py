"""How far a decision stands from the other one: margins, and the gate that no case passes without one.

A decision compares a number with a threshold. Its margin is |number / threshold - 1| at 50 digits and more;
None where no rounded number is compared. Below LEAST rounding could decide otherwise: such a case accepts
both answers, or says why the comparison is exact.
"""

from collections.abc import Sequence
from typing import Any

from mpmath import mp, mpf

from oracles.case import Case, Close, Exact, Quantities
from oracles.encoding import Rejected
from oracles.precision import Number, flat

LEAST = mpf(10) ** -12
LARGEST = mpf(10) ** 30  # a margin beyond it is stored as this: far is far


def margin(number: Number, threshold: Number) -> Number | None:
    """Return |number / threshold - 1|, None for two zeros or a number that is not finite."""
    if not (mp.isfinite(number) and mp.isfinite(threshold)) or not (number or threshold):
        return None
    return abs(number - threshold) / abs(threshold) if threshold else mpf(1)


def least(margins: Sequence[Number | None]) -> Number | None:
    """Return the smallest of several margins, None where there is none."""
    return min((x for x in margins if x is not None), default=None)


def decided(case: Case, name: str, rule: Exact | Close, outputs: Quantities, both: bool) -> dict[str, Any]:
    """Return what is stored beside a decision.

    Args:
        case: the case.
        name: of the quantity.
        rule: its rule.
        outputs: what was computed.
        both: whether the other answer is accepted too.

    Raises:
        Rejected: where neither a margin nor a reason is stated, or rounding could decide otherwise.
    """
    if not rule.margin:
        if isinstance(rule, Exact) and not rule.certain:
            raise Rejected(
                f"{case.id}: {name} is decided without a margin; state one, or why rounding cannot matter."
            )
        return {"certain": rule.certain} if rule.certain else {}
    margins, value = outputs[rule.margin], outputs[name]
    if isinstance(margins, list) and (not isinstance(value, list) or len(margins) != len(value)):
        raise Rejected(f"{case.id}: {name} has {len(margins)} margins for {len(flat(value))} decisions.")
    nearest = least(flat(margins))
    if nearest is not None and not nearest >= LEAST and not both and not rule.certain:
        raise Rejected(
            f"{case.id}: {name} is decided by a margin of {mp.nstr(nearest, 3)}, which rounding could take; "
            "accept both answers, or say why it is exact."
        )
    stored = [_stored(x) for x in margins] if isinstance(margins, list) else _stored(margins)
    words = {"words": list(rule.words)} if isinstance(rule, Exact) and rule.words else {}
    certain = {"certain": rule.certain} if rule.certain else {}
    return {"margin": stored, "compared": rule.compared, **certain, **words}


def _stored(x: Number | None) -> float | None:
    """Round a margin down to three digits."""
    if x is None:
        return None
    x = min(x, LARGEST)
    if not x:
        return 0.0
    exponent = int(mp.floor(mp.log10(x))) - 2
    return float(f"{int(mp.floor(x / mpf(10) ** exponent))}e{exponent}")
