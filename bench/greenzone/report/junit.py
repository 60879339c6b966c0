"""JUnit XML for GitLab, Jenkins and Azure: a suite for each regime, a case for each clause and destination.

A clause that catches what is forbidden fails; one that is undecided is skipped, for nothing was shown either
way. The exit code, not this file, says whether the job fails.
"""

import re
from collections.abc import Sequence

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from greenzone.law.verdict import ClauseVerdict
from greenzone.policy.gate import Check
from greenzone.policy.lines import Line
from greenzone.report.wording import condition_lines

MEASUREMENT = "measurement"
# What XML 1.0 has no way to write (https://www.w3.org/TR/xml/#charsets).
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(checks: Sequence[Check]) -> str:
    """The document of all of them, as text; the class of a case is its part."""
    suites: dict[str, list[TestCase]] = {}
    for check in checks:
        for line in check.lines:
            name = line.verdict.regime if line.verdict else MEASUREMENT
            suites.setdefault(name, []).extend(_cases(check, line))
    document = JUnitXml("greenzone check")
    for name, cases in suites.items():
        suite = TestSuite(_text(name))
        suite.add_testcases(cases)
        document.add_testsuite(suite)
    written: str = document.tostring().decode("utf-8")  # type: ignore[no-untyped-call]
    return written


def _cases(check: Check, line: Line) -> list[TestCase]:
    if line.verdict is None or not line.rule.startswith("forbid"):
        return [_case(check, line.rule, line.status, line.text)]
    own = [c for c in line.verdict.clauses if line.paragraph in (None, c.paragraph)]
    to = f" to {line.to}" if line.to else ""
    found = [(f"{c.id}{to}", _status(line, c), condition_lines(c)) for c in own]
    if line.failed and not any(status == line.status for _, status, _ in found):
        # Caught by one of several clauses, whichever, or a claim contradicted: no clause alone says so.
        found.append((f"{line.rule}{to}", line.status, line.text))
    return [_case(check, *row) for row in found or [(f"{line.rule}{to}", line.status, line.text)]]


def _status(line: Line, clause: ClauseVerdict) -> str:
    v = line.verdict
    if v is None or not line.failed:
        return "pass"
    if clause.id in v.caught_by:
        return line.status
    return "undecided" if clause.id in v.possible else "pass"


def _case(check: Check, name: str, status: str, text: str) -> TestCase:
    case = TestCase(_text(name), classname=_text(check.part.id or check.part.name))
    if status == "undecided":
        case.result = [Skipped(_text(text))]
    elif status in ("violated", "invalid", "regressed"):
        case.result = [Failure(_text(text), status)]
    else:
        case.system_out = _text(text)
    return case


def _text(text: str) -> str:
    return _NO_XML.sub("\ufffd", text)
