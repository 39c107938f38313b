"""A report as one HTML page that needs nothing else: no network, no library; for phones and the night too.

The style and the script stand in the page. Its content policy allows these two, by their digests, and
nothing else: markup that slipped through the escaping could neither run nor load anything. Without the script
everything is still there, only the filters are not.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

from refopt.conformance import scoring
from refopt.conformance.report import (
    ALWAYS,
    EXIT_NOTHING_RAN,
    Report,
    environment,
    introduction,
    mistake_counts,
    notes,
    profile_text,
    skip_lines,
    table_rows,
)
from refopt.conformance.report_cases import case_html, text
from refopt.conformance.report_charts import histogram, verdict_bar, verdict_class
from refopt.conformance.report_files import run_faults, statement


def html(report: Report) -> str:
    """Write the page."""
    style, script = (_asset(f"report.{kind}") for kind in ("css", "js"))
    said = introduction(report.hello)
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="color-scheme" content="light dark">
<title>{text(said["name"])} {text(said["version"])}: refopt report</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<a class="jump" href="#cases">Skip to the cases</a>
{_header(report)}
<main>
{_matrix(report)}
{_ratios(report)}
{_cases(report)}
{_facts(report)}
</main>
<script>{script}</script>
</body>
</html>
"""


def _asset(name: str) -> str:
    return files("refopt.conformance").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _header(report: Report) -> str:
    said = introduction(report.hello)
    good = report.exit_status == 0 and not report.interrupted
    items = "".join(_count(report, verdict) for verdict in _shown_verdicts(report))
    missing = report.total - len(report.scores)
    if missing:
        items += f'<li class="plain"><b>{missing}</b>not reached</li>'
    return f"""<header>
<p class="eyebrow">refopt conformance report</p>
<h1>{text(said["name"])} <small>{text(said["version"])}, {text(said["language"])}</small></h1>
<p class="outcome {"good" if good else "bad"}">{text(outcome(report))}</p>
<ul class="counts">{items}</ul>
{verdict_bar(report.counts)}
</header>"""


def outcome(report: Report) -> str:
    """Say in a sentence how a run ended."""
    ran = sum(score.verdict not in ("skip", "not-applicable") for score in report.scores)
    failed, known = len(report.failures), report.counts["xfail"]
    if report.interrupted:
        start = f"Stopped early: {len(report.scores)} of {report.total} cases were reached. "
    else:
        start = ""
    if report.exit_status == EXIT_NOTHING_RAN:
        return f"{start}No case was run: all were left out, so nothing is shown."
    if failed:
        return f"{start}{failed} of the {ran} cases that were run {'fails' if failed == 1 else 'fail'}."
    if report.errors:
        return f"{start}The cases pass, the run does not: {report.errors[0]}"
    if known:
        return f"{start}{ran - known} of the {ran} cases that were run pass, {known} fail as is known."
    return f"{start}All {ran} cases that were run pass."


def _shown_verdicts(report: Report) -> list[str]:
    return [*ALWAYS, *sorted(verdict for verdict in report.counts if verdict not in ALWAYS)]


def _count(report: Report, verdict: str) -> str:
    number = report.counts[verdict]
    kind = verdict_class(verdict) + ("" if number else " zero")
    label = "skipped" if verdict == "skip" else verdict
    return (
        f'<li><button type="button" class="{kind}" data-set="verdict={verdict}" aria-pressed="false">'
        f"<b>{number}</b>{label}</button></li>"
    )


def _matrix(report: Report) -> str:
    rows = {(row["method"], row["level"]): row for row in table_rows(report.scores)}
    methods, levels = (sorted({key[index] for key in rows}) for index in (0, 1))
    head = "".join(f'<th scope="col">{text(level)}</th>' for level in levels)
    body = "".join(
        f'<tr><th scope="row">{text(method).replace("_", "_<wbr>")}</th>'
        + "".join(f"<td>{_cell(rows.get((method, level)))}</td>" for level in levels)
        + "</tr>"
        for method in methods
    )
    return f"""<section aria-labelledby="matrix-title">
<h2 id="matrix-title">By method and level</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="matrix-title"><table class="matrix">
<thead><tr><th scope="col"><span class="soft">method</span></th>{head}</tr></thead><tbody>{body}</tbody>
</table></div>
<p class="soft">Cases passed, and the fewest digits among those compared by number. A cell shows its cases
below. L1 derivatives, L2 spectrum, L3 step, L4 trajectory, L6 bad input.</p>
</section>"""


def _cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    counts, number = row["counts"], row["cases"]
    passed = sum(counts.get(verdict, 0) for verdict in scoring.PASSES)
    failed = sum(counts.get(verdict, 0) for verdict in scoring.FAILURES)
    left_out = counts.get("skip", 0) + counts.get("not-applicable", 0)
    kinds = (
        ("fail", failed),
        ("known", counts.get("xfail")),
        ("alt", counts.get("pass-alt")),
        ("pass", passed),
    )
    kind = next((name for name, count in kinds if count), "skip")
    below = [f"{failed} fail"] if failed else []
    below += [f"{left_out} skipped"] if left_out and left_out < number else []
    below += [f"{row['digits']:.1f} digits"] if row["digits"] is not None and not below else []
    main = "skipped" if left_out == number else f"{passed} of {number}" if passed < number else f"{passed}"
    name = (
        f"{row['method']} {row['level']}: {passed} of {number} cases pass, {failed} fail, {left_out} skipped"
    )
    return (
        f'<button type="button" class="{kind}" data-set="method={text(row["method"])}&amp;level='
        f'{text(row["level"])}" aria-pressed="false" aria-label="{text(name)}">'
        f"{main}<small>{', '.join(below)}</small></button>"
    )


def _ratios(report: Report) -> str:
    drawn = histogram(report.scores)
    if not drawn:
        return ""
    return f"""<section>
<h2>How far from the reference</h2>
<figure>{drawn}
<figcaption>Cases by their worst test ratio, divided by what is allowed. A test ratio is the error in units
of what rounding and conditioning explain, so it means the same on every case.</figcaption></figure>
</section>"""


def _cases(report: Report) -> str:
    order = (*scoring.FAILURES, "xfail", "pass-alt", "pass", "not-applicable", "skip")
    ordered = sorted(report.scores, key=lambda score: order.index(score.verdict))
    found = {score.verdict for score in report.scores}
    verdicts = [("failures", "every failure")] if report.failures else []
    verdicts += [(verdict, verdict) for verdict in scoring.VERDICTS if verdict in found]
    methods, levels = (
        [(name, name) for name in sorted({getattr(score.case, field) for score in report.scores})]
        for field in ("method", "level")
    )
    first = report.failures and ordered[0]
    listed = "\n".join(case_html(report, score, score is first) for score in ordered)
    return f"""<section id="cases" tabindex="-1" aria-labelledby="cases-title">
<h2 id="cases-title">Cases</h2>
<form id="filters" class="filters" hidden>
{_select("method", methods)}{_select("level", levels)}{_select("verdict", verdicts)}
<label class="wide">text
<input name="text" type="search" placeholder="id, reason, source ..." autocomplete="off"></label>
<button type="reset">Clear</button>
</form>
<p id="shown" role="status" aria-live="polite">All {len(ordered)} cases</p>
{listed}
</section>"""


def _select(name: str, options: Iterable[tuple[str, str]]) -> str:
    listed = "".join(f'<option value="{text(value)}">{text(label)}</option>' for value, label in options)
    return f'<label>{name}<select name="{name}"><option value="">all</option>{listed}</select></label>'


def _facts(report: Report) -> str:
    around = environment()
    facts = {
        "adapter": report.adapter,
        "profile": profile_text(report.hello),
        "dtypes": ", ".join(introduction(report.hello)["dtypes"]),
        "vectors": report.digest or "not named",
        "refopt": around["refopt"],
        "environment": f"Python {around['python']}, NumPy {around['numpy']}, {around['system']}",
        "run": f"{report.started}, {report.seconds:.1f} s"
        + ("" if report.seed is None else f", shuffled by the seed {report.seed}"),
    }
    listed = "".join(f"<dt>{name}</dt><dd>{text(value)}</dd>" for name, value in facts.items())
    return f"""<section>
<h2>What was run, and what was not</h2>
<dl>{listed}</dl>
{_list([*run_faults(report), *skip_lines(report), *notes(report), *mistake_counts(report)])}
<p>To claim it in a README:</p>
<pre>{text(statement(report))}</pre>
<p class="soft">Vectors test definitions on small problems, not training performance.
There is no single score.</p>
</section>"""


def _list(lines: Sequence[str]) -> str:
    items = "".join(f"<li>{text(line)}</li>" for line in lines)
    return f'<ul class="lines">{items}</ul>' if lines else ""
