"""One run of the plugin: the cases as pytest items, one adapter for all of them, what the run adds up to."""

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from refopt import resources
from refopt.adapters import AVAILABLE
from refopt.conformance import known_failures, loading, requests, runner, scoring, vectors
from refopt.conformance.diagnosis import Diagnosis
from refopt.conformance.printable import printable
from refopt.conformance.report import Report
from refopt.conformance.report_files import failure_lines
from refopt.conformance.scoring import Score
from refopt.conformance.vectors import Case
from refopt.conformance.verify import connector

NODE = "refopt"
VERDICT, REASON = "refopt_verdict", "refopt_reason"
NOTHING_RAN = 5  # pytest's status for "no tests collected", and refopt's for "nothing ran"


class CaseFailed(Exception):
    """A case that is neither passed nor left out."""

    def __init__(self, score: Score):
        super().__init__(score.reason)
        self.score = score


class Cases:
    """The plugin of one run with an adapter; under xdist, one in each process.

    Args:
        config: pytest's.
    """

    def __init__(self, config: pytest.Config):
        self._config = config
        self.spec: str = config.getoption("refopt_adapter")
        try:
            loading.split(AVAILABLE.get(self.spec, self.spec))
            self._vectors = _vectors(config)
            self.digest, self.cases = self._vectors.digest, _chosen(config, self._vectors)
            path = config.getoption("refopt_known")
            ids = [case.id for case in self._vectors.cases]
            self._known = None if path is None else known_failures.load(path, ids)
        except (loading.UnknownAdapter, known_failures.UnusableList, vectors.CorruptVectors) as error:
            raise pytest.UsageError(str(error).replace("`--adapter`", "`--refopt-adapter`")) from None
        self.seed = secrets.randbelow(2**32)
        self._diagnosis = Diagnosis()
        self._runner: runner.Runner | None = None
        self._seen: dict[str, tuple[str, str]] = {}  # verdict and reason by id
        self._strays: list[str] = []
        self._errors: list[str] = []

    def asking(self) -> runner.Runner:
        """Return what asks the adapter, started when it is first needed."""
        if self._runner is None:
            deadline = self._config.getoption("refopt_deadline")
            connect = connector(
                AVAILABLE.get(self.spec, self.spec), None, self._config.getoption("refopt_in_process")
            )
            self._runner = runner.Runner(connect, deadline or runner.DEADLINE, seed=self.seed)
        return self._runner

    def score(self, case: Case) -> Score:
        """Put one case to the adapter and judge the answer."""
        asking = self.asking()
        found = runner.judged(case, asking.ask(case), asking.hello.profile, self._diagnosis)
        return found if self._known is None else self._known.judge(found)

    def lines(self, score: Score) -> list[str]:
        """Describe a failure."""
        report = Report(self.asking().hello, self.spec, self.digest, 1)
        return [printable(line) for line in failure_lines(report, score)]

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Start the adapter once, so that one that does not start ends the run before its first test."""
        if self._is_worker or self._config.option.collectonly:
            return
        try:
            hello = self.asking().hello
            if self._config.getoption("refopt_vectors") is None:
                loading.check_profile(hello.profile, self._vectors.choices, self.spec)
        except (runner.NotStarted, loading.UnknownAdapter) as error:
            self._close()
            raise pytest.UsageError(f"the adapter {self.spec} did not start: {printable(error)}") from None
        if getattr(self._config.option, "dist", "no") != "no":
            self._close()  # the workers start their own

    @property
    def _is_worker(self) -> bool:
        return hasattr(self._config, "workerinput")

    def pytest_report_header(self) -> str:
        """Say what is verified against what."""
        return f"refopt: {printable(self.spec)}, {len(self.cases)} cases, vectors {self.digest[:12]}"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the cases to the tests, before `-k` and `-m` choose among them."""
        top = CaseCollector.from_parent(session, name=NODE, path=session.path, nodeid=NODE)
        items.extend(CaseItem.from_parent(top, name=case.id, case=case, cases=self) for case in self.cases)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the verdict of a case, wherever it was run."""
        said = dict(report.user_properties)
        if report.when == "call" and VERDICT in said:
            name = report.nodeid.partition("::")[2]
            self._seen[name] = (str(said[VERDICT]), str(said[REASON]))

    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        """Take over what a worker of xdist noticed at its end."""
        self._strays += getattr(node, "workeroutput", {}).get("refopt_strays", [])

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Close the adapter and fail a run that shows nothing, or whose list of known failures is too old."""
        strays = self._close()
        if self._is_worker:
            self._config.workeroutput["refopt_strays"] = strays  # type: ignore[attr-defined]
            return
        self._errors = [*self._strays, *strays, *self._expired()]
        ran = [verdict for verdict, _ in self._seen.values() if verdict in RAN]
        if self._errors and session.exitstatus in (0, NOTHING_RAN):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        elif self._seen and not ran and session.exitstatus == 0:
            self._errors.append("no case was run: all were left out")
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        path = self._config.getoption("refopt_write_known")
        if path is not None and not self._config.option.collectonly:
            listed = [(name, reason) for name, (verdict, reason) in self._seen.items() if verdict in LISTED]
            path.write_text(known_failures.text(sorted(listed), self._known), encoding="utf-8")

    def _expired(self) -> Iterator[str]:
        for entry in self._known.entries.values() if self._known else ():
            if entry.id in self._seen and self._known and self._known.is_expired(entry):
                yield self._known.expiry(entry)

    def _close(self) -> list[str]:
        """End the adapter's process and say which cases it answered more than once."""
        asking, self._runner = self._runner, None
        if asking is None:
            return []
        asking.close()
        tokens = {requests.token(self.seed, case.id): case.id for case in self.cases}
        return [
            f"{tokens[token]}: the case {printable(stray)}"
            for token, stray in asking.strays.items()
            if token in tokens
        ]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Count the verdicts, those left out included."""
        counts = Counter(verdict for verdict, _ in self._seen.values())
        if counts:
            terminalreporter.section("refopt")
            shown = ", ".join(f"{number} {verdict}" for verdict, number in counts.items())
            terminalreporter.line(f"{shown} of {len(self.cases)} cases")
        for line in self._errors:
            terminalreporter.line(f"error: {line}", red=True)


RAN = (*scoring.PASSES, *scoring.FAILURES, "xfail")
LISTED = (*known_failures.EXCUSABLE, "xfail")


class CaseCollector(pytest.Collector):
    """The parent of all cases."""

    def collect(self) -> Iterable[pytest.Item]:
        """Return nothing: the cases are added as they are."""
        return []


class CaseItem(pytest.Item):
    """One case."""

    def __init__(self, *, case: Case, cases: Cases, **keywords: Any):
        super().__init__(**keywords)
        self._case, self._cases = case, cases
        self.add_marker("refopt")

    def runtest(self) -> None:
        """Ask the adapter; the verdict is pytest's."""
        score = self._cases.score(self._case)
        self.user_properties += [(VERDICT, score.verdict), (REASON, printable(score.reason))]
        for name, value in (("profile", score.profile), ("ratio", score.ratio), ("digits", score.digits)):
            if value not in (None, ""):
                self.user_properties.append((f"refopt_{name}", value))
        reason = printable(score.reason)
        if score.verdict == "xfail":
            pytest.xfail(reason)
        if score.verdict in scoring.NEUTRAL:
            pytest.skip(reason)
        if score.verdict not in scoring.PASSES:
            raise CaseFailed(score)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Describe a failed case in refopt's words, anything else in pytest's."""
        if isinstance(excinfo.value, CaseFailed):
            score = excinfo.value.score
            first, *rest = self._cases.lines(score)
            return "\n".join([f"{score.verdict}: {first}", *rest])
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> Any:
        """Say where the case is: it has no file."""
        # pytest writes "::" for the dots of a title that is the end of the node's id.
        return self.path, None, f"case {self.name}"


def _vectors(config: pytest.Config) -> vectors.VectorSet:
    folder = config.getoption("refopt_vectors")
    if folder is not None and not folder.is_dir():
        raise pytest.UsageError(f"`--refopt-vectors` is {folder}, which is not a folder.")
    return vectors.load(folder or resources.vectors_directory())


def _chosen(config: pytest.Config, found: vectors.VectorSet) -> list[Case]:
    only, methods, levels = (config.getoption(f"refopt_{name}") for name in ("only", "method", "level"))
    for name, given, allowed in (
        ("method", methods, {case.method for case in found.cases}),
        ("level", levels, {case.level for case in found.cases}),
    ):
        for value in given:
            if value not in allowed:
                raise pytest.UsageError(
                    f"`--refopt-{name}` is {value!r}; allowed are {', '.join(sorted(allowed))}."
                )
    for pattern in only:
        if not vectors.select(found.cases, [pattern]):
            near = loading.suggestion(pattern, [case.id for case in found.cases])
            raise pytest.UsageError(f"`--refopt-only` is {pattern!r}, which no case matches.{near}")
    cases = vectors.select(found.cases, only, methods, levels)
    if not cases:
        raise pytest.UsageError("no case is of this method, level and `--refopt-only` pattern together.")
    return cases
