"""The client against the real services."""

import pytest
from triggers_client import AsyncClient, Client, InboxEvent, InvalidRequest, NotFound, TooLarge, Unauthorized

from tests.e2e.local import Local, client_in, until


def test_all_that_is_sent_is_followed_and_gone_when_acked(local: Local) -> None:
    events = [{"type": f"kind.{n % 2}", "data": n} for n in range(2500)]
    with client_in(local.environment("client-follow")) as client:
        accepted = client.send(events, inbox="orders", idempotency_key="the-same")
        assert [one.id for one in client.send(events, inbox="orders", idempotency_key="the-same")] == [
            one.id for one in accepted
        ]
        # By id: where an emulator takes longer than SETTLE_MS, a follower may see an event twice.
        seen: dict[str, int] = {}
        for page in client.follow("orders", types=["kind.*"], limit=1000, wait=5):
            seen |= {event["id"]: event["data"] for event in page.events}
            client.ack(page.events)
            if len(seen) >= len(events):
                break
        assert sorted(seen.values()) == list(range(2500))
        assert seen.keys() == {one.id for one in accepted}
        until(lambda: not client.page("orders", limit=1).events)
        assert client.get(accepted[0].id, inbox="orders")["status"] == "delivered"


async def test_the_asynchronous_client_does_the_same(local: Local) -> None:
    environment = local.environment("client-async")
    async with AsyncClient(environment["TRIGGERS_URL"], environment["TRIGGERS_API_KEY"]) as client:
        accepted = await client.send([{"type": "order.paid", "data": n} for n in range(5)])
        handled: list[InboxEvent] = []
        async for lease in client.leases("billing", limit=2, seconds=30, wait=5):
            handled += lease.events
            if len(handled) == 5:
                await lease.ack()
                break
        assert {event["id"] for event in handled} == {one.id for one in accepted}
        page = await client.page()
        await client.ack(page.events)
        async for following in client.follow(wait=1):
            if not following.events and not (await client.page()).events:
                break
        assert (await client.get(accepted[0].id))["status"] == "delivered"


def test_an_event_can_be_looked_up_by_any_id_and_erased(local: Local) -> None:
    name = "a/b%2F?#Zoë"
    with client_in(local.environment("client-erase")) as client:
        client.send([{"type": "t", "id": name, "source": "/s", "data": [1]}])
        until(lambda: bool(client.page().events))
        assert client.get(name, source="/s")["event"]["data"] == [1]
        client.erase(name, source="/s")
        until(lambda: not client.page().events)
        with pytest.raises(NotFound):
            client.get(name, source="/s")


def test_refusals_raise_their_own_errors(local: Local) -> None:
    with client_in(local.environment("client-refused")) as client:
        with pytest.raises(InvalidRequest) as refused:
            client.send([{"type": "t"}] * 1000 + [{"type": ""}])
        assert refused.value.faults[0].pointer == "/1000/type"
        with pytest.raises(TooLarge):
            client.send([{"type": "t", "data": "x" * 524_288}])
        with pytest.raises(InvalidRequest) as invalid:
            client.page(cursor="no cursor")
        assert [fault.pointer for fault in invalid.value.faults] == ["/after"]
        assert invalid.value.instance.startswith("urn:triggers:request:")
    with Client(local.url, "trg_none_none") as stranger, pytest.raises(Unauthorized):
        stranger.page()
