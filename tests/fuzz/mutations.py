"""A file that was valid, changed: its bytes, lines, values, size. The same generator gives the same change."""

import json
import random
from collections.abc import Callable
from typing import Any

from fuzz.hostile import DATES, NUMBERS, TEXTS

Mutation = Callable[[random.Random, bytes], bytes]
_MOST_BYTES = 2 << 20  # above what any data file may hold
_DEEP = (10, 200, 5_000, 100_000)
_LITERALS = (
    "[]", "{}", "[[]]", "true", "false", "null", "nan", "inf", "-inf", "Infinity", "NaN", "1979-05-27T07:32:00Z",
    "07:32:00",
    '""', "''", '"""\n"""', '"\\u0000"', '"\\ud800"', '"\\uD83D"', '"\\u001b[31m"', '"\\x1b"', "[1, 'a']",
    "{ value = 1 }",
    "{ value = -1, source = 'x' }", "0x7f", "0o7", "1__0", "'../../canary.json'", '"../../canary.json"', "[[[[[1]]]]]",
)  # fmt: skip


def mutated(rng: random.Random, content: bytes, form: str) -> bytes:
    """The content changed once to three times; `form` is toml, json or csv, and anything else is bytes."""
    choices = (*_OF_FORM.get(form, ()), *_OF_FORM.get(form, ()), *_BYTES)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(choices)(rng, content)
    return content[: 80 << 20]


def mutated_text(rng: random.Random, text: str) -> str:
    """A short text with characters changed, for an argument."""
    letters = list(text)
    for _ in range(rng.randint(1, 3)):
        at = rng.randint(0, len(letters))
        letters[at : at + rng.randint(0, 2)] = rng.choice((*"0-+.,=:@<>!x/ é", "", "..", "1e999", "\x1b"))
    return "".join(letters)


def _flip(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 1, 8, 64))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.randint(0, len(content))]


def _drop(rng: random.Random, content: bytes) -> bytes:
    at = rng.randint(0, len(content))
    return content[:at] + content[at + rng.randint(1, 200) :]


def _insert(rng: random.Random, content: bytes) -> bytes:
    at = rng.randint(0, len(content))
    return content[:at] + rng.choice(_INSERTS) + content[at:]


def _repeat(rng: random.Random, content: bytes) -> bytes:
    """A slice of it, over and over: as large as a file can be, and now and then larger."""
    at = rng.randint(0, len(content))
    piece = content[at : at + rng.choice((1, 40, 4_000))]
    times = rng.choice((2, 50, 1_000, 100_000))
    return content[:at] + piece * min(times, _MOST_BYTES // max(1, len(piece))) + content[at:]


def _whole(rng: random.Random, content: bytes) -> bytes:
    """The whole of it in another encoding, or something else altogether."""
    text = content.decode("utf-8", "replace")
    return rng.choice(
        (
            lambda: b"", lambda: b"\xef\xbb\xbf" + content, lambda: text.encode("utf-16"),
            lambda: text.encode("utf-32"),
            lambda: text.encode("latin-1", "replace"), lambda: content.replace(b"\n", b"\r\n"),
            lambda: content + content,
            lambda: content.replace(b"\n", b"\r"), lambda: rng.randbytes(rng.randint(1, 5_000)), lambda: b"\0" * 10_000,
            lambda: content.replace(b"\n", b""), content.upper, lambda: b"[" * 100_000, lambda: b'{"a":' * 50_000,
        )
    )()  # fmt: skip


def _number(rng: random.Random, content: bytes) -> bytes:
    """One of its digits made into another number."""
    places = [n for n, byte in enumerate(content[:100_000]) if byte in b"0123456789"]
    if not places:
        return content
    at = rng.choice(places)
    return content[:at] + rng.choice(NUMBERS).encode("utf-8") + content[at + 1 :]


def _line(rng: random.Random, content: bytes) -> bytes:
    """A line twice, gone, changed places, or with another key or value."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    key, equals, value = lines[at].partition(b"=")
    action = rng.randrange(6)
    if action == 0:
        lines.insert(rng.randrange(len(lines)), lines[at])
    elif action == 1:
        del lines[at]
    elif action == 2:
        other = rng.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    elif action == 3:
        lines[at] = rng.choice((key[:-2], key + b"x", b"\x1b[1m" + key, b"__class__ ", b'"" ')) + equals + value
    else:
        lines[at] = key + b"= " + _literal(rng)
    return b"\n".join(lines)


def _literal(rng: random.Random) -> bytes:
    deep = rng.choice(_DEEP)
    text = rng.choice((*_LITERALS, *NUMBERS, *DATES, "[" * deep, "[" * deep + "]" * deep, "{a=" * deep,
    json.dumps(rng.choice(TEXTS))))
    return text.encode("utf-8", "surrogatepass")


def _tree(rng: random.Random, content: bytes) -> bytes:
    """One value of a JSON document replaced, removed, wrapped or made many."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return _line(rng, content)
    holder, place = _somewhere(rng, {"": document})
    if rng.random() < 0.2 and isinstance(holder, (dict, list)) and place != "":
        del holder[place]
    else:
        holder[place] = _value(rng, holder[place])
    try:
        return json.dumps(document, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return content


def _somewhere(rng: random.Random, document: Any) -> tuple[Any, Any]:
    """A place in a document, every depth about as likely as another."""
    holder: Any = document
    place: Any = next(iter(document))
    while isinstance(holder[place], (dict, list)) and holder[place] and rng.random() < 0.75:
        holder = holder[place]
        place = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
    return holder, place


def _value(rng: random.Random, old: Any) -> Any:
    many = rng.choice((2, 1_000, 30_000))
    nested: Any = old
    for _ in range(rng.choice((1, 3, 400))):
        nested = [nested] if rng.random() < 0.5 else {"a": nested}
    return rng.choice(
        (
            None, True, False, 0, -1, 1.5, -1.5, 10**25, 10**400, -(10**400), 1e308, -1e308, 5e-324, float("nan"),
            float("inf"),
            "", [], {}, [[]], [None], {"": None}, "\ud800", "\0", [old] * min(many, 1_000),
            {str(n): 1 for n in range(many)},
            rng.choice(TEXTS), rng.choice(NUMBERS), rng.choice(DATES), [1] * many, [0.0] * many, [1e-300] * many,
            nested,
            str(old)[:200], "a" * 100_000, {"median": 1e308, "low": -1, "high": 0},
        )
    )  # fmt: skip


def _cell(rng: random.Random, content: bytes) -> bytes:
    """One cell of a CSV, a column or the separator."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(b",")
    action = rng.randrange(5)
    if action == 0:
        lines = [b",".join(line.split(b",")[:-1]) for line in lines]
    elif action == 1:
        return content.replace(b",", rng.choice((b";", b"\t", b"|", b", ", b',"')))
    elif action == 2:
        cells = cells * rng.choice((2, 10, 10_000))
        lines[at] = b",".join(cells)
    else:
        value = rng.choice((*TEXTS, *NUMBERS, *DATES)).encode("utf-8", "surrogatepass")
        cells[rng.randrange(len(cells))] = rng.choice((value, b'"' + value, b'"' + value + b'"'))
        lines[at] = b",".join(cells)
    return b"\n".join(lines)


_INSERTS = (
    b"\0", b"\x1b[2J", b"\xff\xfe", b"\xed\xa0\x80", b"\xc0\x80", b"\n", b"\r", b'"', b"'", b"[", b"]]", b"{", b"}",
    b"=", b",", b"#",
    b"//", b"&a;", b"<!ENTITY a 'b'>", b"\xe2\x80\xae", b"\n[[version]]\n", b"\n[a.b.c]\n", b"\nid = 1\n", b"9" * 400,
    b"\\u0000",
    b"\x85", b"\x0b", b"\n\n\n",
)  # fmt: skip
_BYTES: tuple[Mutation, ...] = (_flip, _flip, _cut, _drop, _insert, _insert, _repeat, _whole, _number, _number)
_OF_FORM: dict[str, tuple[Mutation, ...]] = {"toml": (_line,) * 6, "json": (_tree,) * 8, "csv": (_cell,) * 6}
