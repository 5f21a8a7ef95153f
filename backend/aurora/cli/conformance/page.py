"""The report of an examination, for people and for scripts."""

from collections import Counter
from typing import Any

from aurora.cli.conformance.ask import Answer
from aurora.cli.pages import BLANK, Block, Column, Facts, Grid, Line, Page, Styled, heading
from aurora.conformance.report import Finding, Report, Verdict

_STYLES = {Verdict.KEPT: "green", Verdict.BROKEN: "bold red", Verdict.OPEN: "yellow", Verdict.SKIPPED: "dim"}


def report_page(answer: Answer) -> Page:
    """One block per promise, the times, and the sum at the end."""
    report = answer.report
    where = "at its emulator" if answer.emulated else "on the real account"
    page: list[Block] = [
        Line(f"{report.market}, {where}; nothing was created, changed or deleted.", style="dim")
    ]
    for each in report.findings:
        page += _finding(each)
    if report.timings:
        page += [BLANK, heading("Requests"), _timings(report)]
    if report.limit_headers:
        page += [
            BLANK,
            heading("Rate limits, as the market says them"),
            Facts(sorted(report.limit_headers.items())),
        ]
    return [*page, BLANK, _sum(report)]


def document(answer: Answer) -> dict[str, Any]:
    """`--json`."""
    report = answer.report
    return {
        "ok": report.kept,
        "provider": report.market,
        "emulated": answer.emulated,
        "offers": report.offers,
        "promises": [
            {
                "rule": each.rule,
                "promise": each.promise,
                "verdict": each.verdict.value,
                "seen": each.seen,
                "examples": list(each.examples),
            }
            for each in report.findings
        ],
        "requests": [
            {
                "operation": each.operation,
                "requests": each.requests,
                "failed": each.failed,
                "median_ms": round(each.median_ms, 1),
                "slowest_ms": round(each.slowest_ms, 1),
            }
            for each in report.timings
        ],
        "limit_headers": dict(report.limit_headers),
        "refused_writes": report.refused_writes,
    }


def _finding(found: Finding) -> list[Block]:
    word = Styled(
        f"{found.rule}: {found.seen}", "" if found.verdict is Verdict.KEPT else _STYLES[found.verdict]
    )
    block: list[Block] = [Facts([(f"{found.verdict.value.upper():7}", word)])]
    if found.verdict is Verdict.BROKEN:
        block.append(Line(f"promise: {found.promise}", indent=9))
    return [*block, *(Line(each, style="dim", indent=9) for each in found.examples)]


def _timings(report: Report) -> Grid:
    columns = (
        Column("Operation"),
        Column("Requests", right=True),
        Column("Failed", rank=1, right=True),
        Column("Median ms", right=True),
        Column("Slowest ms", rank=1, right=True),
    )
    rows = [
        (
            each.operation,
            str(each.requests),
            str(each.failed),
            f"{each.median_ms:.1f}",
            f"{each.slowest_ms:.1f}",
        )
        for each in report.timings
    ]
    return Grid(columns, rows)


def _sum(report: Report) -> Line:
    counts = Counter(each.verdict for each in report.findings)
    said = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    if report.refused_writes:
        said += f"; {report.refused_writes} requests that would have changed something were not sent"
    return Line(f"{said}.", "green") if report.kept else Line(f"{said}. Exit code 9.", "bold red")
