from hypothesis import given
from hypothesis import strategies as st

from shared.aws.items import guard_item, guard_key, identity_key, place_key, record_item, shard_key
from shared.model.event import Identity
from shared.model.layout import Layout
from shared.model.records import Guard, Place, StoredEvent, Tombstone
from tests.fakes.layout import every_inbox

_POSITION = "01900000-0000-7000-8000-000000000107"
_names = st.text(alphabet="ab#%235/~=\u00fc", max_size=6)


def _guard(identity: Identity) -> Guard:
    return Guard(identity=identity, receipt="r", position="p", accepted_at=1, digest="d", expires_at=2, version=3)


def test_keys_are_spelled_as_the_design_says() -> None:
    identity = Identity("acme", "default", "/shop", "order#1")
    undelivered = Place("acme", "default", _POSITION)

    assert place_key(undelivered, every_inbox(4)) == {"pk": {"S": "inbox#acme#default#3"}, "sk": {"S": _POSITION}}
    assert place_key(undelivered._replace(delivered=True), every_inbox(5))["pk"] == {"S": "delivered#acme#default#2"}
    assert guard_key(_guard(identity)) == {"pk": {"S": "guard#acme#default#/shop#order#1"}, "sk": {"S": "guard"}}


def test_items_are_spelled_as_the_design_says() -> None:
    identity = Identity("acme", "default", "/shop", "1")
    place = Place("acme", "default", _POSITION)
    event = StoredEvent(place=place, type="t", body=b"{}", accepted_at=1, expires_at=2)

    assert set(guard_item(_guard(identity))) == {
        "pk", "sk", "receipt", "position", "accepted_at", "digest", "version", "ttl",
    }  # fmt: skip
    assert record_item(event, Layout()) == place_key(place, Layout()) | {
        "type": {"S": "t"},
        "body": {"S": "{}"},
        "accepted_at": {"N": "1"},
        "ttl": {"N": "2"},
    }
    assert record_item(Tombstone(place=place, moved_to="q", expires_at=2), Layout()) == place_key(place, Layout()) | {
        "tombstone": {"BOOL": True},
        "moved_to": {"S": "q"},
        "ttl": {"N": "2"},
    }


@given(st.tuples(_names, _names, _names, _names), st.tuples(_names, _names, _names, _names))
def test_two_identities_never_share_a_key(first: tuple[str, ...], second: tuple[str, ...]) -> None:
    keys = {identity_key(Identity(*first)), identity_key(Identity(*second))}

    assert len(keys) == len({first, second})


@given(st.tuples(_names, _names), st.tuples(_names, _names), st.integers(0, 9), st.integers(0, 9))
def test_two_inboxes_never_share_a_key(first: tuple[str, str], second: tuple[str, str], one: int, other: int) -> None:
    keys = {shard_key(Place(*first, _POSITION), one), shard_key(Place(*second, _POSITION), other)}

    assert len(keys) == len({(*first, one), (*second, other)})


@given(st.text(max_size=64), st.text(alphabet="#%a", max_size=255), st.text(max_size=255))
def test_every_key_fits_and_encodes(tenant: str, source: str, event_id: str) -> None:
    key = identity_key(Identity(tenant, "i" * 64, source, event_id))

    assert len(key.encode()) <= 2048


def test_a_key_too_long_for_dynamodb_is_a_hash_that_no_name_can_forge() -> None:
    long = identity_key(Identity("#" * 64, "i" * 64, "#" * 255, "\U0001f600" * 255))
    other = identity_key(Identity("#" * 64, "i" * 64, "#" * 254 + "%", "\U0001f600" * 255))
    hash_ = long.removeprefix("guard#%=")

    assert len(hash_) == 64
    assert long != other
    assert identity_key(Identity("%=" + hash_, "", "", "")) != long
