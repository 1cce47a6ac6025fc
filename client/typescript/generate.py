"""Writes src/schema.ts, the types of /v1, from the OpenAPI document that the service makes.

`python client/typescript/generate.py`, after a change of the API; `npm ci` here brings the generator.
"""

import asyncio
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from docs.site.openapi import document

HERE = Path(__file__).parent
GENERATOR = HERE / "node_modules" / ".bin" / "openapi-typescript"
REFERENCE = re.compile(r'"#/components/(\w+)/(\w+)"')


def main(target: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(of_v1(asyncio.run(document())), file)
        file.flush()
        how = "--root-types", "--root-types-no-schema-prefix"
        subprocess.run([GENERATOR, file.name, *how, "-o", target], check=True)


def of_v1(whole: dict[str, Any]) -> dict[str, Any]:
    """The part of it that is about digits, and no component that this does not name.

    Without requests' bodies, which are written by hand: what a service takes depends on its extras.
    """
    paths = {path: methods for path, methods in whole["paths"].items() if path.startswith("/v1/")}
    for operation in (operation for methods in paths.values() for operation in methods.values()):
        operation.pop("requestBody", None)
    kept: dict[str, dict[str, Any]] = {}
    named = REFERENCE.findall(json.dumps(paths))
    while named:
        kind, name = named.pop()
        if name not in kept.setdefault(kind, {}):
            kept[kind][name] = whole["components"][kind][name]
            named += REFERENCE.findall(json.dumps(kept[kind][name]))
    return {**whole, "paths": paths, "components": {kind: dict(sorted(some.items())) for kind, some in kept.items()}}


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else HERE / "src" / "schema.ts")
