"""Judge mutants that mutmut made, and say which test kills each: `python tests/mutation/judge.py --help`.

`mutmut run` judges by itself; this does the same with its mutants, its trampolines and its table of which
test reaches which function, but

- pytest starts once and each mutant is a fork of it: one that the first case kills costs milliseconds;
- a mutant may use ten times the processor time of its tests, whereas mutmut stops it by the clock, and counts
  it as killed where the machine is busy;
- it tells the test that failed first, and takes any tests: the frozen cases, or a module's unit tests for
  the mutants that those left alive.

Run it where mutmut ran with these tests (`mutants/` and its statistics must be there).
"""

import argparse
import gc
import json
import os
import resource
import sys
import time
from pathlib import Path

import pytest
from mutmut import __main__ as mutmut
from mutmut.state import state
from mutmut.stats import load_stats

PATIENCE = 10  # times the processor time of the tests, and one second
ALIVE, UNREACHED, ENDLESS = "survives", "reached by no test", "out of time"


class Judge:
    """A plugin that runs the tests once for each mutant, each time in a fork."""

    def __init__(self, names, verdicts, output, longest):
        self.names, self.verdicts, self.output, self.longest = names, verdicts, output, longest
        self.failed = None

    def pytest_runtest_logreport(self, report):
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def pytest_runtestloop(self, session):
        items = {item.nodeid: item for item in session.items}
        cost = {name: state().duration_by_test[name] for name in items if name in state().duration_by_test}
        cost = {name: seconds for name, seconds in cost.items() if seconds <= self.longest}
        self.run(session.items[0])  # imports what all need, before the forks
        assert self.failed is None, f"{self.failed} fails without a mutant"
        gc.freeze()  # or each fork would look through all cases for garbage
        for name in self.names:
            reached = state().tests_by_mangled_function_name.get(
                mutmut.mangled_name_from_mutant_name(name), ()
            )
            tests = sorted((test for test in reached if test in cost), key=cost.get)
            limit = PATIENCE * (sum(cost[test] for test in tests) + 1)
            self.verdicts[name] = self.verdict(name, [items[test] for test in tests], limit)
            self.output.write_text(json.dumps(self.verdicts, indent=0) + "\n")
        return True

    def run(self, item):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def verdict(self, name, items, limit):
        if not items:
            return UNREACHED
        read, write = os.pipe()
        child = os.fork()
        if not child:
            seconds = int(limit + time.process_time()) + 1
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
            mutmut.set_mutant_under_test(name)
            try:
                for item in items:
                    self.run(item)
                    if self.failed:
                        break
            except BaseException as error:  # a mutant that ends the process does not end the judge
                self.failed = self.failed or repr(error)
            os.write(write, (self.failed or "").encode()[:4000])
            os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as answer:
            failed = answer.read().decode()
        _, status = os.waitpid(child, 0)
        return ENDLESS if status else f"killed by {failed}" if failed else ALIVE


def main():
    parser = argparse.ArgumentParser(description="Judge mutants that mutmut made.")
    parser.add_argument("module", help="such as refopt.cubic_secular")
    parser.add_argument("output", type=Path, help="JSON file of verdicts, added to")
    parser.add_argument("tests", nargs="+", help="files of tests, as given to mutmut")
    parser.add_argument("--left-by", type=Path, help="only mutants that these verdicts call alive")
    parser.add_argument("--longest", type=float, default=1e9, help="leave out tests that take more seconds")
    given = parser.parse_args()
    mutmut.setup_source_paths()
    load_stats()
    meta = Path("mutants", *given.module.split(".")).with_suffix(".py.meta")
    names = list(json.loads(meta.read_text())["exit_code_by_key"])
    if given.left_by:
        before = json.loads(given.left_by.read_text())
        names = [name for name in names if before.get(name) in (ALIVE, UNREACHED)]
    verdicts = json.loads(given.output.read_text()) if given.output.exists() else {}
    names = [name for name in names if name not in verdicts]
    output = given.output.resolve()
    mutmut.set_mutant_under_test("")
    os.chdir("mutants")
    arguments = ["--rootdir=.", "-q", "--tb=no", "-p", "no:cacheprovider", "-p", "no:xdist", *given.tests]
    return int(pytest.main(arguments, plugins=[Judge(names, verdicts, output, given.longest)]))


if __name__ == "__main__":
    sys.exit(main())
