"""`greenzone sign` and `greenzone verify`: who stands for a record, and whether its samples give its figures."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from greenzone.cli.options import FILE, FOLDER, echo, echo_json, say
from greenzone.errors import NotVerified, UsageError

if TYPE_CHECKING:
    from greenzone.lab.verification import Verification
    from greenzone.records.signature import Signed

SIGNED_MEANS = (
    "A valid signature shows who signed, and that the record is the one they signed. It does not show what silicon "
    "was measured."
)
CERTIFICATE_MEANS = (
    "A valid signature shows who signed, and that the certificate is the one they signed. Its figures are those of the "
    "records it names by their SHA-256: verify these, and write the certificate anew from them."
)
UNSIGNED_MEANS = (
    "Nobody's signature was checked: who changed the samples can have changed the figures with them. "
    "Give --signature and --public-key."
)
_SHOWN = 20


@click.command()
@click.argument("record", required=False, type=FILE)
@click.option("--key", type=FILE, metavar="FILE", help="The private key, of mode 600.")
@click.option("--new-key", "new", type=FILE, metavar="FILE", help="Make a key: FILE, and FILE.pub for others.")
@click.option(
    "--attestation", type=FILE, metavar="FILE",
    help="A token of the device's vendor, asked for with the record's SHA-256 as its nonce.",
)  # fmt: skip
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Where the envelope goes.  [default: RECORD.dsse.json]")
def sign(
    record: Path | None, key: Path | None, new: Path | None, attestation: Path | None, output: Path | None
) -> None:  # fmt: skip
    """Sign a record, or a certificate in JSON: an in-toto statement in a DSSE envelope, with an Ed25519 key.

    The file itself is left as it is. Anyone with the public key can tell, with `greenzone verify`, that it is
    the one that was signed.
    """
    if new is not None:
        _make_key(new, record, key)
        return
    if record is None or key is None:
        raise UsageError("give a RECORD and --key FILE, or make a key with --new-key FILE")
    from greenzone.datafiles import MAX_BYTES as MOST_BYTES
    from greenzone.datafiles import read_bytes, sha256
    from greenzone.records import signature, store

    content = store.content(record)
    document = store.decoded(content, record)
    if not signature.is_certificate(document, record):
        store.parse(document, record)
    elif attestation is not None:
        raise UsageError("--attestation: a token is about one device, and a certificate about a lot; sign its records")
    token = read_bytes(attestation) if attestation else None
    envelope = signature.sign(content, document, record.name, key, token)
    where = output or record.with_name(f"{record.name.removesuffix('.json')}.dsse.json")
    if os.path.realpath(where) == os.path.realpath(record):
        raise UsageError(f"{where}: is the record itself; give another file with -o")
    if where.is_file() and (where.stat().st_size > MOST_BYTES or where.read_bytes() != envelope.encode()):
        raise UsageError(f"{where}: is there already and not this signature; give another file with -o, or remove it")
    store.write_text(envelope, where)
    say(f"signed: {record} (sha256 {sha256(content)})\nenvelope: {where}")


def _make_key(path: Path, record: Path | None, key: Path | None) -> None:
    from greenzone.records.keys import new_key

    if record is not None or key is not None:
        raise UsageError("--new-key makes a key and signs nothing; sign with --key in a call of its own")
    public = new_key(path)
    say(f"private key: {path} (keep it to yourself)\npublic key: {public} (give it to who verifies)")


@click.command()
@click.argument("record", type=FILE)
@click.option("--signature", "envelope", type=FILE, metavar="FILE", help="What `greenzone sign` wrote of it.")
@click.option("--public-key", "key", type=FILE, metavar="FILE", help="The public key of who is trusted to have signed.")
@click.option(
    "--profiles", "folder", type=FOLDER, metavar="DIR", help="A folder of profiles of your own, over the shipped ones."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def verify(record: Path, envelope: Path | None, key: Path | None, folder: Path | None, as_json: bool) -> None:
    """Work a record out again from its raw samples: every figure, parameter and verdict.

    RECORD may be a certificate in JSON: of one its signature is checked, for its samples are those of its records.

    No accelerator is needed. What differs, in nine significant digits, is named, and so is every rule and profile
    that is not the one the record was made with. Exits 0 if all of it holds, 5 if not, 1 if a file cannot be
    read.
    """
    if (envelope is None) != (key is None):
        raise UsageError("--signature and --public-key go together: a signature says nothing without whose it must be")
    from greenzone.records import store
    from greenzone.records.signature import is_certificate

    content = store.content(record)
    document = store.decoded(content, record)
    if is_certificate(document, record):
        if folder is not None:
            raise UsageError("--profiles: a certificate is not worked out again; give it with the records it names")
        _verify_certificate(record, content, document, envelope, key, as_json)
        return
    from greenzone.lab.verification import verify as verified

    read = store.parse(document, record)
    signed, refusal = _signed(content, document, envelope, key)
    found = verified(document, read, folder)
    if as_json:
        echo_json(_document(record, found, signed, refusal))
    else:
        _print(found, signed, refusal)
    if refusal is not None:
        raise NotVerified(refusal)
    if not found.holds:
        raise NotVerified(f"{record}: not verified: {_count(found)}; {_advice(found)}")


def _verify_certificate(
    path: Path, content: bytes, document: Any, envelope: Path | None, key: Path | None, as_json: bool
) -> None:  # fmt: skip
    if envelope is None:
        raise UsageError(
            f"{path}: a certificate holds no samples to work out again; give --signature and --public-key, and verify "
            "the records it names"
        )
    signed, refusal = _signed(content, document, envelope, key)
    records = [{key: one.get(key) for key in ("file", "sha256")} for one in document["records"]]
    if as_json:
        signature = {"keyid": signed.keyid, "name": signed.name} if signed else None
        echo_json({
            "schema": "greenzone.verification/1", "certificate": str(path), "verified": signed is not None,
            "emulated": document["emulated"], "signature": signature, "signature_refused": refusal, "records": records,
            "does_not_show": CERTIFICATE_MEANS,
        })  # fmt: skip
    if refusal is not None:
        raise NotVerified(refusal)
    if signed is not None and not as_json:
        say(f"signed: by the key {signed.keyid}, as {signed.name}")
        say(f"lot: {document['lot']}; {document['statement']}")
        if document["emulated"]:
            say("EMULATED: a certificate of emulated devices, and no evidence of a real part")
        say(f"records: {len(records)}, each by its SHA-256\n{CERTIFICATE_MEANS}")


def _signed(
    content: bytes, document: Any, envelope: Path | None, key: Path | None
) -> tuple["Signed | None", str | None]:  # fmt: skip
    """The signature that holds, or why it does not."""
    if envelope is None or key is None:
        return None, None
    from greenzone.records.signature import require_signed

    try:
        return require_signed(content, document, envelope, key), None
    except NotVerified as error:
        return None, str(error)


def _advice(found: "Verification") -> str:
    if found.differences:
        return "measure again, or get the record from its source"
    return "verify with the greenzone that made it, whose rules and profiles those are, or measure again"


def _count(found: "Verification") -> str:
    counts = {"differing figures": len(found.differences), "changed parts or files": len(found.changes)}
    return " and ".join(f"{count} {what}" for what, count in counts.items() if count)


def _document(record: Path, found: "Verification", signed: "Signed | None", refusal: str | None) -> dict[str, Any]:
    own = found.to_json()
    signature = {"keyid": signed.keyid, "name": signed.name} if signed else None
    identity = own["identity"] | ({"attestation": signed.predicate.get("attestation")} if signed else {})
    return {
        "schema": "greenzone.verification/1", "record": str(record), **own, "verified": found.holds and not refusal,
        "identity": identity, "signature": signature, "signature_refused": refusal,
        "does_not_show": SIGNED_MEANS if signed else UNSIGNED_MEANS,
    }  # fmt: skip


def _print(found: "Verification", signed: "Signed | None", refusal: str | None) -> None:
    from rich.text import Text

    lines = [*(f"changed: {text}" for text in found.changes), *(f"differs: {d}" for d in found.differences)]
    for line in lines[:_SHOWN]:
        echo(Text(line, style="bold red"))
    if len(lines) > _SHOWN:
        echo(Text(f"and {len(lines) - _SHOWN} more; --json has them all"))
    for note in found.notes:
        echo(Text(f"note: {note}", style="yellow"))
    if found.holds:
        words = f"{found.figures:,} figures, {found.verdicts} verdicts recomputed to nine significant digits"
        echo(Text(f"{'recomputed' if refusal else 'verified'}: {words}", style="bold green"))
    _print_identity(found, signed)
    if signed:
        echo(Text(f"signed: by the key {signed.keyid}, as {signed.name}", style="bold green"))
    echo(Text(SIGNED_MEANS if signed else UNSIGNED_MEANS if refusal is None else "The signature does not hold."))


def _print_identity(found: "Verification", signed: "Signed | None") -> None:
    from rich.text import Text

    i = found.identity
    token = signed.predicate.get("attestation") if signed else None
    basis = f"bound to the vendor's token {token['sha256']}, not checked here" if token else i["basis"]
    likeliest = f"; behaves like {', '.join(i['likeliest'])}" if i["likeliest"] else ""
    echo(Text(f"identity: {i['name']}, {basis}{likeliest}"))
    for text in i["findings"]:
        echo(Text(f"finding: {text}"))
