"""What was measured and what was simulated, as `scale.json` keeps it. Seconds are of CPU unless said otherwise."""

from statistics import median

from pydantic import BaseModel, ConfigDict

BOUND_SECONDS = 0.05  # that the 99th percentile is to keep,
OWN_TIMES = 4.0  # or so many times what a request itself takes, where that is more
Trace = list[tuple[float, float]]
"""When a core was lost to others: seconds of work before, seconds lost, again and again."""


class Sample(BaseModel):
    """Part of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Kind(Sample):
    """One kind of request, with all that it costs, by round."""

    name: str
    images: int  # of one request; of a number, its digits
    request_bytes: int  # with its head
    answer_bytes: int
    connections: int
    loop_seconds: list[float]  # a request, runs among them
    decode_seconds: list[float]  # a request, in the pool's process
    sizes: list[float]  # what decoding each of several such pictures takes, 1 the mean
    rows: float  # that the model is asked for
    run_rows: float  # in a run, on average
    rates: list[float]  # requests a second that were answered, by the clock on the wall

    @property
    def in_all(self) -> list[float]:
        """Seconds of a request, by round."""
        return [loop + decode for loop, decode in zip(self.loop_seconds, self.decode_seconds, strict=True)]

    @property
    def seconds(self) -> float:
        """Of a request: the least of the rounds, for what shares caches and cores only adds to it."""
        return min(self.in_all)

    @property
    def bound(self) -> float:
        """Of its 99th percentile, in seconds."""
        return max(BOUND_SECONDS, OWN_TIMES * self.seconds)

    @property
    def strain(self) -> float:
        """How many times as much it takes where others work beside it: the median of the rounds."""
        return median(self.in_all) / self.seconds

    @property
    def images_a_second(self) -> float:
        """Of a core that does nothing else."""
        return self.images / self.seconds


class Point(Sample):
    """An open loop at one rate, with what the machine took from either core around it."""

    kind: str
    share: float  # of the capacity by CPU
    rate: float
    seconds: float
    p50: float  # by the clock
    p99: float
    refused: float  # share of those answered
    answered: float  # share of those due
    server_trace: Trace
    client_trace: Trace


class Scrape(Sample):
    """What one /metrics is after all kinds were asked."""

    series: int
    bytes: int
    seconds: float
    run_series: int  # of them, those by rows of a run


class Measured(Sample):
    machine: str
    date: str
    load: list[float]  # averages of a minute, before each round
    kinds: list[Kind]
    runs: list[tuple[int, float]]  # rows, seconds by the clock
    alone_seconds: list[float]  # of a request of pixels on one connection
    client_seconds: float  # of a request, in the load's process
    starts: list[float]  # by the clock, from the command to readiness
    workers_bytes: list[tuple[int, int]]  # workers, memory of all of them
    models_bytes: int
    scrape: Scrape
    points: list[Point]

    def kind(self, name: str) -> Kind:
        return next(one for one in self.kinds if one.name == name)


class Prediction(Sample):
    """What the simulation says of the points of one kind and share, and what was measured: medians of the rounds."""

    kind: str
    share: float
    rate: float
    p50: float
    p99: float
    refused: float
    p50_alone: float  # with no other work on the machine
    p99_alone: float


class Headroom(Sample):
    """The 99th percentile at one utilisation."""

    kind: str
    group: int  # requests that come at once
    balanced: bool  # of several workers, where each request goes to the less busy of two
    utilisation: float
    p99: float


class Scenario(Sample):
    """A fleet's time, in slices of `slice_seconds`."""

    name: str
    slice_seconds: float
    offered: list[float]  # requests a second
    workers: list[int]  # that are ready
    p99: list[float]
    refused: list[float]  # share
    back_after: float | None  # seconds from the step until it is as before; None: not in time


class Simulated(Sample):
    predictions: list[Prediction]
    headroom: list[Headroom]
    scenarios: list[Scenario]


class Samples(Sample):
    measured: Measured
    simulated: Simulated
