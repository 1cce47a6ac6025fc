"""Triton's statistics of models, from the metrics of all workers. Source: Triton's statistics extension."""

from collections import defaultdict
from collections.abc import Iterable

from prometheus_client import Metric

from app.serving.description import Object
from app.serving.repository import LiveModel
from app.telemetry.metrics import FAILURE, SUCCESS, Metrics

NANOSECONDS = 1e9
# The protocol's names of our stages; it counts as many requests for each as succeeded.
STAGES = {
    "success": (SUCCESS,),
    "queue": ("queue",),
    "compute_input": ("read", "decode", "normalise"),
    "compute_infer": ("infer",),
    "compute_output": ("encode",),
}


async def statistics_of(models: list[LiveModel], metrics: Metrics) -> Object:
    """Of these models."""
    statistics = Statistics((await metrics.collect()).metrics)
    return {"model_stats": [statistics.of(model) for model in models]}


class Statistics:
    """Counters since the service began, by model and version."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._values: dict[tuple[str, ...], float] = {}
        self._sizes: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for metric in metrics:
            for sample in metric.samples:
                if "model" in sample.labels and "version" in sample.labels:
                    self._add(sample.name, sample.labels, sample.value)

    def of(self, model: LiveModel) -> Object:
        name, version = model.names
        succeeded = self._value("digitserve_inferences_total", name, version, SUCCESS)
        failed = self._value("digitserve_inferences_total", name, version, FAILURE)
        stages = {said: sum(self._seconds(name, version, one) for one in ours) for said, ours in STAGES.items()}
        sizes = sorted(self._sizes[name, version])
        runs = [self._value("digitserve_runs_total", name, version, str(size)) for size in sizes]
        return {
            "name": name,
            "version": version,
            "inference_count": int(self._value("digitserve_inference_rows_total", name, version)),
            "execution_count": int(sum(runs)),
            "inference_stats": {
                **{said: _duration(succeeded, seconds) for said, seconds in stages.items()},
                "fail": _duration(failed, self._seconds(name, version, FAILURE)),
                "cache_hit": _duration(0, 0),
                "cache_miss": _duration(0, 0),
            },
            "batch_stats": [self._batch(name, version, size, count) for size, count in zip(sizes, runs, strict=True)],
        }

    def _add(self, name: str, labels: dict[str, str], value: float) -> None:
        model, version = labels["model"], labels["version"]
        last = next((labels[one] for one in ("outcome", "stage", "rows") if one in labels), None)
        self._values[(name, model, version) if last is None else (name, model, version, last)] = value
        if "rows" in labels:
            self._sizes[model, version].add(int(labels["rows"]))

    def _value(self, *key: str) -> float:
        return self._values.get(key, 0.0)

    def _seconds(self, name: str, version: str, stage: str) -> float:
        return self._value("digitserve_inference_seconds_total", name, version, stage)

    def _batch(self, name: str, version: str, size: int, count: float) -> Object:
        seconds = self._value("digitserve_run_seconds_total", name, version, str(size))
        none = _duration(count, 0)
        return {
            "batch_size": size,
            "compute_input": none,
            "compute_infer": _duration(count, seconds),
            "compute_output": none,
        }


def _duration(count: float, seconds: float) -> Object:
    return {"count": int(count), "ns": int(seconds * NANOSECONDS)}
