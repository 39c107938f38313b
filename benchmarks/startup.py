"""Start-up figures: `import refopt` against `import autograd.numpy`, and the wall time of `refopt verify`."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time


def run_seconds(arguments: list[str]) -> float:
    """Wall seconds of one child process that must end well, its bytecode cached as for any user."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    begin = time.perf_counter()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.perf_counter() - begin


def import_ratio(rounds: int = 15) -> tuple[float, float, float]:
    """Median ratio of the two imports, interpreter start taken off both, and the two medians in seconds."""
    bare, ours, autograd = [], [], []
    for _ in range(rounds):
        bare.append(run_seconds([sys.executable, "-c", "pass"]))
        ours.append(run_seconds([sys.executable, "-c", "import refopt"]))
        autograd.append(run_seconds([sys.executable, "-c", "import autograd.numpy"]))
    start = statistics.median(bare)
    ratios = [(o - start) / (a - start) for o, a in zip(ours, autograd, strict=True)]
    return statistics.median(ratios), statistics.median(ours) - start, statistics.median(autograd) - start


def main() -> None:
    """Print both figures."""
    ratio, ours, autograd = import_ratio()
    print(f"import refopt / import autograd.numpy: {ratio:.2f} ({ours:.3f} s / {autograd:.3f} s; limit 1.3)")
    runs = [run_seconds([sys.executable, "-m", "refopt", "verify"]) for _ in range(3)]
    print(f"refopt verify, whole process: {statistics.median(runs):.1f} s (limit 20 s)")


if __name__ == "__main__":
    main()
