"""Every sentence a certificate can say, held to what its evidence carries."""

import re
from collections.abc import Iterator
from itertools import product

from greenzone.policy.certifying import statements
from greenzone.policy.certifying.bounding import OUTCOMES, Bound, Ceiling, Figure, bound
from greenzone.policy.certifying.lots import Sample
from greenzone.policy.certifying.represented import QUANTITIES

# What no certificate may say, whatever was measured: words of law, and a measurement made an upper bound.
FORBIDDEN = (
    r"\bcomplian", r"\blegal(?! advice)", r"exportable", r"\bapproved\b", r"\bguarantee", r"\bproves\b",
    r"measured (at or )?below", r"(is|are|was|were|stays?) (at or )?below", r"\bsafe\b", r"does not exceed",
    r"keeps? below", r"therefore", r"confirms",
)  # fmt: skip
NUMBERS = (1.0, 99.0, 99.999, 100.0, 100.5, 130.0)


def every_statement() -> Iterator[tuple[Bound, str]]:
    """The sentence of every outcome under every rule, with figures around the represented value."""
    figures = [Figure(v, u, "memory.read burst", doubt) for v, u, doubt in product(NUMBERS, (0.0, 2.0), (None, "no"))]
    tops = [None, *NUMBERS]
    for quantity, figure, top, rule in product(QUANTITIES, [None, *figures], tops, ("simple", "guard", "nonbinary")):
        ceiling = Ceiling(top, "a product" if top else "a term is not known", "a sheet")
        for value in (None, 100.0):
            b = bound(quantity, value, [figure] if figure else [], ceiling, rule)
            yield b, statements.statement(b)


def test_no_statement_says_more_than_the_evidence() -> None:
    seen = set()
    for b, text in every_statement():
        seen.add(b.outcome)
        assert [w for w in FORBIDDEN if re.search(w, text.replace("is at or below the represented", ""))] == [], text
        # The one sentence that bounds is the ceiling's own, and stands only where it is so.
        assert ("at or below" in text) == (b.outcome == "bounded"), text
        if "at or below" in text:
            assert "The ceiling is at or below the represented value" in text
            assert b.ceiling.value is not None
            assert b.ceiling.value <= 100.0
        assert text.startswith("Exceeded") == (b.outcome == "exceeded")
        assert b.outcome != "open" or "An upper bound is not shown" in text
    assert seen == set(OUTCOMES)


def test_no_headline_sample_or_rule_says_more_than_the_evidence() -> None:
    b = bound("tpp", 100.0, [Figure(120.0, 1.0, "peak fp8")], Ceiling(130.0, "x"), "simple")
    said = [statements.headline(code, [("GPU-1", b)] if code in (3, 5) and some else [], whole, emulated)
            for code, some, whole, emulated in product((0, 3, 4, 5), (True, False), (True, False), (True, False))
            if code != 3 or some]  # fmt: skip
    said += [statements.sample(Sample(8, n, bad)) for n, bad in ((0, 0), (4, 0), (8, 0), (8, 1))]
    said += [*statements.NOT_SHOWN, statements.EMULATED, *statements.CLOSED_BY.values()]
    for text in said:
        assert [word for word in FORBIDDEN if re.search(word, text)] == [], text
    assert all("passes" not in text for text in said if text.startswith(("No statement", "The lot fails")))
