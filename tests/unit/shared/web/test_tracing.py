from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, Request, get
from litestar.params import FromPath
from litestar.types import ASGIApp
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from shared.telemetry.tracing import Tracing
from shared.web.tracing import Traced, traced
from tests.serving import client_of, serving

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


@get("/seen/{name:str}")
async def seen(request: Request[Any, Any, Any], name: FromPath[str]) -> dict[str, str]:
    if name == "broken":
        raise ZeroDivisionError
    return dict(request.headers)


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
async def client(spans: InMemorySpanExporter) -> AsyncIterator[httpx.AsyncClient]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    app = Litestar([seen], openapi_config=None, logging_config=None)
    app.asgi_handler = Traced(app.asgi_handler, Tracing(provider.get_tracer("test")))
    async with serving(app), client_of(app) as client:
        yield client


async def test_a_request_has_a_span_named_for_its_route(client: httpx.AsyncClient, spans: InMemorySpanExporter) -> None:
    await client.get("/seen/private")
    (span,) = spans.get_finished_spans()
    assert span.name == "GET /seen/{name}"
    assert span.kind is SpanKind.SERVER
    assert span.parent is None
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.route": "/seen/{name}",
        "http.response.status_code": 200,
    }


async def test_the_span_continues_the_clients_trace_and_the_app_continues_the_span(
    client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    answer = await client.get("/seen/it", headers={"traceparent": PARENT, "tracestate": "a=b", "x-other": "kept"})
    (span,) = spans.get_finished_spans()
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"
    assert answer.json()["traceparent"] == f"00-{TRACE_ID}-{span.context.span_id:016x}-01"
    assert (answer.json()["tracestate"], answer.json()["x-other"]) == ("a=b", "kept")


@pytest.mark.parametrize(("path", "status"), [("/seen/broken", 500), ("/nowhere", 404)])
async def test_an_error_is_recorded_with_its_status(
    client: httpx.AsyncClient, spans: InMemorySpanExporter, path: str, status: int
) -> None:
    assert (await client.get(path)).status_code == status
    (span,) = spans.get_finished_spans()
    attributes = dict(span.attributes or {})
    assert attributes["http.response.status_code"] == status
    assert ("error.type" in attributes) == (status == 500)


def test_an_app_in_a_process_that_is_not_traced_is_left_as_it_is() -> None:
    app: ASGIApp = Litestar([], openapi_config=None)
    assert traced(app) is app
