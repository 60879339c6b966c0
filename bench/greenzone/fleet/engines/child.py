"""`python -m greenzone.fleet.engines.child`: one device measured in a process of its own.

The request comes as a line of JSON on standard input, and what happens goes as lines of JSON to standard
output: `["finished", benchmark]` as often as one is, then `["ended", ""]` or a word for why not. Standard
input stays open for as long as whoever asked is there: at its end the run is stopped, its record kept.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TextIO

from pydantic import TypeAdapter

from greenzone.errors import DeviceError, GreenzoneError, Interrupted, RecordError, UsageError
from greenzone.fleet.engines.engine import End
from greenzone.lab import harness
from greenzone.lab.harness import Progress, Request

REQUEST = TypeAdapter(Request)
UNBEGUN = "stopped before the measurement began, or as it ended"


def main() -> None:
    """Measure what standard input asks for, and say how that ended whenever an interrupt comes."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    end: tuple[End, str] | None = None
    try:
        end = _asked(lambda text: _say(out, "finished", text))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:  # before the measurement began, or as it ended
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    _say(out, *(end or ("stopped", UNBEGUN)))


def _asked(told: Progress) -> tuple[End, str]:
    # A worker of a cluster, or a shell's background job, hands down an interrupt that is blocked or ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    asked, begun = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    return measured(REQUEST.validate_python(asked), begun and Path(begun), told)


def line_of(request: Request, begun: Path | None) -> bytes:
    """What a child reads."""
    return json.dumps([REQUEST.dump_python(request, mode="json"), begun and str(begun)]).encode() + b"\n"


def measured(request: Request, begun: Path | None, told: Progress) -> tuple[End, str]:
    """Measure a device, or go on with its record, and say how that ended and why."""
    try:
        return "ended", _measure(request, begun, told)
    except (Interrupted, KeyboardInterrupt) as error:
        return "stopped", str(error) or UNBEGUN
    except DeviceError as error:
        return "missing", str(error)
    except GreenzoneError as error:
        return "failed", str(error)


def _measure(request: Request, begun: Path | None, told: Progress) -> str:
    """Go on with a record where that can be done, else measure anew and say why."""
    if begun is None:
        harness.run(request, told)
        return ""
    try:
        harness.resume(begun, told, request.models, (request.device,))
        return ""
    except (UsageError, RecordError) as error:
        # Of another device, driver or version, or broken: it stays, and is no record of this fleet.
        begun.replace(begun.with_suffix(".json.old"))
        harness.run(request, told)
        return f"measured anew: {error}"


def _say(out: TextIO, kind: str, text: str) -> None:
    out.write(json.dumps([kind, text]) + "\n")
    out.flush()


def _stop_with_parent() -> None:
    """Wait for the end of standard input, which comes when the parent wants an end, or has met its own."""
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGINT)


if __name__ == "__main__":
    main()
