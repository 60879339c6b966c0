"""The laboratory method that ships: its text, and the SHA-256 by which a certificate names it."""

from dataclasses import dataclass

from greenzone.datafiles import data_root, read_bytes, sha256

US_748_DD = "us-748-dd"


@dataclass(frozen=True)
class Method:
    """A written method: its id, its title, its whole text in Markdown, and the SHA-256 of its file."""

    id: str
    title: str
    text: str
    sha256: str


def load_method(method_id: str = US_748_DD) -> Method:
    """The method of that id.

    Raises:
        FileError: it cannot be read.
    """
    content = read_bytes(data_root() / "methods" / f"{method_id}.md")
    text = content.decode("utf-8")
    return Method(method_id, text.splitlines()[0].removeprefix("# "), text, sha256(content))
