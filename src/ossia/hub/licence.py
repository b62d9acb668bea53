"""Under which licence a model is: what the hub said when it was pulled, or its README says."""

import re

from ossia.hub import store
from ossia.hub.find import Model, Place

_HEAD = 8192
_FIELD = re.compile(r"^license:\s*['\"]?([A-Za-z0-9][\w.+-]{0,60})", re.MULTILINE)


def licence_of(model: Model) -> str | None:
    """The licence's short name, such as ``apache-2.0``; None where nobody says.

    Raises:
        InputError: the manifest is damaged.
    """
    if model.place is Place.PACKAGE:
        return "apache-2.0"
    if model.place is Place.STORE and model.on_hub is not None:
        manifest = store.find_manifest(model.on_hub)
        if manifest is not None and manifest.licence is not None:
            return manifest.licence
    folder = model.path if model.path.is_dir() else model.path.parent
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            head = file.read(_HEAD)
    except OSError:
        return None
    front = head.split("\n---", 1)[0] if head.startswith("---") else ""
    found = _FIELD.search(front)
    return found[1] if found else None
