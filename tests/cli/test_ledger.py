"""`greenzone ledger` as a user calls it: the figures, the days, the readings, and every kind of bad row."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from greenzone.datafiles import data_root

Invoke = Callable[..., Result]
EXAMPLE = data_root() / "examples" / "shipments.csv"
HEAD = "date,part,quantity,consignee,destination\n"
ROW = "2025-06-02,nvidia-h100-sxm,10,Alpine,CH\n"
DAYS = ("--on", "2026-06-01", "--known-on", "2026-11-21")


@pytest.fixture
def ask(invoke: Invoke, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The document of a file of the text or bytes given."""

    def document(text: str | bytes, *arguments: str) -> dict[str, Any]:
        path = tmp_path / "shipments.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        done = invoke("ledger", path, *(arguments or DAYS), "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.exit_code == (0 if found["rows"] else 1), done.output
        return found

    return document


def balances(document: dict[str, Any], limit: str, reading: str | None = None) -> list[dict[str, Any]]:
    rows = [x["balances"] for x in document["limits"] if (x["limit"], x["reading"]) == (limit, reading)]
    assert len(rows) == 1
    found: list[dict[str, Any]] = rows[0]
    return found


def test_the_example_fills_and_passes_the_limits(invoke: Invoke) -> None:
    found = json.loads(invoke("ledger", EXAMPLE, *DAYS, "--json").stdout)
    alpine = {b["period"]: b for b in balances(found, "lpp") if b["consignee"] == "Alpine Compute"}
    assert alpine["2026"]["status"] == "within"
    assert alpine["2026"]["tpp_high"] == 1699 * 15832
    assert (alpine["2025"]["status"], alpine["2025"]["crossing_line"], alpine["2025"]["crossing_fit"]) == ("over", 5, 0)
    by_country = {b["destination"]: b["status"] for b in balances(found, "country", "destination")}
    by_seat = {b["headquarters"]: b["status"] for b in balances(found, "country", "headquarters")}
    assert by_country == {"CH": "within", "MY": "over"}
    assert by_seat == {"CH": "within", "MY": "within", "SG": "within"}
    assert [b["status"] for b in balances(found, "china-half", "each_part")] == ["over"]


def test_1699_fit_and_one_more_does_not_with_the_figure_the_rule_was_written_by(invoke: Invoke, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "acme-x1.toml").write_text(
        'schema = 1\nid = "acme-x1"\nname = "ACME X1"\ndatacenter = true\nreviewed_on = 2026-11-21\n'
        '[peak_tops]\nsource = "maker"\nfp8 = 1978\n[source.maker]\ntitle = "sheet"\nconfidence = "official"\n'
    )
    path = tmp_path / "s.csv"
    for quantity, status in ((1699, "within"), (1700, "over")):
        path.write_text(HEAD + f"2025-06-02,acme-x1,{quantity},Alpine,CH\n")
        done = invoke("ledger", path, *DAYS, "--limit", "lpp", "--profiles", own, "--json")
        (row,) = balances(json.loads(done.stdout), "lpp")
        assert (row["status"], row["left_tpp"]) == (status, 26_900_000 - quantity * 15_824)


@pytest.mark.parametrize(
    ("on", "statuses", "silent"),
    [
        ("2025-01-12", set(), {"us-ai-diffusion", "us-china-review-2026"}),
        ("2025-05-12", {"in_force"}, {"us-china-review-2026"}),
        ("2025-05-13", {"not_enforced"}, {"us-china-review-2026"}),
        ("2026-02-01", {"not_enforced", "in_force"}, set()),
    ],
)
def test_the_law_is_that_of_the_day(ask: Any, on: str, statuses: set[str], silent: set[str]) -> None:
    found = ask(HEAD + ROW, "--on", on, "--known-on", "2026-11-21")
    assert {x["rule_status"] for x in found["limits"]} == statuses
    assert {s["regime"] for s in found["silent"]} == silent


def test_the_page_says_that_both_stand_and_when_there_was_no_limit(invoke: Invoke) -> None:
    late = invoke("ledger", EXAMPLE, *DAYS).stdout
    assert "what it says and that it is not enforced both stand" in late
    assert "does not count, not caught by us-ai-diffusion: nvidia-h20" in late
    early = invoke("ledger", EXAMPLE, "--on", "2024-06-01", "--known-on", "2026-11-21").stdout
    assert "no quantity limit stands on 2024-06-01; the first takes effect on 2025-01-13" in early


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("2025-06-02,nvidia-h1000,7,Alpine,CH", "unknown part 'nvidia-h1000'; nearest: nvidia-"),
        ("2025-06-02,nvidia-h100-sxm,-5,Alpine,CH", "'-5' is no quantity"),
        ("2025-06-02,nvidia-h100-sxm,1.5,Alpine,CH", "'1.5' is no quantity"),
        ("2025-06-02,nvidia-h100-sxm,,Alpine,CH", "'' is no quantity"),
        ("2025-06-02,nvidia-h100-sxm,0,Alpine,CH", "'0' is no quantity"),
        ("02/06/2025,nvidia-h100-sxm,7,Alpine,CH", "'02/06/2025' is no date; write YYYY-MM-DD"),
        ("20250602,nvidia-h100-sxm,7,Alpine,CH", "'20250602' is no date"),
        ("2025-06-02,nvidia-h100-sxm,7,Alpine,Switzerland", "'Switzerland' is no country"),
        ("2025-06-02,nvidia-h100-sxm,7, ,CH", "name the ultimate consignee"),
        ("2025-06-02,nvidia-h100-sxm,7,Alpine,CH,8,9", "more fields than the header's 5"),
        ("2025-06-02,nvidia-h100-sxm,7", "name the ultimate consignee"),
    ],
)
def test_a_row_that_cannot_be_counted_is_named_and_the_others_are_kept(ask: Any, row: str, words: str) -> None:
    found = ask(HEAD + ROW + row + "\n\n" + ROW)
    assert (found["rows"], found["set_aside"], found["complete"]) == (2, 1, False)
    (fault,) = found["faults"]
    assert words in fault["text"]
    assert fault["lines"] == [3]
    assert any("may be over it" in line for line in found["findings"])


def test_a_part_spelled_wrongly_is_one_fault_with_its_total(ask: Any) -> None:
    found = ask(HEAD + ROW + "2025-06-02,h100,7,Alpine,CH\n" * 3)
    (fault,) = found["faults"]
    assert (fault["rows"], fault["units"], fault["lines"]) == (3, 21, [3, 4, 5])


@pytest.mark.parametrize(
    ("kind", "words"), [("gift,", "is no kind; allowed: export"), (",XYZ", "is no authorization; allowed: licence")]
)
def test_a_kind_that_is_none(ask: Any, kind: str, words: str) -> None:
    head = HEAD.replace("\n", ",kind,authorization\n")
    found = ask(head + ROW.strip() + f",{kind}\n" + ROW.strip() + ",export,LPP\n")
    assert words in found["faults"][0]["text"]


def test_equal_rows_are_told_and_counted(ask: Any) -> None:
    found = ask(HEAD + ROW * 3)
    assert found["repeats"] == {"rows": 2, "lines": [3, 4], "searched": 3}
    assert balances(found, "lpp")[0]["tpp_high"] == 30 * 15832


def test_encodings_may_be_mixed_and_the_line_is_told(ask: Any) -> None:
    body = HEAD + ROW + ROW.replace("Alpine", "Société Générale") + ROW.replace("Alpine", "Zürich")
    lines = body.encode().split(b"\n")
    lines[2] = lines[2].decode().encode("latin-1")
    found = ask(b"\xef\xbb\xbf" + b"\n".join(lines))
    assert {b["consignee"] for b in balances(found, "lpp")} == {"Alpine", "Société Générale", "Zürich"}
    assert any(line.startswith("line 3: not UTF-8") for line in found["findings"])


def test_columns_in_any_order_and_case_and_other_separators(ask: Any) -> None:
    found = ask(
        "Note;IN;Destination;Consignee;Quantity;Part;DATE\nx;SG;my;Alpine  compute;3;NVIDIA H20;2025-06-02\n"
        "y;SG;MY;ALPINE Compute;3;nvidia-h100-sxm;2025-06-02\n"
    )
    assert found["faults"] == []
    (row,) = balances(found, "lpp")
    assert (row["consignee"], row["rows"]) == ("Alpine compute", 1)
    assert [b["headquarters"] for b in balances(found, "country", "headquarters")] == ["SG"]


def test_namibia_is_a_country_and_hong_kong_is_china(ask: Any) -> None:
    found = ask(HEAD + ROW.replace("CH\n", "NA\n") + ROW.replace("CH\n", "HK\n"))
    assert [b["destination"] for b in balances(found, "country", "destination")] == ["NA"]


def test_what_went_under_a_licence_does_not_fill_an_exception(ask: Any) -> None:
    head = HEAD.replace("\n", ",authorization\n")
    found = ask(head + ROW.strip() + ",licence\n" + ROW.strip() + ",lpp\n" + ROW.strip() + ",\n")
    assert balances(found, "lpp")[0]["rows"] == 2
    assert balances(found, "country", "destination")[0]["rows"] == 2
    assert any("1 row name no authorization" in line for line in found["findings"])


def test_a_cell_that_would_be_a_formula_is_disarmed(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text(HEAD + ROW.replace("Alpine", "=HYPERLINK(1)") + ROW.replace("Alpine", "\x1b[31mred"))
    done = invoke("ledger", path, *DAYS, "--limit", "lpp", "--format", "csv")
    names = [row["consignee"] for row in csv.DictReader(io.StringIO(done.stdout))]
    assert "'=HYPERLINK(1)" in names
    assert "\x1b" not in invoke("ledger", path, *DAYS).stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; its first line names the columns: date, part"),
        (HEAD, "has a header and no row"),
        ("date,part\n2025-06-02,x\n", "no column 'quantity' nor 'consignee' nor 'destination'"),
        (HEAD.replace("\n", ",Date\n") + ROW, "'date' stands twice"),
        (HEAD + '2025-06-02,nvidia-h100-sxm,7,"Alpine,CH\n', "quotation mark"),
    ],
)
def test_a_file_that_is_none_is_said_in_a_sentence(invoke: Invoke, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "s.csv"
    path.write_text(text)
    done = invoke("ledger", path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert words in done.stderr
    assert "Traceback" not in done.output


def test_a_file_that_is_not_there_and_one_of_utf_16(invoke: Invoke, tmp_path: Path) -> None:
    assert "cannot be read" in invoke("ledger", tmp_path / "none.csv").stderr
    assert invoke("ledger", tmp_path).exit_code != 0
    path = tmp_path / "s.csv"
    path.write_text(HEAD + ROW, "utf-16")
    done = invoke("ledger", path)
    assert done.exit_code == 1
    assert "UTF-16" in done.stderr


def test_an_option_that_is_none_is_a_usage_error(invoke: Invoke) -> None:
    assert invoke("ledger", EXAMPLE, "--limit", "llp").exit_code == 2
    assert invoke("ledger", EXAMPLE, "--json", "--format", "csv").exit_code == 2


def test_it_is_drawn(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "ledger.svg"
    assert invoke("ledger", EXAMPLE, *DAYS, "--plot", path).exit_code == 0
    drawn = path.read_text()
    assert "Alpine Compute, 2025" in drawn
    assert "lpp, not enforced" in drawn
    nothing = invoke("ledger", EXAMPLE, "--on", "2024-01-01", "--plot", path)
    assert nothing.exit_code == 2
    assert "nothing to draw" in nothing.stderr


def test_it_imports_no_torch() -> None:
    import subprocess
    import sys

    code = (
        f"import sys\nfrom greenzone.cli.main import main\ntry:\n    main(['ledger', {str(EXAMPLE)!r}])\n"
        "except SystemExit as error:\n    assert not error.code\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=120)


def test_a_file_of_which_no_row_counts_is_no_answer(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "shipments.csv"
    path.write_text(f"{HEAD}2025-02-30,nvidia-h100-sxm,5,A,CN\n2025-02-01,nonesuch,5,A,CN\n")
    done = invoke("ledger", path, *DAYS)
    assert done.exit_code == 1
    assert done.stdout.startswith("0 rows counted, 2 rows set aside and named under Findings; law of")
    assert "no row could be counted; mend the rows that were set aside" in done.stderr
    told = done.stdout.split("Findings")[-1]
    assert told.index("line 2") < told.index("line 3"), "in the order of the file"
