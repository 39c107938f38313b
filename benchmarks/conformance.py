"""The runner: a full run over a pipe, its own time for an exchange, its memory whatever is sent."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from refopt import resources
from refopt.conformance import requests, runner, transport, vectors, verify

ROUNDS = 5
FULL_RUN, OVERHEAD, MEMORY = 30.0, 2.0, 200  # limits in seconds, milliseconds, MB
# A program that answers at once, so that the time of an exchange is the runner's and the pipe's.
INSTANT = """
import sys
for line in sys.stdin:
    if '"cmd":"bye"' in line:
        break
    number = line[line.index('"id":"') + 6:][:21]
    if '"cmd":"hello"' in line:
        sys.stdout.write('{"id":"%s","protocol":"refopt-wire/1","name":"n","capabilities":["refresh_period"],'
                         '"dtypes":["float64"]}\\n' % number)
    else:
        sys.stdout.write('{"id":"%s","status":"ok","out":{"period":800}}\\n' % number)
    sys.stdout.flush()
"""
# Objects of one member each: what costs most memory for each byte.
HEAVY = """
import sys
text = "[" + '{"a":1},' * ((2 * 2**20 - 2000) // 8) + "{}]"
for line in sys.stdin:
    number = line[line.index('"id":"') + 6:][:21] if '"id"' in line else ""
    if '"cmd":"hello"' in line:
        sys.stdout.write('{"id":"%s","protocol":"refopt-wire/1","name":"n","capabilities":["refresh_period"],'
                         '"dtypes":["float64"]}\\n' % number)
    elif number:
        sys.stdout.write('{"id":"%s","status":"ok","out":{"period":' % number + text + "}}\\n")
    sys.stdout.flush()
"""
MEASURED = """
import resource, sys
from refopt.cli import main
main(sys.argv[1:])
sys.stderr.write(f"\\n{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f}")
"""


def full_run() -> tuple[float, int]:
    """Seconds of a full run of refopt's own adapter over its pipe, median of the rounds, and its cases."""
    found = vectors.load(resources.vectors_directory())
    took = []
    for seed in range(ROUNDS):
        report = verify.verify("refopt.adapters.reference:Reference", found.cases, seed=seed)
        assert report.exit_status == 0, report.headline()
        took.append(report.seconds)
    return statistics.median(took), len(found.cases)


def exchange() -> tuple[float, float]:
    """Milliseconds of an exchange with a program that answers at once: the median and the 99th percentile."""
    case = next(
        case
        for case in vectors.load(resources.vectors_directory()).cases
        if case.op == "refresh_period" and case.inputs["lanczos_steps"] == 40
    )
    asking = runner.Runner(lambda: transport.Subprocess([sys.executable, "-S", "-c", INSTANT]))
    took = []
    for _ in range(2000):
        begin = time.perf_counter()
        runner.judged(case, asking.ask(case), {}, runner.Diagnosis())
        took.append(1000 * (time.perf_counter() - begin))
    asking.close()
    return statistics.median(took), statistics.quantiles(took, n=100)[-1]


def memory() -> tuple[int, int]:
    """MB of a runner at its most: fed with the heaviest answers, and with right ones."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "heavy.py"
        program.write_text(HEAVY)
        heavy = ["--command", f"{sys.executable} -S {program}", "--only", "*.refresh_period.*"]
        return _peak(heavy), _peak([])


def _peak(arguments: list[str]) -> int:
    command = [sys.executable, "-c", MEASURED, "verify", *arguments]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(found.stderr.split()[-1])


def main() -> None:
    """Print the figures beside their limits."""
    seconds, number = full_run()
    print(f"full run over a pipe: {seconds:.1f} s for {number} cases (limit {FULL_RUN:g} s)")
    median, worst = exchange()
    print(
        f"one exchange, scoring included: {median:.3f} ms, 99 % below {worst:.3f} ms (limit {OVERHEAD:g} ms)"
    )
    heavy, right = memory()
    print(f"memory: {heavy} MB under the heaviest answers, {right} MB in a full run (limit {MEMORY} MB)")
    exported = b"".join(requests.export(vectors.load(resources.vectors_directory()).cases, 0))
    print(f"exported cases: {len(exported) / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
