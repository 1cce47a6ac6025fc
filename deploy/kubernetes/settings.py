"""Writes the service's settings into values.schema.json, so that Helm refuses what the service would.

`python deploy/kubernetes/settings.py`, after a change of `app.config.Settings`.
"""

import json
import sys
from pathlib import Path

from app.config import Settings

# What the chart tells the service by values of their own.
BY_OTHER_VALUES = {
    "host",
    "port",
    "grpc_port",
    "workers",
    "models",
    "device",
    "api_keys",
    "drain_seconds",
    "grace_seconds",
}


def main(path: Path) -> None:
    schema = json.loads(path.read_text())
    schema["properties"]["settings"]["properties"] = {
        name: {key: value for key, value in setting.items() if key not in ("title", "default")}
        for name, setting in Settings.model_json_schema()["properties"].items()
        if name not in BY_OTHER_VALUES
    }
    path.write_text(json.dumps(schema, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).with_name("values.schema.json"))
