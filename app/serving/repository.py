"""The models that are live: each verified, opened, checked by its task and warmed up before anyone can reach it."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, TypedDict

import structlog

from app.config import Settings
from app.errors import BundleError, ModelNotFound, ModelRefused, StartError
from app.inference import bundle
from app.inference.contract import ANY
from app.serving.batcher import Batcher
from app.serving.changes import Digests
from app.serving.opening import Opened, Task, digest_of, open_bundle, read_version
from app.serving.tensors import Reference
from app.telemetry.metrics import Metrics

log = structlog.get_logger()

MOST_REASON = 2000  # characters of why a version was refused


class LiveModel:
    """A version that answers them."""

    def __init__(self, opened: Opened, batcher: Batcher) -> None:
        """The last request that was admitted to it holds it: with that one it goes, its thread and memory too."""
        self.manifest, self.session, self.runner, self.warmed = opened
        self.batcher = batcher
        self.reference: Reference = {"name": self.manifest.name, "version": self.manifest.version}
        self.names = self.manifest.name, self.manifest.version
        self.label = self.manifest.label
        self.digest = digest_of(self.manifest)


Staged = Mapping[str, LiveModel | Opened]
"""What is to be live of a model, by version, newest first: what is live already, or opened."""


class IndexEntry(TypedDict):
    """Source: Triton's model repository extension."""

    name: str
    version: str
    state: Literal["READY", "UNAVAILABLE"]
    reason: str


class Repository:
    """All live models by name and version. `tasks` are by the name that manifests have for them."""

    def __init__(self, settings: Settings, metrics: Metrics, tasks: Mapping[str, Task]) -> None:
        self._settings = settings
        self._metrics = metrics
        self._tasks = tasks
        self._live: dict[str, dict[str, LiveModel]] = {}  # by name and version, newest first; never changed in place
        self._refused: dict[str, Mapping[str, str]] = {}  # why, by name and version, when last tried

    def load(self, wanted: Digests | None = None) -> None:
        """Bring the newest versions of every model live, or those that are `wanted`, and no others. One that fails any
        step is logged and left out.

        Raises StartError where the device that was asked for does not work, or no default model is there to answer.
        """
        names = list(bundle.names(self._settings.models))
        for name in names:
            versions = bundle.versions(self._settings.models / name)
            if wanted is not None:
                versions = [version for version in versions if f"{name}/{version}" in wanted]
            self.swap(name, *self._sound(name, versions))
        if self._settings.default_model not in self._live:
            raise self._nothing_answers(names)

    def get(self, name: str | None = None, version: str | None = None) -> LiveModel:
        """The live model asked for; by default the default model's newest. Raises ModelNotFound."""
        name = name or self._settings.default_model
        versions = self._live.get(name)
        if not versions:
            raise ModelNotFound(f"no live model is called {name!r}; live are {', '.join(self._live)}")
        if version is None:
            return next(iter(versions.values()))
        if version not in versions:
            raise ModelNotFound(f"model {name!r} has no live version {version!r}; live are {', '.join(versions)}")
        return versions[version]

    def named(self, name: str, version: str | None = None) -> list[LiveModel]:
        """All live versions of a model, or the one that is asked for. Raises ModelNotFound."""
        self.get(name, version)
        return [model for number, model in self._live[name].items() if version in {None, number}]

    def all(self) -> list[LiveModel]:
        """Every live model: by name, newest version first."""
        return [model for versions in self._live.values() for model in versions.values()]

    def digests(self) -> Digests:
        """Of all that is live."""
        return {model.label: model.digest for model in self.all()}

    def is_on_disk(self, name: str) -> bool:
        folder = self._settings.models / name
        return bundle.NAME.fullmatch(name) is not None and folder.is_dir() and bool(bundle.versions(folder))

    def index(self) -> list[IndexEntry]:
        """Every version on disk or live."""
        live, root = self._live, self._settings.models
        found = {name: set(bundle.versions(root / name)) for name in bundle.names(root)}
        for name, versions in live.items():
            found.setdefault(name, set()).update(versions)
        return [
            self._entry(name, version, is_live=version in live.get(name, {}))
            for name, versions in sorted(found.items())
            for version in sorted(versions, key=int, reverse=True)
        ]

    def stage(self, name: str) -> tuple[Staged, Digests]:
        """Read a model's folder anew, and open of its newest versions what is not live already. For a thread.

        Raises ModelRefused where one of them fails any step, or there is none.
        """
        folder = self._settings.models / name
        staged: dict[str, LiveModel | Opened] = {}
        for version in bundle.versions(folder)[: self._settings.live_versions]:
            try:
                staged[version] = self._same_or_opened(name, version)
            except Exception as error:  # whatever a version does
                reason = _reason(error)
                raise ModelRefused(f"{name}/{version} cannot be served: {reason}", {version: reason}) from error
        if not staged:
            raise ModelRefused(f"{folder} holds no version any more", {})
        return staged, {f"{name}/{version}": digest_of(one.manifest) for version, one in staged.items()}

    def swap(self, name: str, staged: Staged, refused: Mapping[str, str] = MappingProxyType({})) -> None:
        """Let exactly this be live of a model; `refused` says of other versions why they are not. On the event loop."""
        before = self._live.get(name, {})
        others = {other: versions for other, versions in self._live.items() if other != name}
        for version, model in before.items():
            if staged.get(version) is not model:
                self._metrics.model_gone(*_info(model))
                log.info("no longer live", model=name, version=version)
        versions = {
            version: one if isinstance(one, LiveModel) else self._bring_live(one) for version, one in staged.items()
        }
        self._live = dict(sorted({**others, name: versions}.items())) if versions else others
        self._refused[name] = refused

    def refuse(self, name: str, reasons: Mapping[str, str]) -> None:
        """Remember why versions of a model were refused."""
        self._refused[name] = reasons

    def close(self) -> None:
        for model in self.all():
            model.batcher.close()

    def _nothing_answers(self, names: list[str]) -> StartError:
        default, models = self._settings.default_model, self._settings.models
        if default in names:
            return StartError(f"no version of the default model {default!r} could be made live; the reasons are logged")
        there = (
            f"there {'is' if len(names) == 1 else 'are'} {', '.join(names)}" if names else "there is no bundle at all"
        )
        return StartError(
            f"the default model is called {default!r}, but in {models} {there}; set DIGITSERVE_DEFAULT_MODEL to one "
            "that is there, or --models to its folder"
        )

    def _sound(self, name: str, versions: Iterable[str]) -> tuple[Staged, Mapping[str, str]]:
        """The first that pass every step, as many as are kept live, and why others did not."""
        sound: dict[str, LiveModel | Opened] = {}
        refused: dict[str, str] = {}
        for version in versions:
            if len(sound) == self._settings.live_versions:
                break
            try:
                sound[version] = self._same_or_opened(name, version)
            except StartError:
                raise
            except Exception as error:  # whatever a version does, it takes no other down with it
                refused[version] = _reason(error)
                log.error("version refused", model=name, version=version, reason=refused[version])
        return sound, refused

    def _same_or_opened(self, name: str, version: str) -> LiveModel | Opened:
        """What is live already where its files are the same."""
        task, found = read_version(self._settings.models / name / version, self._tasks)
        live = self._live.get(name, {}).get(version)
        if live is not None and live.digest == digest_of(found.manifest):
            return live
        return open_bundle(task, found, self._settings)

    def _bring_live(self, opened: Opened) -> LiveModel:
        settings, manifest, runner = self._settings, opened.manifest, opened.runner
        shapes_vary = any(ANY in tensor.shape[int(runner.batched) :] for tensor in runner.contract.inputs)
        batcher = Batcher(
            runner.run,
            self._metrics,
            name=manifest.name,
            version=manifest.version,
            max_batch_size=settings.max_batch_size,
            max_queue_rows=settings.max_queue_images,
            max_wait_seconds=settings.max_wait_seconds,
            inline_rows=0 if shapes_vary else opened.warmed.inline_rows,  # what was measured was of one shape
            batched=runner.batched,
            shapes_vary=shapes_vary,
        )
        model = LiveModel(opened, batcher)
        self._metrics.model_live(*_info(model))
        log.info("live", model=manifest.name, version=manifest.version, provider=opened.session.provider)
        return model

    def _entry(self, name: str, version: str, *, is_live: bool) -> IndexEntry:
        if is_live:
            return {"name": name, "version": version, "state": "READY", "reason": ""}
        newest = self._settings.live_versions
        untried = f"not tried since this worker began; loading the model brings its {newest} newest versions live"
        reason = self._refused.get(name, {}).get(version, untried)
        return {"name": name, "version": version, "state": "UNAVAILABLE", "reason": reason}


def _info(model: LiveModel) -> tuple[str, str, str, str]:
    """What metrics tell of it."""
    return *model.names, model.session.provider, model.manifest.model_sha256


def _reason(error: Exception) -> str:
    said = str(error) if isinstance(error, BundleError) else f"{type(error).__name__}: {error}"
    return said[:MOST_REASON]
