"""Bad input that is let in."""

from faults.patching import Fault, change

VALIDATION_FAULTS = (
    Fault(
        "nan-let-in",
        "Vectors are not looked at for NaN and infinity.",
        "validation",
        "a NaN in an input",
        ("derivatives", "base_step", "fosi_step", "along"),
        (change("arrays", "    if not all_finite(x):", "    if False:"),),
    ),
    Fault(
        "negative-rates-let-in",
        "Rates are not looked at for their sign.",
        "validation",
        "a negative rate",
        ("base_step", "fosi_run", "comparator_step"),
        (change("arrays", "0 < x < math.inf", "-math.inf < x < math.inf"),),
    ),
    Fault(
        "momentum-one-let-in",
        "A decay of exactly 1 is allowed.",
        "validation",
        "a decay of 1",
        ("base_step",),
        (change("arrays", "lambda x: 0 <= x < 1", "lambda x: 0 <= x <= 1"),),
    ),
    Fault(
        "too-many-pairs-let-in",
        "k + l may exceed n.",
        "validation",
        "k + l > n",
        ("lanczos_steps", "extreme_spectrum"),
        (change("spectrum", "if largest + smallest > n:", "if False:"),),
    ),
)
