"""Starts an adapter's process and ends it with everything that it has started.

A process group covers children that stay in it; a mark in the environment, which every descendant inherits,
also finds those that left it (where /proc shows environments).
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path

MARK = "REFOPT_ADAPTER_"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
# Limits itself and becomes the program: no code of ours runs between fork and exec of a threaded process.
LIMITED = (
    "import os, resource, sys; limit = int(sys.argv[1]); "
    "resource.setrlimit(resource.RLIMIT_AS, (limit, limit)); os.execvp(sys.argv[2], sys.argv[2:])"
)


class Child:
    """A process behind pipes, in a session of its own.

    Args:
        argv: program and arguments; no shell reads them.
        memory: most MiB of address space, or None.

    Raises:
        OSError: there is no such program.
    """

    def __init__(self, argv: list[str], memory: int | None = None):
        self._mark = MARK + secrets.token_hex(8)
        environment = {**dict.fromkeys(THREADS, "1"), **os.environ, self._mark: "1"}
        if memory is not None:
            argv = [sys.executable, "-I", "-S", "-c", LIMITED, str(memory * 2**20), *argv]
        self.process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        with contextlib.suppress(OSError):  # where memory runs out, this process goes and not the runner
            Path(f"/proc/{self.process.pid}/oom_score_adj").write_text("1000")

    def ended(self) -> bool:
        """Say whether the process itself has ended, whoever still holds its pipes."""
        return self.process.poll() is not None

    def wait(self, seconds: float) -> bool:
        """Wait for the process to end; return whether it did."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=seconds)
        return self.ended()

    def how(self) -> str:
        """Say how the process ended."""
        code = self.process.returncode
        if code is None:
            return "without ending itself: it has closed its stdout"
        return f"by signal {-code}" if code < 0 else f"with exit status {code}"

    def kill(self) -> None:
        """Kill the process, its group and its marked descendants; never raises."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            self.process.kill()
        for pid in self._marked():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self.wait(5)

    def _marked(self) -> list[int]:
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self._mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
        return found
