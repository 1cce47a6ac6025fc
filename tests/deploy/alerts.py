"""Of each alert, what has been counted where it fires, and where it does not. In promtool's notation of series."""

from typing import NamedTuple

OF = 'job="digitserve", instance="one:8000"'
Series = dict[str, str]


class Case(NamedTuple):
    firing: Series
    silent: Series
    after: str
    interval: str = "1m"


def requests(**by_status: int) -> Series:
    """So many each minute, for ten hours."""
    return {
        f'digitserve_requests_total{{{OF}, route="/v1/predict", status="{status.removeprefix("s")}"}}': f"0+{count}x600"
        for status, count in by_status.items()
    }


def bucket(metric: str, labels: str, **counts: int) -> Series:
    """A histogram's buckets, le in milliseconds, of which so many are added each minute."""
    bounds = {"all": "+Inf"} | {name: str(int(name[1:]) / 1000) for name in counts if name != "all"}
    return {f'{metric}_bucket{{{OF}, {labels}le="{bounds[name]}"}}': f"0+{count}x60" for name, count in counts.items()}


def images(accepted: str, others: str) -> Series:
    made = {"accept": accepted, "review": others}
    return {
        f'digitserve_images_total{{{OF}, model="digits", version="3", decision="{decision}"}}': values
        for decision, values in made.items()
    }


def golden(right: int, wrong: int) -> Series:
    made = {"right": right, "wrong": wrong}
    return {
        f'digitserve_golden_digits_total{{{OF}, model="digits", version="3", outcome="{outcome}"}}': f"0+{count}x60"
        for outcome, count in made.items()
    }


UP, MODEL = f"up{{{OF}}}", f'digitserve_model_info{{{OF}, model="digits", version="3"}}'
PREDICT, QUEUE = 'route="/v1/predict", ', 'stage="queue", '

CASES = {
    "DigitserveErrorBudgetBurnsFast": Case(requests(s200=970, s500=30), requests(s200=990, s500=10), "2h"),
    "DigitserveErrorBudgetBurnsSlowly": Case(requests(s200=990, s500=10), requests(s200=996, s500=4), "8h"),
    "DigitserveSlow": Case(
        bucket("digitserve_request_seconds", PREDICT, u100=90, u500=100, all=100),
        bucket("digitserve_request_seconds", PREDICT, u100=100, u500=100, all=100),
        "30m",
    ),
    "DigitserveRequestsWait": Case(
        bucket("digitserve_stage_seconds", QUEUE, u100=90, u1000=100, all=100),
        bucket("digitserve_stage_seconds", QUEUE, u100=100, u1000=100, all=100),
        "30m",
    ),
    "DigitserveRefuses": Case(requests(s200=90, s429=10), requests(s200=98, s429=2), "30m"),
    "DigitserveDown": Case({UP: "1x5 0x60"}, {UP: "1x5 0 1x60"}, "10m"),
    "DigitserveNoLiveModel": Case({UP: "1x60"}, {UP: "1x60", MODEL: "1x60"}, "10m"),
    "DigitserveKnownDigitsMisread": Case(golden(right=6, wrong=4), golden(right=9, wrong=1), "30m"),
    "DigitserveDecisionsDrift": Case(
        images("0+9x1440 12969+5x600", "0+1x1440 1441+5x600"), images("0+9x2040", "0+1x2040"), "27h"
    ),
    "DigitserveWorkersRestart": Case(
        {f"digitserve_worker_starts_total{{{OF}}}": "2x5 2+1x30"},
        {f"digitserve_worker_starts_total{{{OF}}}": "2x5 3x30"},
        "20m",
    ),
    "DigitserveEventLoopHeld": Case(
        bucket("digitserve_event_loop_lag_seconds", "", u100=90, u500=100, all=100),
        bucket("digitserve_event_loop_lag_seconds", "", u100=100, u500=100, all=100),
        "30m",
    ),
}
