import pytest

from ingest.sources.webhook import Webhook, text_of


def test_repeated_headers_are_joined() -> None:
    webhook = Webhook(headers=[(b"A", b" 1 "), (b"b", b"2"), (b"a", b"3")])
    assert webhook.header("a") == "1,3"
    assert webhook.header("c") is None


def test_headers_are_utf_8_or_latin_1() -> None:
    assert text_of("ü".encode()) == text_of(b"\xfc") == "ü"


FORM = [(b"content-type", b"application/x-www-form-urlencoded")]


def test_the_fields_of_a_form_are_in_order() -> None:
    assert Webhook(b"b=1&a=%C3%BC+x&b=&c", FORM).form == [("b", "1"), ("a", "ü x"), ("b", ""), ("c", "")]


def test_a_form_that_is_not_utf_8_keeps_its_bytes() -> None:
    (field,) = Webhook(b"a=%ff\xfe", FORM).form
    assert field[1].encode("utf-8", "surrogateescape") == b"\xff\xfe"


@pytest.mark.parametrize(("body", "headers"), [(b"a=1", []), (b"&".join([b"a=1"] * 1001), FORM)])
def test_other_bodies_and_too_large_forms_have_no_fields(body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    assert Webhook(body, headers).form == []
