"""Verifies an adapter: from a spec and a choice of cases to a report."""

import time
from collections.abc import Callable, Collection, Sequence

from refopt.conformance import diagnosis, loading, runner, transport
from refopt.conformance.report import Report
from refopt.conformance.scoring import Score
from refopt.conformance.transport import Connection
from refopt.conformance.vectors import Case


def connector(adapter: str, backend: str | None, in_process: bool) -> Callable[[], Connection]:
    """Return what opens a connection to a Python adapter.

    Raises:
        UnknownAdapter: the spec names no module or file.
    """
    loading.split(adapter)
    if in_process:
        return lambda: transport.InProcess(adapter, backend)
    argv = transport.python_worker(adapter, backend)
    return lambda: transport.Subprocess(argv)


def verify(
    adapter: str,
    cases: Sequence[Case],
    *,
    digest: str = "",
    backend: str | None = None,
    deadline: float = runner.DEADLINE,
    in_process: bool = False,
    seed: int | None = None,
    progress: Callable[[Score], None] = lambda score: None,
    spec: str | None = None,
    options: Sequence[str] = (),
    choices: Collection[str] | None = None,
) -> Report:
    """Run cases against an adapter and judge each answer.

    Args:
        adapter: "package.module:Class" or "file.py:Class".
        cases: what to run.
        digest: root digest of the vectors, for the report.
        backend: array library, for adapters that take one.
        deadline: seconds allowed for each case.
        in_process: run the adapter in this process, without deadline.
        seed: shuffle the cases with this seed; None keeps their order.
        progress: called after each case.
        spec: the adapter as the user wrote it, for the report; default `adapter`.
        options: further options of the report's reproduction commands.
        choices: names that the adapter's profile may hold; None allows any.

    Returns:
        The report; a KeyboardInterrupt ends it early with `interrupted` set.

    Raises:
        UnknownAdapter: the spec names no module or file, or the profile a choice that there is not.
        NotStarted: the adapter did not start.
    """
    asking = runner.Runner(connector(adapter, backend, in_process), deadline)
    if choices is not None:
        try:
            loading.check_profile(asking.hello.profile, choices, spec or adapter)
        except loading.UnknownAdapter:
            asking.close()
            raise
    report = Report(asking.hello, spec or adapter, digest, len(cases), options, seed)
    begin = time.perf_counter()
    try:
        for score in runner.run(asking, runner.order(cases, seed)):
            report.scores.append(score)
            progress(score)
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        asking.close()
    report.scores = diagnosis.narrowed(report.scores)
    report.seconds = time.perf_counter() - begin
    return report
