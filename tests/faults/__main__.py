"""The kill matrix, printed or as a page: `PYTHONPATH=tests python -m faults [NAME...] [--page FILE]`."""

import argparse
import sys
from pathlib import Path

from faults.catalogue import BENIGN, FAULTS
from faults.matrix import Row, rows
from faults.page import page
from faults.trial import CLEAR


def main(arguments: list[str]) -> int:
    """Tries the faults and the benign variants on all cases; returns 1 if one is not as it should be."""
    parser = argparse.ArgumentParser("faults", description="Puts planted faults to the frozen cases.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="faults and variants to try; all by default")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of Markdown; of all alone")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="processes; 1 by default")
    given = parser.parse_args(arguments)
    known = {entry.name for entry in (*FAULTS, *BENIGN)}
    if unknown := set(given.names) - known:
        parser.error(f"no fault or variant is called {', '.join(sorted(unknown))}")
    if given.page and given.names:
        parser.error("a page shows every fault; leave the names out")
    if given.jobs < 1:
        parser.error(f"`--jobs` is {given.jobs}; it must be at least 1")
    faults = [fault for fault in FAULTS if not given.names or fault.name in given.names]
    variants = [variant for variant in BENIGN if not given.names or variant.name in given.names]
    kills = [_told(row, _fault(row)) for row in rows(faults, given.jobs)]
    passes = [_told(row, _variant(row)) for row in rows(variants, given.jobs)]
    if given.page:
        given.page.write_text(page(faults, kills, variants, passes), encoding="utf-8")
    return int(any(row.verdict != "killed" for row in kills) or any(row.kills for row in passes))


def _fault(row: Row) -> str:
    best = f"{row.kills[0].separation:8.1e} {row.kills[0].case} {row.kills[0].quantity}" if row.kills else ""
    short = f" (fewer than {CLEAR})" if row.verdict == "weak" else ""
    return f"{row.verdict:8s} {len(row.clear):3d} clear{short} of {len(row.kills):3d} of {row.put:3d}  {best}"


def _variant(row: Row) -> str:
    return f"{'REJECTED' if row.kills else 'benign':8s} {[kill.case for kill in row.kills[:6]]}"


def _told(row: Row, said: str) -> Row:
    sys.stdout.write(f"{row.name:45s} {said}\n")
    sys.stdout.flush()
    return row


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
