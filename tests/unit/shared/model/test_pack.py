"""Packs: what was accepted is read back byte for byte; what is no pack is poison and nothing worse."""

import base64
import json
import struct

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from shared.model import pack as packs
from shared.model.errors import Poison
from shared.model.event import Event, Identity
from shared.model.pack import AckPack, EventPack, Pack, Removal

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
)
BODIES = st.builds(
    lambda data, ascii_only: msgspec.Raw(json.dumps({"data": data}, ensure_ascii=ascii_only).encode()),
    JSON,
    st.booleans(),
)
EVENTS = st.builds(Event, receipt=TEXT, id=TEXT, source=TEXT, inbox=TEXT, type=TEXT, body=BODIES)
TIMES = st.integers(0, 2**53)
COMMON = {"tenant": TEXT, "key_id": TEXT, "accepted_at": TIMES}
WINDOWS = st.none() | st.integers(1, 2**31)
PACKS: st.SearchStrategy[Pack] = st.one_of(
    st.builds(EventPack, **COMMON, events=st.lists(EVENTS, max_size=5), window_seconds=WINDOWS),
    st.builds(AckPack, **COMMON, inbox=TEXT, positions=st.lists(TEXT)),
    st.builds(Removal, **COMMON, receipt=TEXT, inbox=TEXT, source=TEXT, id=TEXT, erase=st.booleans()),
)


def an_event(body: bytes = b'{"data":1}') -> Event:
    return Event(receipt="r", id="i", source="/", inbox="default", type="t", body=msgspec.Raw(body))


def a_pack(*events: Event) -> EventPack:
    return EventPack(tenant="t", key_id="k", accepted_at=1, events=list(events))


def is_poison(body: str) -> bool:
    try:
        packs.decode(body)
    except Poison:
        return True
    return False


def zstd_body(plain: bytes) -> str:
    return "z" + base64.b64encode(zstandard.ZstdCompressor(level=1).compress(plain)).decode()


@given(PACKS)
def test_a_pack_is_read_back_as_it_was_written(pack: Pack) -> None:
    assert packs.decode(packs.encode(pack)) == pack


@given(PACKS)
def test_a_message_body_holds_nothing_that_sqs_refuses(pack: Pack) -> None:
    assert packs.encode(pack).isascii()
    assert packs.encode(pack).isprintable()


@pytest.mark.parametrize(
    "body",
    [
        '{"data":"\uffff\ufffe"}'.encode(),
        b'{"data":"\\ud83d\\ude00"}',
        b'{"data":"\\u0000"}',
        b'{"data":1e999}',
        b'{"data":' + b"9" * 400 + b"}",
        b'{"b":1,"a":2,"b":3}',
        b'{ "spaces" : [ 1 ,2 ] }',
    ],
)
def test_a_body_is_never_reencoded(body: bytes) -> None:
    pack = packs.decode(packs.encode(a_pack(an_event(body))))
    assert isinstance(pack, EventPack)
    assert bytes(pack.events[0].body) == body


def test_a_pack_is_compressed_only_where_that_is_smaller() -> None:
    assert packs.encode(a_pack())[0] == "p"
    assert packs.encode(a_pack(*[an_event()] * 50))[0] == "z"


def test_both_encodings_decode_to_the_same_pack() -> None:
    pack = a_pack(*[an_event()] * 50)
    plain = msgspec.json.encode(pack)
    assert packs.decode("p" + base64.b64encode(plain).decode()) == packs.decode(zstd_body(plain)) == pack


def test_a_removal_does_not_erase_by_default() -> None:
    pack = packs.decode("p" + base64.b64encode(b'["remove","t","k",1,"r","inbox","/","id"]').decode())
    assert isinstance(pack, Removal)
    assert not pack.erase
    assert pack.identity == Identity("t", "inbox", "/", "id")


def test_fields_of_later_versions_are_ignored() -> None:
    plain = b'["events","t","k",1,[["r","i","/","default","t",{"data":1},"new"]],null,"new"]'
    assert packs.decode("p" + base64.b64encode(plain).decode()) == a_pack(an_event())


@given(PACKS, st.data())
def test_a_pack_cut_short_is_poison(pack: Pack, data: st.DataObject) -> None:
    body = packs.encode(pack)
    assert is_poison(body[: data.draw(st.integers(0, len(body) - 1))])


@given(st.text(min_size=1, max_size=1).filter(lambda version: version not in "pz"), PACKS)
def test_an_unknown_version_is_poison(version: str, pack: Pack) -> None:
    with pytest.raises(Poison, match="unknown pack version"):
        packs.decode(version + packs.encode(pack)[1:])


@given(st.text())
def test_any_text_is_a_pack_or_poison(text: str) -> None:
    assert is_poison(text)


@given(st.sampled_from("pz"), st.binary())
def test_any_bytes_are_a_pack_or_poison(version: str, raw: bytes) -> None:
    assert is_poison(version + base64.b64encode(raw).decode())


@given(JSON)
def test_any_json_is_a_pack_or_poison(value: object) -> None:
    plain = json.dumps(value).encode()
    assert is_poison("p" + base64.b64encode(plain).decode())
    assert is_poison(zstd_body(plain))


@given(PACKS, st.data())
def test_a_pack_with_one_byte_changed_is_a_pack_or_poison(pack: Pack, data: st.DataObject) -> None:
    plain = bytearray(msgspec.json.encode(pack))
    plain[data.draw(st.integers(0, len(plain) - 1))] = data.draw(st.integers(0, 255))
    frame = bytearray(zstandard.ZstdCompressor(level=1).compress(msgspec.json.encode(pack)))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    for version, raw in (("p", plain), ("z", frame)):
        is_poison(version + base64.b64encode(bytes(raw)).decode())  # whichever it is, nothing else is raised


def test_half_a_surrogate_pair_is_poison_as_ingest_refuses_it() -> None:
    assert is_poison(packs.encode(a_pack(an_event(b'{"data":"\\ud800"}'))))


def test_arrays_too_deep_to_read_are_poison() -> None:
    assert is_poison("p" + base64.b64encode(b"[" * 100_000).decode())


def test_a_decompression_bomb_is_poison_and_is_not_expanded() -> None:
    frame = zstandard.ZstdCompressor(level=1).compress(bytes(17 * 1024 * 1024))
    assert len(frame) < packs.MAX_MESSAGE_BYTES
    with pytest.raises(Poison, match="declares 17,825,792 bytes"):
        packs.decode("z" + base64.b64encode(frame).decode())


@pytest.mark.parametrize("tag", ["secret", "secret' - at `$", "\nsecret"])
def test_an_unknown_tag_is_not_quoted(tag: str) -> None:
    body = "p" + base64.b64encode(msgspec.json.encode([tag, "acme"])).decode()
    with pytest.raises(Poison) as poison:
        packs.decode(body)
    assert str(poison.value) == "unreadable pack: ValidationError: Invalid value - at `$[0]`"


def test_a_frame_that_declares_a_huge_size_is_poison() -> None:
    header = zstandard.FRAME_HEADER + bytes([0b11100000]) + struct.pack("<Q", 1 << 60)
    with pytest.raises(Poison, match="declares"):
        packs.decode("z" + base64.b64encode(header + bytes(100)).decode())


def test_a_frame_without_a_declared_size_is_poison() -> None:
    compressor = zstandard.ZstdCompressor(level=1, write_content_size=False).compressobj()
    frame = compressor.compress(msgspec.json.encode(a_pack())) + compressor.flush()
    with pytest.raises(Poison, match="declares -1 bytes"):
        packs.decode("z" + base64.b64encode(frame).decode())


def test_a_pack_of_an_older_version_has_no_window() -> None:
    assert packs.decode("p" + base64.b64encode(b'["events","t","k",1,[]]').decode()) == a_pack()


@pytest.mark.parametrize("stray", ["!", " ", "\n", "-"])
def test_characters_outside_of_base64_make_a_pack_poison(stray: str) -> None:
    body = packs.encode(a_pack(an_event()))
    assert not is_poison(body)
    assert is_poison(body[:8] + stray + body[8:])
