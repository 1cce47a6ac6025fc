"""The models that are live: each verified, opened, warmed and checked on golden digits before anyone can reach it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import structlog

from app.config import Settings
from app.cores import usable_cores
from app.errors import BundleError, ModelNotFound, StartError
from app.inference import bundle
from app.inference.batcher import Batcher
from app.inference.bundle import Manifest, Thresholds
from app.inference.session import CPU, ENERGY, Frames, Scores, Session
from app.inference.warmup import WarmUp, warm_up
from app.metrics import Metrics

log = structlog.get_logger()

GOLDEN_RIGHT = 8  # of the ten golden digits: a bundle that reads fewer is broken or no digit model at all


@dataclass(frozen=True)
class LiveModel:
    """One version that answers requests."""

    manifest: Manifest
    session: Session
    batcher: Batcher
    warmed: WarmUp

    @cached_property
    def reference(self) -> dict[str, str]:
        """What every answer says of its model."""
        return {"name": self.manifest.name, "version": self.manifest.version}

    @cached_property
    def label(self) -> str:
        """What logs and processes call it."""
        return f"{self.manifest.name}/{self.manifest.version}"

    def decide(self, confidence: float, energy: float) -> str:
        """accept, review or reject, by the thresholds that training chose on its validation split."""
        thresholds = self.manifest.thresholds
        if thresholds.energy is not None and energy > thresholds.energy:
            return "reject"
        if confidence >= thresholds.accept:
            return "accept"
        return "review" if confidence >= thresholds.review else "reject"

    def decide_all(self, scores: Scores) -> list[str]:
        """A decision for each row of float32 [N, 11]."""
        return list(map(self.decide, scores[:, :ENERGY].max(axis=1).tolist(), scores[:, ENERGY].tolist()))


class Repository:
    """All live models by name and version. `golden` are the ten digits 0..9 as frames, uint8 [10, 28, 28]."""

    def __init__(self, settings: Settings, metrics: Metrics, golden: Frames) -> None:
        self._settings = settings
        self._metrics = metrics
        self._golden = golden
        self._live: dict[str, dict[str, LiveModel]] = {}

    def load(self) -> None:
        """Bring the newest versions of every model live. One that fails any step is logged and left out.

        Raises StartError where the device that was asked for does not work, or no default model is there to answer.
        """
        names = list(bundle.names(self._settings.models))
        for name in names:
            live = self._load_newest(self._settings.models / name)
            if live:
                self._live[name] = live
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

    def all(self) -> list[LiveModel]:
        """Every live model: by name, newest version first."""
        return [model for versions in self._live.values() for model in versions.values()]

    def digests(self) -> dict[str, str]:
        """By NAME/VERSION, of the manifest, which has the model's own: what makes two processes answer alike."""
        return {model.label: bundle.digest(model.manifest.model_dump_json().encode()) for model in self.all()}

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

    def _load_newest(self, folder: Path) -> dict[str, LiveModel]:
        live: dict[str, LiveModel] = {}
        for version in bundle.versions(folder):
            if len(live) == self._settings.live_versions:
                break
            try:
                live[version] = self._open(folder / version)
            except StartError:
                raise
            except Exception as error:  # whatever a version does, it takes no other down with it
                reason = str(error) if isinstance(error, BundleError) else f"{type(error).__name__}: {error}"
                log.error("version refused", model=folder.name, version=version, reason=reason)
        return live

    def _open(self, folder: Path) -> LiveModel:
        manifest, model = bundle.read(folder)
        settings = self._settings
        session = Session(model, device=settings.device, threads=settings.threads, labels=manifest.labels)
        _check_golden(session, self._golden, manifest.thresholds)
        spare_core = session.provider != CPU or usable_cores() > settings.workers * settings.threads
        warmed = warm_up(session.run, settings.chunk_images, spare_core=spare_core)
        batcher = Batcher(
            session.run,
            self._metrics,
            name=manifest.name,
            chunk_images=settings.chunk_images,
            max_queue_images=settings.max_queue_images,
            max_wait_seconds=settings.max_wait_seconds,
            inline_images=warmed.inline_images,
        )
        self._metrics.model_info.labels(manifest.name, manifest.version, session.provider, manifest.model_sha256).set(1)
        log.info("live", model=manifest.name, version=manifest.version, provider=session.provider)
        return LiveModel(manifest, session, batcher, warmed)


def _check_golden(session: Session, golden: Frames, thresholds: Thresholds) -> None:
    scores = session.run(golden)
    if thresholds.energy is not None and np.isnan(scores[:, ENERGY]).any():
        raise BundleError("the manifest has a threshold for the energy, but the model gives none")
    probabilities = scores[:, :ENERGY]
    if not np.allclose(sums := probabilities.sum(axis=1), 1, atol=1e-3):
        raise BundleError(f"the rows of `probabilities` must sum to 1; got {sums.tolist()}")
    right = int((probabilities.argmax(axis=1) == np.arange(len(golden))).sum())
    if right < GOLDEN_RIGHT:
        raise BundleError(f"the model reads only {right} of the {len(golden)} golden digits right")
