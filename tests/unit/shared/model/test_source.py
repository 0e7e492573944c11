import pytest

from shared.model import source as sources
from shared.model.errors import InvalidRequest, NotFound
from shared.model.source import MAX_SECRETS, SealedSecret, Source
from shared.model.source_rules import Rules
from shared.model.source_scheme import SchemeOptions
from tests.fakes.clock import START_MS


def make(**changes: object) -> tuple[Source, str]:
    arguments: dict[str, object] = {"tenant": "t", "name": "n", "scheme": "github", "now_ms": START_MS}
    return sources.create(**(arguments | changes))  # type: ignore[arg-type]


def a_secret(number: int = 0) -> SealedSecret:
    return SealedSecret(secret_id=f"s{number}", sealed=b"ciphertext", created_at=START_MS)


def test_a_source_stores_only_the_hash_of_its_token() -> None:
    source, token = make()
    parsed = sources.parse(token)
    assert parsed is not None
    source_id, secret = parsed
    assert source_id == source.source_id
    assert source.has_url_secret(secret)
    assert not source.has_url_secret(secret[:-1])
    assert secret.decode() not in repr(source)


@pytest.mark.parametrize("token", ["", "src_", "src_abcd_short", "trg_abcd_" + "a" * 43, "src_ABCD_" + "a" * 43])
def test_malformed_tokens(token: str) -> None:
    assert sources.parse(token) is None


def test_defaults() -> None:
    source, _ = make()
    assert (source.inbox, source.window_seconds, source.version, source.disabled_at) == ("default", 604_800, 1, None)


HMAC = {"scheme": "hmac"}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"tenant": ""}, "/tenant"),
        ({"tenant": "a\nb"}, "/tenant"),
        ({"name": "a b"}, "/name"),
        ({"name": "A"}, "/name"),
        ({"name": "x" * 65}, "/name"),
        ({"inbox": "No"}, "/inbox"),
        ({"scheme": "paypal"}, "/scheme"),
        ({"options": SchemeOptions(header="X-A")}, "/options"),
        ({**HMAC}, "/options/header"),
        ({**HMAC, "options": SchemeOptions(header="a b")}, "/options/header"),
        ({**HMAC, "options": SchemeOptions(header="X-A", signed="{url}")}, "/options/signed"),
        ({**HMAC, "options": SchemeOptions(header="X-A", signed="{body}{cookie}")}, "/options/signed"),
        ({**HMAC, "options": SchemeOptions(header="X-A", timestamp_header="X-T")}, "/options/signed"),
        ({**HMAC, "options": SchemeOptions(header="X-A", signed="{timestamp}{body}")}, "/options/timestamp_header"),
        ({"scheme": "header"}, "/options/header"),
        ({"scheme": "header", "options": SchemeOptions(header="X-A", encoding="base64")}, "/options"),
        ({"window_seconds": 0}, "/window_seconds"),
        ({"window_seconds": 30 * 86_400 + 1}, "/window_seconds"),
        ({"keep_headers": ["X-A", "a b"]}, "/keep_headers/1"),
        ({"keep_headers": ["Authorization"]}, "/keep_headers/0"),
        ({"keep_headers": ["Cookie"]}, "/keep_headers/0"),
        ({"keep_headers": ["X-Api-Key"]}, "/keep_headers/0"),
        ({"keep_headers": ["X-A"] * 21}, "/keep_headers"),
        ({"rules": Rules(type=("path:/a",))}, "/rules/type/0"),
        ({"rules": Rules(id=("json:/a", "json:a"))}, "/rules/id/1"),
        ({"rules": Rules(id=("json:/~2",))}, "/rules/id/0"),
        ({"rules": Rules(id=("digest:header",))}, "/rules/id/0"),
        ({"rules": Rules(subject=("header:a b",))}, "/rules/subject/0"),
        ({"rules": Rules(time=("constant:",))}, "/rules/time/0"),
        ({"rules": Rules(time=("constant:" + "a" * 255,))}, "/rules/time/0"),
        ({"rules": Rules(type_suffix=("constant:a",) * 11)}, "/rules/type_suffix"),
        ({"rules": Rules(type_prefix="\n")}, "/rules/type_prefix"),
    ],
)
def test_faults_have_pointers(changes: dict[str, object], pointer: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(**changes)
    assert [fault.pointer for fault in refused.value.faults] == [pointer]


def test_every_fault_is_listed() -> None:
    with pytest.raises(InvalidRequest) as refused:
        make(tenant="", name="", inbox="", scheme="x", window_seconds=0)
    assert len(refused.value.faults) == 5


def test_valid_arguments_are_accepted() -> None:
    make(scheme="header", options=SchemeOptions(header="Authorization", prefix="Bearer "))
    make(scheme="hmac", options=SchemeOptions(header="X-A", signed="v0:{timestamp}:{body}", timestamp_header="X-T"))
    rules = Rules(id=("json:", "json:/a~1b", "form:a b", "constant:x:y", "header:X-A", "digest:body"))
    assert make(keep_headers=["X-Shop"], rules=rules)[0].keep_headers == ("x-shop",)


def test_rotation_keeps_the_old_secret_until_it_is_removed() -> None:
    source, _ = make()
    both = sources.with_secret(sources.with_secret(source, a_secret(1)), a_secret(2))
    assert [secret.secret_id for secret in both.secrets] == ["s2", "s1"]
    left = sources.without_secret(both, "s1")
    assert [secret.secret_id for secret in left.secrets] == ["s2"]
    assert (both.version, left.version) == (3, 4)
    with pytest.raises(InvalidRequest):
        sources.without_secret(left, "s2")
    with pytest.raises(NotFound):
        sources.without_secret(both, "s3")


def test_secrets_are_bounded() -> None:
    source, _ = make()
    for number in range(MAX_SECRETS):
        source = sources.with_secret(source, a_secret(number))
    with pytest.raises(InvalidRequest):
        sources.with_secret(source, a_secret(9))


def test_a_new_url_replaces_the_old_one() -> None:
    source, old = make()
    changed, new = sources.with_new_url(source)
    for token, works in ((old, False), (new, True)):
        parsed = sources.parse(token)
        assert parsed is not None
        assert parsed[0] == changed.source_id
        assert changed.has_url_secret(parsed[1]) is works
    assert changed.version == source.version + 1


def test_disabling_twice_keeps_the_first_time_and_enabling_clears_it() -> None:
    source, _ = make()
    off = sources.disabled(source, 5)
    assert off.disabled_at == 5
    assert sources.disabled(off, 6) is off
    assert sources.enabled(off).disabled_at is None
    assert sources.enabled(source) is source


def test_a_repr_has_no_ciphertext() -> None:
    assert "ciphertext" not in repr(sources.with_secret(make()[0], a_secret()))
