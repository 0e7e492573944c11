from ingest.pending_pack import PendingPack, size_of, size_of_removal
from shared.model import pack
from shared.model.pack import AckPack, Removal
from tests.unit.ingest.publishing import an_event


def test_a_trace_counts_against_the_size_of_a_message() -> None:
    pending = PendingPack("t", "k", 1)
    pending.events.append(an_event())
    pending.encode()
    message = pending.outgoing(fair=False)
    assert pending.sent_bytes == len(message.body)
    assert not message.attributes
    pending.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"
    attribute = sum(map(len, ("traceparent", "String", pending.traceparent)))
    assert pending.sent_bytes >= len(message.body) + attribute
    assert pending.outgoing(fair=True).attributes == {"traceparent": pending.traceparent}


def test_sizes_are_upper_bounds_of_the_encoded_size() -> None:
    text, position = "\u20ac" * 255, "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
    removal = Removal(tenant="t", key_id="k", accepted_at=1, receipt=position, inbox="i", source=text, id=text)
    acks = AckPack(tenant="t", key_id="k", accepted_at=1, inbox="i", positions=[position] * 1000, types=(text,) * 50)
    event = an_event(text, b'{"a":1}')
    for either, count in ((removal, 1), (acks, 1000)):
        pending = PendingPack("t", "k", 1, either)
        pending.encode()
        assert pack.decode(pending.body or "") == either
        assert size_of_removal(either)[1] == count
    assert size_of_removal(removal)[0] > 6 * 255
    assert size_of_removal(acks)[0] > 39 * 1000
    assert size_of([event, event]) > 2 * (3 * 255 + len(b'{"a":1}'))
