"""Pictures of a report as inline SVG: the verdicts in a bar, ratios in a histogram, a trajectory by step.

Every picture shows ratio / allowed, so that 1 is the border on each of them, on a logarithmic axis. Colors
are classes of the page's style sheet, which knows light and dark; every picture says in words what it shows.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

from refopt.conformance import scoring
from refopt.conformance.ratios import Comparison
from refopt.conformance.scoring import Score

LOWEST, HIGHEST = -6, 6  # decades of the histogram; what lies outside is counted in the outermost bars
FLOOR = -5  # decade at which a trajectory's zeros are drawn
LINES = 4  # quantities drawn for one trajectory, the deviating ones first
WIDTH, LEFT, TOP, INNER = 640.0, 82.0, 14.0, 160.0


def verdict_bar(counts: Mapping[str, int]) -> str:
    """Draw the verdicts of a run as one bar, by groups of `verdict_class`."""
    groups: dict[str, int] = {}
    for verdict, number in counts.items():
        groups[verdict_class(verdict)] = groups.get(verdict_class(verdict), 0) + number
    total, x, parts = sum(groups.values()), 0.0, []
    for name in ("pass", "alt", "known", "skip", "fail"):
        width = 100.0 * groups.get(name, 0) / max(total, 1)
        if width:
            parts.append(f'<rect class="{name}" x="{x:.3f}" width="{max(width, 0.4):.3f}" height="4"/>')
        x += width
    return (
        '<svg class="bar" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">'
        + "".join(parts)
        + "</svg>"
    )


def verdict_class(verdict: str) -> str:
    """Return the style class of a verdict: pass, alt, known, skip or fail."""
    named = {"pass": "pass", "pass-alt": "alt", "xfail": "known"}
    return named.get(verdict, "skip" if verdict in scoring.NEUTRAL else "fail")


def allowed_shares(score: Score) -> list[float]:
    """Return ratio / allowed of each quantity of a case that was compared by ratio."""
    return [
        found.ratio / found.threshold
        for found in score.quantities.values()
        if found.ratio is not None and found.threshold
    ]


def histogram(scores: Iterable[Score]) -> str:
    """Draw how many cases have which worst ratio / allowed, in bars of half a decade; empty without any."""
    shares = [max(found) for score in scores if (found := allowed_shares(score))]
    if not shares:
        return ""
    bars = [0] * (2 * (HIGHEST - LOWEST))
    for share in shares:
        decade = math.log10(share) if share > 0 else LOWEST
        # A bar ends at its upper border: a share of exactly 1 passes.
        bars[min(max(math.ceil(2 * (decade - LOWEST)) - 1, 0), len(bars) - 1)] += 1
    width, highest = (WIDTH - LEFT - 10) / len(bars), max(bars)
    parts = [_horizontal(TOP + INNER, "axis"), _label(LEFT - 8, TOP + 5, str(highest), "end")]
    parts.append(_label(LEFT - 8, TOP + INNER, "0", "end"))
    for index, number in enumerate(bars):
        height = INNER * number / highest
        if number:
            kind = "pass" if index < -2 * LOWEST else "fail"
            low = LOWEST + index / 2
            parts.append(
                f'<rect class="{kind}" x="{LEFT + index * width + 1:.1f}" y="{TOP + INNER - height:.1f}" '
                f'width="{width - 2:.1f}" height="{height:.1f}">'
                f"<title>{number} cases between {_power(low)} and {_power(low + 0.5)}</title></rect>"
            )
    for decade in range(LOWEST, HIGHEST + 1, 2):
        x = LEFT + 2 * (decade - LOWEST) * width
        text = {0: "allowed", LOWEST: f"≤ {_power(decade)}", HIGHEST: f"≥ {_power(decade)}"}
        anchor = "end" if decade == HIGHEST else "middle"
        parts.append(_label(x, TOP + INNER + 24, text.get(decade, _power(decade)), anchor))
    border = LEFT - 2 * LOWEST * width
    parts.append(f'<path class="border" d="M{border:.1f} {TOP - 8}V{TOP + INNER}"/>')
    failed = sum(not share <= 1 for share in shares)
    words = f"Histogram of the worst ratio of {len(shares)} cases: {failed} lie above what is allowed."
    return _svg(words, "".join(parts), TOP + INNER + 36)


def divergence(quantities: Mapping[str, Comparison]) -> str:
    """Draw ratio / allowed of a trajectory's quantities at each step; empty where none has steps."""
    drawn = [(name, found) for name, found in quantities.items() if found.threshold and len(found.steps) > 1]
    drawn.sort(key=lambda item: item[1].passed)
    if not drawn:
        return ""
    shares = {name: [ratio / (found.threshold or 1.0) for ratio in found.steps] for name, found in drawn}
    worst = max(max(values) for values in shares.values())
    top = max(1, math.ceil(math.log10(worst))) if worst > 0 else 1
    steps = max(map(len, shares.values()))
    scale = (WIDTH - LEFT - 10) / (steps - 1), INNER / (top - FLOOR)
    parts, legend = [], []
    for decade in _ticks(FLOOR, top):
        y = TOP + (top - decade) * scale[1]
        parts.append(_horizontal(y, "border" if decade == 0 else "grid"))
        text = {0: "allowed", FLOOR: f"≤ {_power(FLOOR)}"}.get(decade, _power(decade))
        parts.append(_label(LEFT - 8, y + 4, text, "end"))
    for index, (name, found) in enumerate(drawn[:LINES]):
        points = [
            (LEFT + t * scale[0], TOP + (top - _decade(x)) * scale[1]) for t, x in enumerate(shares[name])
        ]
        parts.append(f'<path class="line line{index}" d="{_path(points)}"/>')
        if found.step is not None and not found.passed:
            x, y = points[found.step]
            parts.append(
                f'<circle class="first line{index}" cx="{x:.1f}" cy="{y:.1f}" r="5">'
                f"<title>{escape(name)} first deviates at step {found.step}</title></circle>"
            )
        legend.append(f'<li class="key{index}">{escape(name)}</li>')
    rest = len(drawn) - LINES
    legend += [f"<li>{rest} further quantities are not drawn</li>"] if rest > 0 else []
    parts.append(_label(LEFT, TOP + INNER + 24, "step 0", "start"))
    parts.append(_label(WIDTH - 10, TOP + INNER + 24, f"step {steps - 1}", "end"))
    words = f"Ratio divided by the allowed ratio at each of {steps} steps. {_first_words(drawn)}"
    return f'{_svg(words, "".join(parts), TOP + INNER + 36)}<ul class="legend">{"".join(legend)}</ul>'


def _first_words(drawn: Sequence[tuple[str, Comparison]]) -> str:
    said = [f"{name} first deviates at step {found.step}" for name, found in drawn if not found.passed]
    return "; ".join(said) + "." if said else "All stay within."


def _decade(share: float) -> float:
    return max(math.log10(share), FLOOR) if share > 0 else FLOOR


def _ticks(low: int, high: int) -> list[int]:
    # Zero, the border, is always among them; the others at least a readable distance away.
    step = next(step for step in (1, 2, 5, 10) if (high - low) / step <= 7 or step == 10)
    inside = [decade for decade in range(low, high + 1) if decade % step == 0 and decade - low >= step]
    return [low, *(decade for decade in inside if decade != low)]


def _power(decade: float) -> str:
    if decade == int(decade) and -1 <= decade <= 2:
        return f"{10.0**decade:g}"
    return f"1e{decade:g}" if decade == int(decade) else f"{10**decade:.1g}"


def _path(points: Sequence[tuple[float, float]]) -> str:
    x, y = points[0]
    moves = [f"M{x:.1f} {y:.1f}"]
    moves += [f"L{b[0]:.1f} {b[1]:.1f}" for a, b in pairwise(points)]
    return "".join(moves)


def _horizontal(y: float, kind: str) -> str:
    return f'<path class="{kind}" d="M{LEFT} {y:.1f}H{WIDTH - 10}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(words: str, content: str, height: float) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(words)}">'
        f"{content}</svg>"
    )
