"""Verifies an implementation: from what the user names and a choice of cases to a report."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

from refopt.conformance import answers, loading, requests, runner, transport
from refopt.conformance.report import Report
from refopt.conformance.scoring import Score
from refopt.conformance.transport import Connection
from refopt.conformance.twins import Twins
from refopt.conformance.vectors import Case


class Subject(NamedTuple):
    """What is verified, as the user wrote it, for sentences and reproduction commands.

    Attributes:
        way: the option, "--adapter", "--command" or "--answers".
        spec: its value.
        options: further options that change how it is run.
    """

    way: str
    spec: str
    options: Sequence[str] = ()


def connector(
    adapter: str, backend: str | None, in_process: bool, memory: int | None = None
) -> Callable[[], Connection]:
    """Return what opens a connection to a Python adapter.

    Raises:
        UnknownAdapter: the spec names no module or file.
    """
    loading.split(adapter)
    if in_process:
        return lambda: transport.InProcess(adapter, backend)
    argv = transport.python_worker(adapter, backend)
    return lambda: transport.Subprocess(argv, memory)


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
    """Run cases against a Python adapter and judge each answer.

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
    connect = connector(adapter, backend, in_process)
    asking = runner.Runner(connect, deadline, seed=seed or 0)
    subject = Subject("--adapter", spec or adapter, options)
    return judge(asking, cases, subject, digest=digest, seed=seed, progress=progress, choices=choices)


def judge(
    asking: runner.Runner | answers.Answers,
    cases: Sequence[Case],
    subject: Subject,
    *,
    digest: str = "",
    seed: int | None = None,
    progress: Callable[[Score], None] = lambda score: None,
    choices: Collection[str] | None = None,
) -> Report:
    """Put cases to something that answers them and judge each answer.

    Args:
        asking: what answers: a runner with its process, or a file of answers; it is closed at the end.
        cases: what to ask.
        subject: what is verified.
        digest: root digest of the vectors, for the report.
        seed: shuffle the cases with this seed, which is also that of the ids; None keeps their order.
        progress: called after each case.
        choices: names that the profile may hold; None allows any.

    Returns:
        The report; a KeyboardInterrupt ends it early with `interrupted` set.

    Raises:
        UnknownAdapter: the profile names a choice that there is not.
    """
    if choices is not None:
        try:
            loading.check_profile(asking.hello.profile, choices, subject.spec)
        except loading.UnknownAdapter:
            asking.close()
            raise
    report = Report(asking.hello, subject.spec, digest, len(cases), subject.options, seed, way=subject.way)
    begin, ordered = time.perf_counter(), requests.order(cases, seed)
    twice = isinstance(asking, runner.Runner) and subject.way == "--command"
    twins = Twins(ordered if twice else (), seed or 0, asking.hello)
    try:
        for score in _scores(asking, ordered, twins):
            report.scores.append(score)
            progress(score)
    except KeyboardInterrupt:
        report.interrupted = True
    finally:
        asking.close()
    apart = {
        twins.originals[token]: reason for token, reason in asking.strays.items() if token in twins.originals
    }
    others = {token: reason for token, reason in asking.strays.items() if token not in twins.originals}
    strays = _without_hello(others, report.scores, seed or 0)
    charged = [runner.charged(score, strays, seed or 0) for score in report.scores]
    charged = [twins.charged(score, apart) for score in charged]
    report.twins, report.differing = len(twins), len({*twins.differing, *apart})
    report.scores, report.unexamined = asking.diagnosis.narrowed(charged), asking.diagnosis.unexamined
    report.seconds = time.perf_counter() - begin
    return report


def _scores(asking: runner.Runner | answers.Answers, cases: Sequence[Case], twins: Twins) -> Iterator[Score]:
    if isinstance(asking, answers.Answers):
        return map(asking.score, cases)
    return runner.run(asking, cases, twins)


def _without_hello(strays: Mapping[str, str], scores: Sequence[Score], seed: int) -> dict[str, str]:
    """Charge what followed the introduction to the first case that was asked."""
    known = {requests.token(seed, score.case.id) for score in scores}
    asked = [score.case.id for score in scores if score.verdict != "skip"]
    other = [reason for identifier, reason in strays.items() if identifier not in known]
    if other and asked:
        return {requests.token(seed, asked[0]): f"follows an introduction that {other[0]}", **strays}
    return dict(strays)
