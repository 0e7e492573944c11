"""Reads by a process whose clock is wrong."""

from tests.fakes.app import AppWorld, build_all


async def test_nothing_is_read_and_the_probe_says_by_how_much_it_is_wrong() -> None:
    async with AppWorld(build_all).serving() as world:
        assert (await world.client.get("/readyz")).status_code == 200
        world.date_answer(ahead_seconds=300)
        world.clock.advance(2)

        probe = await world.client.get("/readyz")

        assert probe.status_code == 503
        assert probe.json()["type"] == "urn:triggers:problem:clock-wrong"
        assert probe.json()["detail"].startswith("The clock of this process is 300.0 s ahead.")
        assert (await world.client.get("/status")).json()["health"] == "degraded"
        token = await world.token(scopes=["inbox:read"])
        headers = {"x-api-key": token}
        page = await world.client.get("/v1/inbox", headers=headers)
        assert (page.status_code, page.headers["retry-after"]) == (503, "5")
        scraped = (await world.client.get("/metrics")).text
        assert "triggers_clock_error_seconds 299.99" in scraped
        assert "triggers_clock_refusals_total 3" in scraped

        world.date_answer()
        world.clock.advance(2)
        assert (await world.client.get("/readyz")).status_code == 200
        assert (await world.client.get("/v1/inbox", headers=headers)).status_code == 200


async def test_groups_lease_nothing() -> None:
    async with AppWorld(build_all).serving() as world:
        headers = {"x-api-key": await world.token(scopes=["inbox:read", "inbox:ack"])}
        lease = {"group": "billing"}
        assert (await world.client.post("/v1/leases", json=lease, headers=headers)).status_code == 200

        world.date_answer(ahead_seconds=300)
        answer = await world.client.post("/v1/leases", json=lease, headers=headers)

        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:triggers:problem:clock-wrong"
