"""Makes draft2020-12.json of the JSON Schema Test Suite (MIT, Julian Berman and contributors).

    python make.py FOLDER

FOLDER is ``json/`` of the source distribution of ``jsonschema`` on PyPI (4.23.0 here), or a copy of
https://github.com/json-schema-org/JSON-Schema-Test-Suite.
"""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    suite = Path(sys.argv[1])
    tests = suite / "tests" / "draft2020-12"
    groups = [
        {
            "file": str(path.relative_to(tests)),
            "about": group["description"],
            "schema": group["schema"],
            "valid": [test["data"] for test in group["tests"] if test["valid"]],
            "invalid": [test["data"] for test in group["tests"] if not test["valid"]],
        }
        for path in sorted(tests.rglob("*.json"))
        for group in json.loads(path.read_text("utf-8"))
    ]
    lines = ",\n".join(json.dumps(group) for group in groups)
    (HERE / "draft2020-12.json").write_text(f"[\n{lines}\n]\n")
    (HERE / "LICENSE").write_text((suite / "LICENSE").read_text())


if __name__ == "__main__":
    main()
