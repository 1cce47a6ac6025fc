"""digitserve.toml: settings in a file. Options and DIGITSERVE_* variables have the last word over it."""

import os
import tomllib
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from pydantic_settings import BaseSettings, TomlConfigSettingsSource

VARIABLE = "DIGITSERVE_CONFIG"
NAME = "digitserve.toml"
MOST_BYTES = 1024 * 1024


class ConfigFileError(Exception):
    """The file cannot be taken; the message says why and what to change, and shows no value: it may be a key."""


class ConfigFile(TomlConfigSettingsSource):
    """The file that the variable names, else the one in the working directory, else nothing."""

    def __init__(self, settings_class: type[BaseSettings]) -> None:
        """Raises ConfigFileError."""
        self.path = _found()
        try:
            super().__init__(settings_class, self.path)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigFileError(f"{self.path} cannot be read as TOML: {error}") from error
        for name in self.toml_data.keys() - settings_class.model_fields.keys():
            raise ConfigFileError(f"{self.path}: {unknown(name, settings_class.model_fields)}")
        if self.path is not None and isinstance(models := self.toml_data.get("models"), str):
            self.init_kwargs["models"] = self.path.parent / models  # wherever the service is started


def _found() -> Path | None:
    named = os.environ.get(VARIABLE)
    path = Path(named or NAME)
    if named and not path.is_file():
        raise ConfigFileError(f"{VARIABLE} names {path}, which is no file; expected one like {NAME}")
    if not path.is_file():
        return None
    if path.stat().st_size > MOST_BYTES:
        raise ConfigFileError(f"{path} has over {MOST_BYTES:,} bytes; expected settings, a line each")
    return path


def unknown(name: str, known: Iterable[str]) -> str:
    """What to say of a setting that there is not."""
    nearest = get_close_matches(name, known, 1)
    advice = f"did you mean {nearest[0]}?" if nearest else "`digitserve settings` lists them"
    return f"no setting is called {name}; {advice}"


def origins(settings_class: type[BaseSettings]) -> dict[str, str]:
    """Where the value of each setting comes from, in words. Raises ConfigFileError."""
    file = ConfigFile(settings_class)
    prefix = str(settings_class.model_config["env_prefix"])
    given = {name.lower() for name in os.environ}
    found = {}
    for name, field in settings_class.model_fields.items():
        if f"{prefix}{name}".lower() in given:
            found[name] = f"from the variable {prefix}{name.upper()}"
        elif name in file.toml_data:
            found[name] = f"from {file.path}"
        else:
            found[name] = "by default" if field.default_factory is None else "by default, as this machine has it"
    return found
