"""Answers that were written to a file: the same messages as on a pipe, read at once and judged afterwards.

    $ refopt cases export > cases.jsonl
    $ ./my-optimizer < cases.jsonl > answers.jsonl
    $ refopt verify --answers answers.jsonl

The ids in the file carry the seed under which the cases were exported, and the id of the introduction stands
for the selection of cases, so that a lost answer cannot pass for one that nobody asked for.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from refopt.conformance import introduction, requests, wire
from refopt.conformance.diagnosis import Diagnosis
from refopt.conformance.introduction import Hello, NotStarted
from refopt.conformance.ops import OPERATIONS
from refopt.conformance.runner import Check, judged, understood
from refopt.conformance.scoring import Reply, Score
from refopt.conformance.transport import LINE_LIMIT, ProtocolError, clip
from refopt.conformance.vectors import Case

_ID = re.compile(rb'"id"\s*:\s*"([0-9a-f]{8}-[0-9a-f]{12})"')


class UnusableAnswers(Exception):
    """A file of answers or of cases that cannot be judged; the message says which line and why."""


class Answers:
    """The answers of a file, in the place of a `Runner`: each is judged when its line is read.

    Args:
        stream: the lines.
        cases: the cases that are asked for.
        known: all cases of the vectors, of which the file may answer more.
        check: as for a `Runner`.

    Attributes:
        hello: the introduction; where the file has none, the operations are those that it answers.
        seed: the seed under which the cases were exported.
        strays: by id, what is wrong with further answers.
        diagnosis: names the mistakes behind wrong answers.

    Raises:
        UnusableAnswers: a line belongs to no case, or the file to another selection of cases.
        NotStarted: the introduction is not usable.
    """

    def __init__(
        self,
        stream: IO[bytes],
        cases: Sequence[Case],
        known: Iterable[Case],
        check: Check = lambda kind, message: None,
    ):
        self._known, self._check = {case.id: case for case in known}, check
        self.diagnosis = Diagnosis()
        self._cases: dict[str, Case] = {}  # by id on the wire
        self._scores: dict[str, Score] = {}  # likewise
        self.strays: dict[str, str] = {}
        self.seed: int | None = None
        introduced: Hello | None = None
        for number, line in enumerate(_lines(stream), 1):
            message, identifier, broken = _parse(number, line)
            self._adopt(number, identifier)
            if identifier in self._cases:
                profile = introduced.profile if introduced else {}
                self._take(identifier, message, broken, profile)
            elif self._scores or introduced is not None:
                raise UnusableAnswers(f"line {number} has the id {identifier!r}, which no case has.")
            else:
                introduced = self._introduction(message, identifier, cases)
        if self.seed is None:
            raise UnusableAnswers("there is no answer.")
        self.hello: Hello = introduced or self._without_introduction()

    def _adopt(self, number: int, identifier: str) -> None:
        seed = requests.seed_of(identifier)
        if seed is None or self.seed not in (None, seed):
            raise UnusableAnswers(f"line {number} has the id {identifier[:60]!r}, which no case has.")
        if self.seed is None:
            self.seed = seed
            self._cases = {requests.token(seed, name): case for name, case in self._known.items()}

    def _take(
        self, identifier: str, message: Mapping[str, Any], broken: str | None, profile: Mapping[str, str]
    ) -> None:
        if identifier in self._scores:
            self.strays[identifier] = "was answered twice."
            return
        try:
            if broken is not None:
                raise ProtocolError(broken)
            if "need" in message:
                raise ProtocolError("the adapter asks for a number, which nobody gives it in a file.")
            self._check("answer", message)
            reply = understood(message)
        except (ProtocolError, wire.MalformedMessage) as error:
            reply = Reply("protocol", message=str(error))
        self._scores[identifier] = judged(self._cases[identifier], reply, profile, self.diagnosis)

    def _introduction(self, message: Mapping[str, Any], identifier: str, cases: Sequence[Case]) -> Hello:
        assert self.seed is not None, "the line has an id"
        if identifier != requests.hello_token(self.seed, cases):
            raise UnusableAnswers(
                "the answers are to another selection of cases, or to those of other vectors; give --only, "
                "--method, --level and --vectors as to `refopt cases export`, or --cases with its file."
            )
        if message.get("status", "ok") == "ok":
            try:
                self._check("introduction", message)
            except ProtocolError as error:
                raise NotStarted(str(error)) from None
        return introduction.read(message)

    def _without_introduction(self) -> Hello:
        answered = {score.case.op for score in self._scores.values()}
        offered = tuple(op for op in OPERATIONS if op in answered)
        return Hello("answers without an introduction", "", "", offered, {}, wire.FLOATS)

    def score(self, case: Case) -> Score:
        """Return the verdict on the answer to a case, or on its absence."""
        assert self.seed is not None, "there are answers"
        if case.op not in self.hello.capabilities:
            return Score(case, "skip", reason=f"the adapter has no operation {case.op}.")
        if case.dtype not in self.hello.dtypes:
            return Score(case, "skip", reason=f"the adapter does not declare the dtype {case.dtype}.")
        missing = Score(case, "crash", reason="the file holds no answer to the case.")
        return self._scores.get(requests.token(self.seed, case.id), missing)

    def close(self) -> None:
        """Do nothing: the file has been read."""


def exported(stream: IO[bytes], known: Iterable[Case]) -> list[Case]:
    """Read which cases `refopt cases export` wrote to a file, and require that they are still these cases.

    Args:
        stream: the file's lines.
        known: all cases of the vectors.

    Raises:
        UnusableAnswers: with the first line that is no case of the vectors.
    """
    found: list[Case] = []
    cases: dict[str, Case] = {}
    listed, seed = list(known), None
    for number, line in enumerate(_lines(stream), 1):
        message, identifier, broken = _parse(number, line)
        if seed is None and (seed := requests.seed_of(identifier)) is not None:
            cases = {requests.token(seed, case.id): case for case in listed}
        if message.get("cmd") == "hello" and number == 1:
            continue
        case = cases.get(identifier)
        if (
            broken
            or seed is None
            or case is None
            or message != wire.read(wire.write(requests.run(case, seed)))
        ):
            raise UnusableAnswers(
                f"line {number} is no case of these vectors: it was changed, or exported from others."
            )
        assert case is not None, "it is the same"
        found.append(case)
    if not found:
        raise UnusableAnswers("there is no case.")
    return found


def _lines(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the lines that are not empty; of one that is too long only its beginning."""
    while line := stream.readline(LINE_LIMIT):
        if line.strip():
            yield line
        while len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            line = stream.readline(LINE_LIMIT)


def _parse(number: int, line: bytes) -> tuple[dict[str, Any], str, str | None]:
    """Return a line's message, its id, and what is wrong with the message; a broken line may show its id."""
    try:
        if len(line) == LINE_LIMIT and not line.endswith(b"\n"):
            raise wire.MalformedMessage(f"the line is longer than {LINE_LIMIT // 2**20} MiB.")
        message = wire.read(line)
        return message, str(message.get("id")), None
    except wire.MalformedMessage as error:
        found = _ID.search(line[:200])
        if found is None:
            raise UnusableAnswers(f"line {number} begins {clip(line[:60])}: {error}") from None
        return {}, found.group(1).decode(), str(error)
