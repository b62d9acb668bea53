"""PDF to text, by pypdf, in a process of its own: a file can be made so that reading never ends.

Run as a module it is that process: bytes come on standard input, JSON goes to standard output.
"""

import json
import resource
import subprocess
import sys

from ossia.base.errors import InputError
from ossia.tools.documents.document import MAX_CHARACTERS, Document, bounded, one_line, plain

MAX_SECONDS = 60
MAX_MEMORY = 2 << 30
MAX_PAGES = 5_000

_REASONS = {
    "locked": "is locked with a password",
    "damaged": "is damaged",
    "empty": "has no text; its pages may be pictures",
}


def read_pdf(data: bytes, name: str) -> Document:
    """A document as text, with a line ``[page 3]`` where a page begins.

    Raises:
        InputError: it is broken, locked, without text, or takes too long.
    """
    command = [sys.executable, "-I", "-m", "ossia.tools.documents.pdf"]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=MAX_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{name} takes over {MAX_SECONDS} s to read") from None
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise InputError(f"{name} cannot be read: it takes too much memory or time") from None
    if reason := found.get("reason"):
        raise InputError(f"{name} {_REASONS[reason]}")
    text = bounded(plain(found["text"]))
    first = next((line for line in text.split("\n")[1:] if line.strip()), "")
    return Document(one_line(found["title"]) or one_line(first, 100) or name, text)


def main() -> None:
    """The process of its own."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(_extracted(sys.stdin.buffer.read())))


def _extracted(data: bytes) -> dict[str, str]:
    import io
    import logging

    from pypdf import PdfReader
    from pypdf.errors import DependencyError, FileNotDecryptedError

    logging.disable()
    try:
        reader = PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            return {"reason": "locked"}
        title = str(reader.metadata.title or "") if reader.metadata else ""
        pages, length = [], 0
        for number, page in enumerate(reader.pages[:MAX_PAGES], 1):
            try:
                text = page.extract_text().strip()
            except (FileNotDecryptedError, DependencyError):
                return {"reason": "locked"}
            except Exception:  # one page of many; pypdf meets hostile files with any error
                text = ""
            if text:
                pages.append(f"[page {number}]\n{text}")
                length += len(text)
            if length > MAX_CHARACTERS:
                break
    except (FileNotDecryptedError, DependencyError):
        return {"reason": "locked"}
    except Exception:  # the same for the file as a whole
        return {"reason": "damaged"}
    return {"title": title, "text": "\n\n".join(pages)} if pages else {"reason": "empty"}


if __name__ == "__main__":
    main()
