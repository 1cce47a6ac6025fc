"""The commands of `digitserve-client`, and what each makes of its options."""

import math
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from threading import Event
from typing import Annotated, TypeVar, cast

import typer

from digitserve_client import many
from digitserve_client.bulk import LASTING, PATIENCE, item_error
from digitserve_client.calls import LOCAL
from digitserve_client.chunks import Lull
from digitserve_client.client import Client
from digitserve_client.command import inputs, notices, outputs, watching
from digitserve_client.command.inputs import Named
from digitserve_client.command.outputs import DIGIT_FIELDS, NUMBER_FIELDS, Form
from digitserve_client.errors import BadRequest, DigitserveError, Forbidden, NotFound, ServiceError, Unauthorized
from digitserve_client.images import AnyImage, shown
from digitserve_client.many import AT_ONCE
from digitserve_client.progress import ShowProgress
from digitserve_client.results import ItemError, Number, Prediction

DONE, SOME_FAILED, MISUSED, NO_SERVICE, INTERRUPTED = 0, 1, 2, 3, 130  # exit statuses
ENDS = (
    "Exit status: 0 all are answered, 1 some are not, 2 misused (no such file or model, no right to it), "
    "3 the service does not answer, 130 interrupted."
)
OF_CALLER = (BadRequest, Unauthorized, Forbidden, NotFound)  # the model's name, the key
OF_ONE = frozenset({413, 415, 422})  # statuses that say something of one picture, and nothing of the others

cli = typer.Typer(no_args_is_help=True, help="Ask a digitserve service which digits and numbers pictures show.")
T = TypeVar("T")

Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT...",
        help="Pictures, folders of pictures, .npy files of frames; or - for stdin: a picture, or a path a line.",
    ),
]
Model = Annotated[str | None, typer.Option(help="By default the service's own.")]
Version = Annotated[str | None, typer.Option(help="Of the model; by default its newest.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="A table with a head.")]
AsJson = Annotated[bool, typer.Option("--json", help="An object a line.")]
AsParquet = Annotated[bool, typer.Option("--parquet", help="Needs --out, and the extra `parquet`.")]
Out = Annotated[Path | None, typer.Option(dir_okay=False, help="The file to write; by default stdout.")]
AtOnce = Annotated[int, typer.Option(min=1, help="Requests under way at a time.")]
Patience = Annotated[float, typer.Option(min=0, help="Seconds to go on trying while the service is away or busy.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress, no tries that failed, and no count at the end.")
]


@cli.callback()
def service(
    context: typer.Context,
    url: Annotated[str, typer.Option(envvar="DIGITS_URL", help="The service's address.")] = LOCAL,
    key: Annotated[str | None, typer.Option(envvar="DIGITS_KEY", help="API key.", show_default=False)] = None,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until the service is ready.")] = 0.0,
) -> None:
    """Ask a digitserve service which digits and numbers pictures show."""
    with _told():
        client = context.with_resource(Client(url, api_key=key))
    context.obj = client, wait


@cli.command(epilog=ENDS)
def predict(
    context: typer.Context,
    inputs: Inputs,
    csv: AsCsv = False,
    json: AsJson = False,
    parquet: AsParquet = False,
    out: Out = None,
    model: Model = None,
    version: Version = None,
    at_once: AtOnce = AT_ONCE,
    patience: Patience = PATIENCE,
    quiet: Quiet = False,
) -> None:
    """Which digit each picture shows: any number of them, in order, as they come."""
    form = _form(csv, json, parquet, out)
    if not quiet:
        notices.tell()
    with _told():
        client = _client(context)
        names: deque[str] = deque()  # of what is under way
        answers = client.predict_many(
            (_noted(names, one) for one in _inputs(inputs)),
            model=model,
            version=version,
            at_once=at_once,
            patience=patience,
            progress=_progress(out, quiet),
        )
        _write(((names.popleft(), answer) for answer in answers), form, DIGIT_FIELDS, out, quiet)


@cli.command(epilog=ENDS)
def read(
    context: typer.Context,
    inputs: Inputs,
    csv: AsCsv = False,
    json: AsJson = False,
    parquet: AsParquet = False,
    out: Out = None,
    model: Model = None,
    version: Version = None,
    at_once: AtOnce = AT_ONCE,
    quiet: Quiet = False,
) -> None:
    """Every whole number in each picture."""
    form = _form(csv, json, parquet, out)
    with _told():
        client = _client(context)

        def numbers(one: Named) -> tuple[str, list[Number] | ItemError]:
            return one.name, _alone(lambda image: client.read(image, model=model, version=version), one)

        _write(many.in_order(_inputs(inputs), numbers, at_once, Event()), form, NUMBER_FIELDS, out, quiet)


@cli.command(epilog=ENDS)
def explain(
    context: typer.Context,
    inputs: Inputs,
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder for the heat maps, NAME.heatmap.png.")] = Path(),
    model: Model = None,
    version: Version = None,
) -> None:
    """Which digit each picture shows, what the next likely one is, and a heat map of what speaks for the digit."""
    failed, maps = 0, outputs.HeatMaps(out)
    with _told():
        client = _client(context)
        out.mkdir(parents=True, exist_ok=True)
        for one in _inputs(inputs):
            if isinstance(one, Lull):
                continue
            found = _alone(lambda image: client.explain(image, model=model, version=version), one)
            if isinstance(found, ItemError):
                failed += 1
                typer.echo(outputs.line(one.name, found))
                continue
            picture = maps.write(one.name, found.evidence.heatmap)
            second = f"else {found.runner_up.digit} ({found.runner_up.confidence:.1%})"
            typer.echo(f"{outputs.line(one.name, found.prediction)}; {second}; {shown(str(picture))}")
    raise typer.Exit(SOME_FAILED if failed else DONE)


@cli.command()
def watch(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(exists=True, file_okay=False)],
    existing: Annotated[bool, typer.Option("--existing", help="Those too that are there already.")] = False,
    csv: AsCsv = False,
    json: AsJson = False,
    out: Out = None,
    model: Model = None,
    version: Version = None,
    every: Annotated[float, typer.Option(min=0.05, help="Seconds between looks at the folder.")] = 0.5,
) -> None:
    """Read each picture that comes into a folder, until Ctrl-C or SIGTERM. A service that is away is waited for.

    Answers are written after those that the file holds.
    """
    form = _form(csv, json, False, out)
    with _told(), outputs.writing(form, DIGIT_FIELDS, out, append=True) as writer:
        notices.tell()
        client = _client(context)
        try:
            for paths in watching.arrivals(folder, every, existing=existing):
                for path, answer in _each(client, paths, model, version):
                    writer.write(shown(str(path)), answer)
                writer.flush()
        except KeyboardInterrupt:
            raise typer.Exit(DONE) from None


def run() -> None:
    """The command."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends as Ctrl-C does: what was read is written
    cli(prog_name="digitserve-client")


def _client(context: typer.Context) -> Client:
    client: Client
    client, wait = context.obj
    if wait:
        client.wait_ready(wait)
    return client


def _form(csv: bool, json: bool, parquet: bool, out: Path | None) -> Form:
    wanted = [form for form, is_wanted in ((Form.CSV, csv), (Form.JSON, json), (Form.PARQUET, parquet)) if is_wanted]
    if len(wanted) > 1:
        raise typer.BadParameter(f"--{wanted[0]} and --{wanted[1]} exclude each other; give one")
    if parquet and out is None:
        raise typer.BadParameter("--parquet writes a file; say which with --out")
    return wanted[0] if wanted else Form.TEXT


def _inputs(arguments: list[str]) -> Iterator[Named | Lull]:
    return inputs.images(arguments, cast(BufferedReader, sys.stdin.buffer))


def _noted(names: deque[str], one: Named | Lull) -> AnyImage:
    if isinstance(one, Lull):
        return cast(AnyImage, one)  # known to what cuts chunks, and to no other caller
    names.append(one.name)
    return one.image


def _progress(out: Path | None, quiet: bool) -> ShowProgress:
    """A bar on stderr, where the answers themselves do not run over the same screen."""
    shown = sys.stderr.isatty() and (out is not None or not sys.stdout.isatty())
    return "rich" if shown and not quiet else None


def _alone(ask: Callable[[AnyImage], T], one: Named) -> T | ItemError:
    """What is wrong with one picture keeps no other from its answer."""
    try:
        return ask(one.image)
    except ServiceError as error:
        if error.status not in OF_ONE:
            raise
        return item_error(error)
    except (OSError, ValueError) as error:
        return ItemError(0, "unreadable_file", str(error))


def _each(
    client: Client, paths: list[Path], model: str | None, version: str | None
) -> Iterator[tuple[Path, Prediction | ItemError]]:
    """As long as it takes; but a picture on which the service always fails has that as its answer."""
    done = 0
    while done < len(paths):
        try:
            for answer in client.predict_many(paths[done:], model=model, version=version, patience=math.inf):
                yield paths[done], answer
                done += 1
        except LASTING as error:  # of the first that has no answer, and of none besides
            yield paths[done], item_error(error)
            done += 1


def _write(
    answers: Iterator[tuple[str, Prediction | ItemError]] | Iterator[tuple[str, list[Number] | ItemError]],
    form: Form,
    fields: tuple[str, ...],
    out: Path | None,
    quiet: bool,
) -> None:
    """All answers; exits with what became of them."""
    count = failed = 0
    with outputs.writing(form, fields, out) as writer:
        for name, answer in answers:
            count += 1
            failed += isinstance(answer, ItemError)
            writer.write(name, answer)
            if out is None:
                writer.flush()  # to what reads it as it comes
    if not quiet:
        typer.echo(f"{count:,} pictures, {failed:,} without an answer", err=True)
    raise typer.Exit(SOME_FAILED if failed else DONE)


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is said in a sentence on stderr, and by the exit status."""
    try:
        yield
    except DigitserveError as error:
        status, said = MISUSED if isinstance(error, OF_CALLER) else NO_SERVICE, str(error)
    except (ValueError, OSError, ImportError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        status, said = MISUSED, str(error)
    except KeyboardInterrupt:
        status, said = INTERRUPTED, "interrupted"
    else:
        return
    typer.echo(f"digitserve-client: {said}", err=True)
    raise typer.Exit(status)
