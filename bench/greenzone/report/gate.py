"""What the gate says, on the terminal and as Markdown: the answer, then each line, what failed and by how much."""

from rich.console import Group, RenderableType
from rich.text import Text

from greenzone.policy.gate import Check
from greenzone.policy.lines import Line
from greenzone.report import terminal, wording
from greenzone.report.tables import markdown_text, write_rows

STYLES = {
    "pass": "green", "warn": "yellow", "undecided": "bold yellow", "violated": "bold red", "invalid": "bold red",
    "regressed": "bold red",
}  # fmt: skip
_FIRST = ("invalid", "regressed", "violated", "undecided", "warn", "pass")


def title(check: Check) -> str:
    """The part and what it was asked."""
    part, q = check.part, check.question
    label = " EMULATED" if part.emulated else ""
    deal = wording.describe_transaction(q.transaction)
    if q.transaction.to is None and any(line.to for line in check.lines):
        deal = deal.replace("to an unknown destination", "to where each line says")
    return f"{part.name}{f' ({part.id})' if part.id else ''}{label}, as of {q.on.isoformat()}; {deal}"


def ordered(check: Check) -> list[Line]:
    """The lines, what failed first."""
    return sorted(check.lines, key=lambda line: _FIRST.index(line.status))


def gate(check: Check) -> Group:
    """The whole answer on the terminal."""
    worst = next((line.status for line in ordered(check)), "pass")
    rows = [(Text(line.status, style=STYLES[line.status]), line.rule, line.text) for line in ordered(check)]
    body: list[RenderableType] = [
        terminal.as_text(title(check), style="bold"),
        Text(f"exit {check.exit_code}: {check.words}", style=STYLES[worst]),
        terminal.section("The policy, line by line", terminal.table("", "rule", "what was found", rows=rows)),
    ]
    return Group(*body, terminal.not_proven())


def markdown(check: Check) -> str:
    """The same for a page that renders Markdown; names from outside stand as text."""
    rows = [{"": line.status, "rule": line.rule, "what was found": line.text} for line in ordered(check)]
    table = write_rows(rows, "markdown")
    ends = "\n".join(f"- {markdown_text(line)}" for line in wording.NOT_PROVEN)
    return (
        f"### greenzone check: {markdown_text(check.words)}\n\n{markdown_text(title(check))}\n\n{table}\n"
        f"<details><summary>What this does not prove</summary>\n\n{ends}\n\n</details>\n"
    )
