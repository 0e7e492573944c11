import hashlib
import io
import statistics

import msgspec

from bench import webhooks as module
from bench.webhooks import COUNT, webhooks
from cli.event_file import Batch, read
from shared.compression import zstd_frame


def test_the_events_are_the_same_in_every_run() -> None:
    lines = b"\n".join(webhooks())
    assert hashlib.sha256(lines).hexdigest() == "b6cdb5f7f03e2b4610513410d564844909d467febf6808ae07b3b0aae402a858"
    module.webhooks.cache_clear()
    assert b"\n".join(webhooks()) == lines


def test_sizes_and_compressibility_are_those_of_recorded_deliveries() -> None:
    sizes = [len(event) for event in webhooks()]
    assert 8_000 <= statistics.median(sizes) <= 9_000
    assert 10_000 <= statistics.mean(sizes) <= 11_000
    assert 4.5 <= sum(sizes) / sum(len(zstd_frame(event)) for event in webhooks()) <= 5.5


def test_every_event_is_a_line_of_its_own_that_can_be_sent() -> None:
    batches = list(read(io.BytesIO(b"\n".join(webhooks())), COUNT))
    sent = [msgspec.json.decode(batch.body, type=list[msgspec.Raw]) for batch in batches if isinstance(batch, Batch)]
    assert [bytes(event) for events in sent for event in events] == list(webhooks())
    assert len(set(webhooks())) == COUNT


def test_events_name_their_type_and_hold_text_beyond_ascii() -> None:
    types = {msgspec.json.decode(event)["type"].partition(".")[0] for event in webhooks()}
    assert types == {"github", "stripe", "shopify"}
    assert sum(not event.isascii() for event in webhooks()) > COUNT / 2
