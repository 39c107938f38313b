"""`python -m oracles build | check | list [--only GLOB] [--jobs N]`."""

import argparse
import sys
import time

from oracles import build


def _progress(done: int, total: int, case_id: str) -> None:
    """Show a line that overwrites itself, on a terminal only."""
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{done}/{total} {case_id:<60.60}", end=end, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return 0, or 1 when something was rejected or differs."""
    parser = argparse.ArgumentParser(
        prog="python -m oracles", description="Build and check the oracle's vectors."
    )
    parser.add_argument("command", choices=("build", "check", "list"))
    parser.add_argument("--only", metavar="GLOB", help="only the files that hold a case whose id matches")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="number of processes, at least 1")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error(f"`--jobs` is {options.jobs}; it must be at least 1.")
    try:
        cases = build.collect(build.modules_of(options.only))
    except build.Rejected as error:
        print(error, file=sys.stderr)
        return 1
    groups = build.selected(cases, options.only)
    if not groups:
        parser.error(f"`--only` is {options.only!r}; no case matches.")
    if options.command == "list":
        for case in (case for group in groups.values() for case in group):
            print(f"{case.id:<60} {case.comment}")
        for method, level, number in build.counts(cases):
            print(f"{method:<14} {level} {number:>4}")
        return 0
    started = time.monotonic()
    run = build.build if options.command == "build" else build.check
    faults = run(options.only, options.jobs, _progress)
    for fault in faults:
        print(fault, file=sys.stderr)
    number = sum(len(group) for group in groups.values())
    verdict = f"{len(faults)} faults" if faults else "as frozen" if run is build.check else "written"
    print(f"{number} cases in {len(groups)} files: {verdict} ({time.monotonic() - started:.0f} s)")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
