"""create_app(settings): wires the rooms."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

import structlog
from fastapi import FastAPI, Request
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException

from app.config import Settings, networks
from app.cores import usable_cores
from app.errors import BadRequest, MethodNotAllowed, StartError
from app.http import assets, catalogue, system
from app.http.access import AccessLog
from app.http.front import Front, HandBack
from app.http.lifecycle import Lifecycle, Parent
from app.http.limits import Limits
from app.http.openapi import describe, document
from app.http.proxies import Proxies
from app.http.routes import Routes
from app.http.v1 import bodies, limits, models
from app.http.v1 import documented as v1_documented
from app.http.v1.digits import Digits
from app.http.v1.examples import examples
from app.http.v2 import codec, compression, server, statistics
from app.http.v2 import documented as v2_documented
from app.http.v2 import models as v2_models
from app.http.v2.inference import Inference, Operations
from app.http.v2.repository import ModelRepository
from app.imaging import decode
from app.serving.control import Control
from app.serving.held import HeldBytes
from app.serving.keys import Keys
from app.serving.pool import Pool
from app.serving.repository import Repository
from app.serving.service import Service
from app.serving.tensors import Reference
from app.tasks.digits import golden, portions, work
from app.tasks.digits.inference import InferDigits
from app.tasks.digits.manifest import TASK as DIGITS
from app.tasks.digits.preprocessor import Preprocessor
from app.tasks.lines.manifest import TASK as LINES
from app.tasks.lines.reading import Lines
from app.tasks.registry import TASKS
from app.tasks.tensors.manifest import TASK as TENSORS
from app.tasks.tensors.operations import Infer
from app.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from app.grpc.server import GrpcServer
    from app.telemetry.tracing import Tracing

log = structlog.get_logger()

IN_PROCESSES = [
    *(module.__name__ for module in (work, portions, bodies, codec, compression)),
    *(module for kind, module in decode.MODULES.items() if kind in decode.FORMATS.values()),
]  # whose functions run in the pool's processes
GRPC_CODEC = f"{__package__}.grpc.codec"  # likewise, where there is gRPC; a name, for what it imports is an extra
SCHEMAS = {**v1_documented.SCHEMAS, **v2_documented.SCHEMAS}  # of what `Front` answers
GARBAGE_BEFORE_COLLECTION = 20_000  # objects; requests leave no cycles, so that looking for some seldom finds any


def create_app(settings: Settings, parent: Parent | None = None) -> Front:
    """The whole service. Its models are loaded when it starts up: raises StartError, there, where they cannot be.

    `parent` is that of the workers, where this is one.
    """
    metrics, lifecycle = Metrics(CollectorRegistry()), Lifecycle(settings.drain_seconds, parent)
    repository = Repository(settings, metrics, TASKS)
    with_grpc = settings.grpc_port is not None
    pool = Pool(max(1, usable_cores() // settings.workers), _in_processes(settings), settings.max_wait_seconds)
    preprocessor = Preprocessor(settings, pool)
    control, keys = Control(settings, repository, parent), Keys(settings.api_keys)
    service, held = Service(settings, repository), HeldBytes(settings)
    digits = Digits(settings, service, preprocessor, Lines(repository, settings.line_reader), metrics)
    operations: Operations = {DIGITS: InferDigits(preprocessor), LINES: Infer(), TENSORS: Infer()}
    inference = Inference(settings, service, pool, held, operations)
    tracing = _tracing(settings)
    grpc = None
    if with_grpc:
        grpc = _grpc_server(
            settings, service, repository, pool, metrics, held, operations, keys, control, lifecycle, tracing
        )

    model_repository = ModelRepository(control)
    framework = _framework(_lifespan(settings, repository, pool, metrics, lifecycle, control, parent, grpc, tracing))
    routers = [
        document([*v1_documented.documented(digits), *v2_documented.documented(inference, model_repository)]),
        models.router(repository, settings.default_model),
        limits.router(settings),
        server.router(lifecycle),
        statistics.router(repository, metrics),
        v2_models.router(repository, settings),
        system.router(repository, metrics, lifecycle),
        describe(framework, SCHEMAS, examples, partial(_one_live, repository, settings)),
        catalogue.router(),
        assets.router(),
    ]
    for router in routers:
        framework.include_router(router)
    return Front(
        framework,
        {**digits.endpoints(), **inference.endpoints(), **model_repository.endpoints()},
        routes=Routes(route for router in routers for route in router.routes),
        proxies=Proxies(proxies) if (proxies := networks(settings.trusted_proxies)) else None,
        limits=Limits(settings, keys, held),
        held=held,
        metrics=metrics,
        access=AccessLog(settings.access_lines),
        lifecycle=lifecycle,
        tracing=tracing,
    )


def _in_processes(settings: Settings) -> list[str]:
    return IN_PROCESSES if settings.grpc_port is None else [*IN_PROCESSES, GRPC_CODEC]


def _one_live(repository: Repository, settings: Settings) -> Reference:
    """The default model, as far as it is live yet."""
    live = (model.reference for model in repository.all() if model.manifest.name == settings.default_model)
    return next(live, Reference(name=settings.default_model, version="1"))


def _tracing(settings: Settings) -> "Tracing | None":
    """Raises StartError where the extra is not installed."""
    if settings.otlp_endpoint is None:
        return None
    from app.telemetry.tracing import Tracing

    return Tracing(settings.otlp_endpoint, settings.trace_share)


def _grpc_server(
    settings: Settings,
    service: Service,
    repository: Repository,
    pool: Pool,
    metrics: Metrics,
    held: HeldBytes,
    operations: Operations,
    keys: Keys,
    control: Control,
    lifecycle: Lifecycle,
    tracing: "Tracing | None",
) -> "GrpcServer":
    """Raises StartError where the extra is not installed."""
    try:
        from app.grpc.methods import Methods
        from app.grpc.server import GrpcServer
    except ImportError as error:
        raise StartError(f"gRPC needs what is not installed ({error}): install digitserve[grpc]") from error
    methods = Methods(
        settings, service, repository, pool, metrics, held, operations, control, lambda: lifecycle.draining
    )
    return GrpcServer(settings, keys, metrics, held, methods.all(), tracing)


def _framework(lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]]) -> FastAPI:
    framework = FastAPI(
        title="digitserve",
        version=version("digitserve"),
        description="Classifies images of handwritten digits.",
        lifespan=lifespan,
        openapi_url=None,  # http.openapi makes it once
        docs_url=None,  # http.assets has its own
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat whatever Host the caller made up
    )
    framework.add_exception_handler(HTTPException, _translate_http)
    framework.add_middleware(HandBack)
    return framework


def _lifespan(
    settings: Settings,
    repository: Repository,
    pool: Pool,
    metrics: Metrics,
    lifecycle: Lifecycle,
    control: Control,
    parent: Parent | None,
    grpc: "GrpcServer | None",
    tracing: "Tracing | None",
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        pool.start()  # while the models are loaded
        try:
            repository.load(None if parent is None else parent.wanted)
            await pool.begin()
            while parent is not None and not parent.join(repository.digests(), control):
                repository.load(parent.wanted)
            if grpc is not None:
                await grpc.start()
        except StartError as error:
            log.critical("refused to start", reason=str(error))
            await pool.close()
            raise
        gc.collect()
        gc.freeze()  # what stands now stays: no collection needs to look at it again
        gc.set_threshold(GARBAGE_BEFORE_COLLECTION)
        lifecycle.handle_signals()
        metrics.health.watch()
        asking = asyncio.create_task(golden.watch(repository, metrics, settings.golden_seconds))
        yield
        asking.cancel()
        if grpc is not None:
            await grpc.stop()
        await pool.close()
        repository.close()
        metrics.flush()
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    return lifespan


async def _translate_http(request: Request, error: Exception) -> NoReturn:
    """Starlette's own refusals, in the service's words. Raised again, so that `Front` renders them as all others."""
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "")
        raise MethodNotAllowed(f"{request.url.path} takes {allowed}; {request.method} came", allowed=allowed) from error
    raise BadRequest(str(error.detail)) from error
