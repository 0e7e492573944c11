import pytest

from ingest.sources.webhook import Webhook, text_of


def test_a_header_that_is_sent_twice_is_a_list() -> None:
    webhook = Webhook(headers=[(b"A", b" 1 "), (b"b", b"2"), (b"a", b"3")])
    assert webhook.header("a") == "1,3"
    assert webhook.header("c") is None


def test_a_header_is_utf_8_or_else_latin_1() -> None:
    assert text_of("ü".encode()) == text_of(b"\xfc") == "ü"


FORM = [(b"content-type", b"application/x-www-form-urlencoded")]


def test_a_form_s_fields_in_their_order() -> None:
    assert Webhook(b"b=1&a=%C3%BC+x&b=&c", FORM).form == [("b", "1"), ("a", "ü x"), ("b", ""), ("c", "")]


def test_a_form_that_is_no_utf_8_keeps_its_bytes() -> None:
    (field,) = Webhook(b"a=%ff\xfe", FORM).form
    assert field[1].encode("utf-8", "surrogateescape") == b"\xff\xfe"


@pytest.mark.parametrize(("body", "headers"), [(b"a=1", []), (b"&".join([b"a=1"] * 1001), FORM)])
def test_what_is_no_form_or_too_much_of_one_has_no_fields(body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    assert Webhook(body, headers).form == []
