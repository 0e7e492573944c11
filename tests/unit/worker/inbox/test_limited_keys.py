"""A key limited to types learns no positions of events of other types."""

import re

from shared.model import cursor, position
from tests.unit.worker.inbox.serving import Served

KEY = "orders only"


async def test_next_never_holds_the_position_of_another_type_and_misses_nothing(world: Served) -> None:
    orders: list[str] = []
    others: list[str] = []
    for number in range(12):
        kind = "order.paid" if number % 4 == 2 else "user.added"
        [place] = await world.put(str(number), kind=kind)
        (orders if kind == "order.paid" else others).append(place)
    seen: list[str] = []
    after = cursor.encode(position.FIRST, "default")
    for limit in (1000, 1) * 20:
        page = (await world.get("/v1/inbox", key=KEY, limit=limit, after=after)).json()
        seen += [event["position"] for event in page["events"]]
        after = page["next"]
        assert cursor.decode(page["next"], "default").position not in others
    assert seen == orders
    unlimited = (await world.get("/v1/inbox")).json()["next"]
    assert cursor.decode(unlimited, "default").position == others[-1]


async def test_the_link_to_the_next_page_does_not_either(world: Served) -> None:
    [place] = await world.put("1", kind="user.added")
    answer = await world.get("/v1/inbox", key=KEY, headers={"accept": "application/cloudevents-batch+json"})
    [after] = re.findall(r"after=([^&]*)", answer.headers["link"])
    assert cursor.decode(after, "default").position == position.blurred(place)
