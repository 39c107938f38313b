"""Prints the kill matrix: `python -m faults [NAME...]` with tests/ on the path."""

import sys
import time

from faults.catalogue import BENIGN, FAULTS
from faults.patching import DoesNotApply
from faults.trial import CLEAR, SEPARATION, judged, kills, relevant


def main(names: list[str]) -> int:
    """Tries every fault and benign variant on all its cases; returns 1 if one is not as it should be."""
    out, bad = sys.stdout.write, 0
    for fault in FAULTS:
        if names and fault.name not in names:
            continue
        begin = time.perf_counter()
        try:
            found = kills(fault.ops, fault.changes, enough=None)
        except DoesNotApply as error:
            out(f"{fault.name:45s} DOES NOT APPLY: {error}\n")
            bad += 1
            continue
        clear = [entry for entry in found if entry.separation >= SEPARATION]
        bad += len(clear) < CLEAR
        verdict = "killed" if len(clear) >= CLEAR else "WEAK" if found else "SURVIVES"
        best = f"{found[0].separation:8.1e} {found[0].case} {found[0].quantity}" if found else ""
        seconds = time.perf_counter() - begin
        counted = f"{len(clear):3d} clear of {len(found):3d} of {len(relevant(fault.ops)):3d}"
        out(f"{fault.name:45s} {verdict:8s} {counted}  {best}  [{seconds:.1f} s]\n")
        sys.stdout.flush()
    for variant in BENIGN:
        if names and variant.name not in names:
            continue
        try:
            wrong = [entry for entry in judged(relevant(variant.ops), variant.changes) if entry]
        except DoesNotApply as error:
            out(f"{variant.name:45s} DOES NOT APPLY: {error}\n")
            bad += 1
            continue
        bad += bool(wrong)
        out(f"{variant.name:45s} {'REJECTED' if wrong else 'benign'} {[entry.case for entry in wrong[:6]]}\n")
        sys.stdout.flush()
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
