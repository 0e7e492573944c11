from ingest.pending_pack import PendingPack, size_of, size_of_removal
from shared.model import pack
from shared.model.pack import AckPack, Removal
from tests.unit.ingest.publishing import an_event


def test_a_trace_counts_against_what_a_message_holds() -> None:
    draft = PendingPack("t", "k", 1)
    draft.events.append(an_event())
    draft.encode()
    message = draft.outgoing(fair=False)
    assert draft.sent_bytes == len(message.body)
    assert not message.attributes
    draft.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b9c7c989f97918e1-01"
    attribute = sum(map(len, ("traceparent", "String", draft.traceparent)))
    assert draft.sent_bytes >= len(message.body) + attribute
    assert draft.outgoing(fair=True).attributes == {"traceparent": draft.traceparent}


def test_sizes_are_no_smaller_than_what_is_encoded() -> None:
    text, position = "\u20ac" * 255, "0199c0de-1f2e-7a3b-8c4d-5e6f708192a3"
    removal = Removal(tenant="t", key_id="k", accepted_at=1, receipt=position, inbox="i", source=text, id=text)
    acks = AckPack(tenant="t", key_id="k", accepted_at=1, inbox="i", positions=[position] * 1000)
    event = an_event(text, b'{"a":1}')
    for whole, count in ((removal, 1), (acks, 1000)):
        draft = PendingPack("t", "k", 1, whole)
        draft.encode()
        assert pack.decode(draft.body or "") == whole
        assert size_of_removal(whole)[1] == count
    assert size_of_removal(removal)[0] > 6 * 255
    assert size_of_removal(acks)[0] > 39 * 1000
    assert size_of([event, event]) > 2 * (3 * 255 + len(b'{"a":1}'))
