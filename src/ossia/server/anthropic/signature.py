"""The signature of a thinking block: what comes back with it when the conversation goes on.

Here it proves nothing, because whoever asks may put any words into the model's mouth. Where the
client wants no thinking to read it carries the text, so that the next request has it all the same.
"""

import base64
import binascii
import hashlib

_CARRIED = "ossia:"


def signature_of(thinking: str, *, is_shown: bool) -> str:
    """The signature of a block whose text the client sees, or does not."""
    if is_shown:
        digest = hashlib.sha256(thinking.encode(errors="replace")).digest()
        return base64.b64encode(digest).decode()
    return _CARRIED + base64.b64encode(thinking.encode(errors="replace")).decode()


def carried_thinking(signature: str) -> str | None:
    """The text that a signature carries; None where it carries none, as another server's."""
    if not signature.startswith(_CARRIED):
        return None
    try:
        return base64.b64decode(signature.removeprefix(_CARRIED), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
