"""`python -m fuzz.target PARSER [OPTIONS OF LIBFUZZER]`: coverage-guided fuzzing of one parser with atheris.

    PYTHONPATH=tests python -m fuzz.target record -max_total_time=600

What is not one of greenzone's own errors ends it, and the bytes are kept in a file `crash-...`.
"""

import sys
import tempfile
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Fuzz the parser that is named first, from its valid example."""
    import atheris  # the extra fuzz: where it is not installed, nothing else may fail for it

    with atheris.instrument_imports(include=["greenzone", "tomllib", "json", "csv"]):
        from fuzz.parsers import PARSERS
    if len(arguments) < 2 or arguments[1] not in PARSERS:
        raise SystemExit(f"name a parser: {', '.join(PARSERS)}")
    parser = PARSERS[arguments[1]]
    with tempfile.TemporaryDirectory() as corpus:
        Path(corpus, "valid").write_bytes(parser.valid())
        atheris.Setup([arguments[0], *arguments[2:], corpus], parser.survives)
        atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
