"""The ingest app's composition root."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from litestar import Litestar

from ingest import acks, deletes, events
from ingest.publisher import Publisher
from shared.aws.clients import Aws
from shared.aws.sqs import SqsQueue
from shared.clock import Clock, SystemClock
from shared.model.errors import Unavailable
from shared.ports import EventQueue, KeyStore
from shared.settings import Settings
from shared.telemetry.catalog import Metrics
from shared.web.app import Part, build_app


class _Ingest:
    """The resources of the handlers while the process serves."""

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, queue: EventQueue | None) -> None:
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._given = queue
        self._queue: EventQueue | None = None
        self._publisher: Publisher | None = None

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Open the queue, unless one was given; send pending packs before closing it."""
        async with AsyncExitStack() as stack:
            self._queue = self._given or await self._open(stack)
            self._publisher = Publisher(self._queue, self._settings, self._clock, self._metrics)
            stack.push_async_callback(self._publisher.aclose)
            yield

    async def ready(self) -> None:
        """Return if the queue answers; raise `Unavailable` if not."""
        if self._queue is None:
            raise Unavailable("the process is still starting")
        await self._queue.backlog()

    def publisher(self) -> Publisher:
        """Return the publisher."""
        if self._publisher is None:
            raise Unavailable("the process is still starting")
        return self._publisher

    async def _open(self, stack: AsyncExitStack) -> SqsQueue:
        # Nothing is received here, so one client is enough.
        client = await stack.enter_async_context(Aws(self._settings).sqs())
        return await SqsQueue.open(client, client, self._settings.queue_name)


def part(
    settings: Settings, *, queue: EventQueue | None = None, clock: Clock | None = None, metrics: Metrics | None = None
) -> Part:
    """Return ingest as one part of an app."""
    clock, metrics = clock or SystemClock(), metrics or Metrics()
    ingest = _Ingest(settings, clock, metrics, queue)
    posts = events.Events(ingest.publisher, clock, metrics, settings.max_posts)
    return Part(
        name="ingest",
        handlers=[events.handler(posts), *(make.handler(ingest.publisher, clock) for make in (acks, deletes))],
        routes={("POST", events.PATH): posts},
        lifespan=ingest.lifespan,
        ready=ingest.ready,
    )


def create_app(
    settings: Settings,
    *,
    queue: EventQueue | None = None,
    keys: KeyStore | None = None,
    clock: Clock | None = None,
    metrics: Metrics | None = None,
) -> Litestar:
    """Return an app that serves only ingest. It opens AWS's implementations of what is not given when it starts."""
    metrics = metrics or Metrics()
    ingest = part(settings, queue=queue, clock=clock, metrics=metrics)
    return build_app(settings, [ingest], keys=keys, clock=clock, metrics=metrics)
