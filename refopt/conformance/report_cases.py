"""One case of a report as HTML: its verdict, and unfolded what was measured, where, and how to repeat it."""

from collections.abc import Mapping
from html import escape

from refopt.conformance import scoring
from refopt.conformance.printable import printable
from refopt.conformance.ratios import Comparison
from refopt.conformance.report import Report, mistake_lines
from refopt.conformance.report_charts import divergence, verdict_class
from refopt.conformance.scoring import Score

_COLUMNS = ("quantity", "ratio", "allowed", "digits", "where", "given", "expected")


def text(value: object) -> str:
    """Return what may stand in an element or a quoted attribute: printable and escaped."""
    return escape(printable(value))


def case_html(report: Report, score: Score, is_open: bool) -> str:
    """Write one case.

    Args:
        report: the run.
        score: of the case.
        is_open: whether it is unfolded at first.
    """
    case, failed = score.case, score.verdict in scoring.FAILURES
    figure = "" if score.digits is None else f"{score.digits:.1f} digits, ratio {score.ratio or 0.0:.2g}"
    reason = f'<p class="reason">{text(score.reason)}</p>' if score.reason else ""
    flags = "".join(f"<li>{text(flag)}: {text(meaning)}</li>" for flag, meaning in case.flags.items())
    flags = f'<ul class="lines soft">{flags}</ul>' if failed and flags else ""
    named = "".join(f'<p class="named">{text(line)}</p>' for line in mistake_lines(score))
    data = f'data-method="{text(case.method)}" data-level="{text(case.level)}" data-verdict="{score.verdict}"'
    tag = f'<span class="tag {verdict_class(score.verdict)}">{score.verdict}</span>'
    title = f'{tag}<span class="id">{text(case.id)}</span><span class="figure">{figure}</span>'
    data += f' data-failure="{int(failed)}"{" open" * is_open}'
    return f"""<details class="case" {data}><summary>{title}</summary>
<div class="inside">{reason}{named}<p class="soft">{text(case.comment)} ({text(case.source)})</p>
{_quantities(score.quantities)}{divergence(score.quantities)}{flags}
<pre>{text(report.reproduction(score))}</pre></div></details>"""


def _quantities(quantities: Mapping[str, Comparison]) -> str:
    if not quantities:
        return ""
    head = "".join(f"<th>{column}</th>" for column in _COLUMNS)
    body = "".join(_quantity(name, found) for name, found in quantities.items())
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _quantity(name: str, found: Comparison) -> str:
    row = "<tr>" if found.passed else '<tr class="off">'
    if found.ratio is None:
        return f'{row}<td>{text(name)}</td><td colspan="6">{text(found.reason or "as expected")}</td></tr>'
    where = [] if found.step is None else [f"step {found.step}"]
    where += [] if not found.position else [f"entry {list(found.position)}"]
    numbers = ["" if number is None else f"{number:.17g}" for number in (found.given, found.expected)]
    shown = [
        f"{found.ratio:.3g}",
        f"{found.threshold:g}",
        f"{found.digits or 0.0:.1f}",
        ", ".join(where),
        *numbers,
    ]
    cells = "".join(
        f'<td data-name="{column}">{text(content)}</td>'
        for column, content in zip(_COLUMNS[1:], shown, strict=True)
    )
    return f"{row}<td>{text(name)}</td>{cells}</tr>"
