"""Properties of every scheme that verifies something."""

import hmac
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.sources.schemes.base import TOLERANCE_SECONDS
from ingest.sources.schemes.registry import scheme_of
from ingest.sources.webhook import Webhook
from shared.model.errors import InvalidRequest, NotAuthentic
from shared.model.source_scheme import SCHEMES, SchemeOptions
from tests.deliveries import SAMPLES, Sample
from tests.fakes.clock import START_MS
from tests.unit.ingest.sources.making import changed, receiver_of, signed

OTHER = b"whsec_b3RoZXI6b3RoZXI6b3RoZXI="
"""A secret that is valid for every scheme."""

samples = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.scheme}-{sample.signature}")
any_sample = st.sampled_from(SAMPLES)


def verify(sample: Sample, webhook: Webhook, *secrets: bytes, now_ms: int = START_MS) -> None:
    scheme_of(sample.scheme, secrets or (sample.secret,), sample.options).verify(webhook, now_ms)


def header_of(webhook: Webhook, name: str) -> str:
    value = webhook.header(name)
    assert value is not None
    return value


def flipped(data: bytes, bit: int) -> bytes:
    index, shift = divmod(bit % (len(data) * 8), 8)
    return data[:index] + bytes([data[index] ^ (1 << shift)]) + data[index + 1 :]


def test_every_scheme_has_a_sample() -> None:
    assert {sample.scheme for sample in SAMPLES} == set(SCHEMES) - {"none"}


@samples
def test_a_genuine_delivery_is_accepted(sample: Sample) -> None:
    verify(sample, signed(sample))


@samples
@pytest.mark.parametrize("value", [None, "", " "])
def test_a_delivery_without_a_signature_is_refused(sample: Sample, value: str | None) -> None:
    unsigned = changed(signed(sample), {sample.signature: value})
    with pytest.raises(NotAuthentic):
        verify(sample, unsigned)


@samples
def test_an_unsigned_delivery_is_refused(sample: Sample) -> None:
    with pytest.raises(NotAuthentic):
        verify(sample, sample.webhook)


@samples
def test_another_secret_is_refused(sample: Sample) -> None:
    with pytest.raises(NotAuthentic):
        verify(sample, signed(sample), OTHER)


@given(sample=any_sample, bit=st.integers(min_value=0, max_value=1 << 20))
def test_one_flipped_bit_of_the_signature_is_refused(sample: Sample, bit: int) -> None:
    webhook = signed(sample)
    value = flipped(header_of(webhook, sample.signature).encode(), bit)
    headers = [(name, value if name == sample.signature.encode() else old) for name, old in webhook.headers]
    changed_webhook = Webhook(webhook.body, headers, url=webhook.url)
    if changed_webhook.header(sample.signature) == webhook.header(sample.signature):
        return  # spaces at the ends are not part of a header's value
    if sample.scheme == "basic" and value[6:] == header_of(webhook, sample.signature).encode()[6:]:
        return  # Basic is case-insensitive
    with pytest.raises(NotAuthentic):
        verify(sample, changed_webhook)


@given(sample=any_sample.filter(lambda sample: sample.signs_body), bit=st.integers(min_value=0, max_value=1 << 20))
def test_one_flipped_bit_of_the_body_is_refused(sample: Sample, bit: int) -> None:
    webhook = signed(sample)
    body = flipped(webhook.body, bit)
    other = changed(webhook, body=body)
    if sample.scheme == "twilio" and sorted(other.form) == sorted(webhook.form):
        return  # the decoded fields are signed, and %2b and %2B are the same
    if sample.scheme == "twilio" and "".join(map("".join, sorted(other.form))) == "".join(
        map("".join, sorted(webhook.form))
    ):
        return  # Twilio does not sign the boundary between name and value
    with pytest.raises(NotAuthentic):
        verify(sample, other)


@given(
    sample=any_sample.filter(lambda sample: sample.timed),
    late_s=st.integers(min_value=TOLERANCE_SECONDS + 1, max_value=10**9),
    early=st.booleans(),
)
def test_a_stale_time_is_refused(sample: Sample, late_s: int, *, early: bool) -> None:
    with pytest.raises(NotAuthentic):
        verify(sample, signed(sample), now_ms=START_MS + (-late_s if early else late_s) * 1000)


@given(
    sample=any_sample.filter(lambda sample: sample.timed),
    late_s=st.integers(min_value=-TOLERANCE_SECONDS, max_value=TOLERANCE_SECONDS),
)
def test_a_time_within_the_tolerance_is_accepted(sample: Sample, late_s: int) -> None:
    verify(sample, signed(sample), now_ms=START_MS + late_s * 1000)


@samples
def test_an_old_secret_works_until_it_is_removed(sample: Sample) -> None:
    old = signed(sample)
    verify(sample, old, OTHER, sample.secret)
    verify(sample, signed(sample, secret=OTHER), OTHER, sample.secret)
    with pytest.raises(NotAuthentic):
        verify(sample, old, OTHER)


@samples
def test_signing_uses_the_newest_secret(sample: Sample) -> None:
    webhook = receiver_of(sample, OTHER, sample.secret).sign(sample.webhook, START_MS)
    verify(sample, webhook, OTHER)
    with pytest.raises(NotAuthentic):
        verify(sample, webhook)


@samples
def test_a_signature_that_is_not_ascii_is_refused(sample: Sample) -> None:
    headers = [(name, b"\xff\xfe") for name, _ in signed(sample).headers]
    with pytest.raises(NotAuthentic):
        verify(sample, Webhook(sample.body, headers))


@samples
def test_all_refusals_are_alike(sample: Sample) -> None:
    with pytest.raises(NotAuthentic) as unsigned:
        verify(sample, sample.webhook)
    with pytest.raises(NotAuthentic) as wrong:
        verify(sample, signed(sample), OTHER)
    assert str(unsigned.value) == str(wrong.value) == "The delivery is not authentic."


@pytest.mark.parametrize("scheme", [scheme for scheme in SCHEMES if scheme != "none"])
@pytest.mark.parametrize("secrets", [[], [b""], [OTHER, b""]])
def test_a_scheme_without_its_secret_is_refused(scheme: str, secrets: list[bytes]) -> None:
    with pytest.raises(InvalidRequest):
        scheme_of(scheme, secrets, SchemeOptions(header="X-A"))  # type: ignore[arg-type]


def test_without_a_scheme_every_request_is_accepted_and_signing_changes_nothing() -> None:
    scheme = scheme_of("none", [], SchemeOptions())
    webhook = Webhook(b"x")
    scheme.verify(webhook, 0)
    assert scheme.sign(webhook, 0) is webhook


def test_basic_requests_credentials() -> None:
    scheme = scheme_of("basic", [b"a:b"], SchemeOptions())
    for headers in ([], [(b"authorization", b"Basic x")], [(b"authorization", b"Bearer YTpi")]):
        with pytest.raises(NotAuthentic) as refused:
            scheme.verify(Webhook(headers=headers), 0)
        assert refused.value.challenge is not None
        assert refused.value.challenge.startswith("Basic ")


def test_twilio_with_sha_256() -> None:
    import base64  # noqa: PLC0415

    signature = base64.b64encode(hmac.digest(b"shared key", b"https://h/xAb", "sha256")).decode()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature,
        "x-twilio-webhooks-signature-settings": "key=KY1,algorithm=HMAC_SHA256",
    }
    webhook = Webhook(b"A=b", [(name.encode(), value.encode()) for name, value in headers.items()], url="https://h/x")
    scheme = scheme_of("twilio", [b"auth token", b"shared key"], SchemeOptions())
    scheme.verify(webhook, 0)
    with pytest.raises(NotAuthentic):
        scheme.verify(changed(webhook, {"x-twilio-webhooks-signature-settings": None}), 0)


def test_twilio_signs_the_digest_of_other_bodies_in_the_url() -> None:
    scheme = scheme_of("twilio", [b"12345"], SchemeOptions())
    webhook = scheme.sign(Webhook(b"{}", [(b"content-type", b"application/json")], url="https://h/x"), 0)
    scheme.verify(webhook, 0)
    for other in (changed(webhook, body=b"[]"), changed(webhook, url="https://h/x"), changed(webhook, body=b"")):
        with pytest.raises(NotAuthentic):
            scheme.verify(other, 0)


def test_twilio_without_a_body_or_with_an_odd_port() -> None:
    scheme = scheme_of("twilio", [b"12345"], SchemeOptions())
    for url in ("https://h/x", "https://h:x/"):
        scheme.verify(scheme.sign(Webhook(url=url), 0), 0)


@given(body=st.binary(max_size=300))
def test_any_body_can_be_signed(body: bytes) -> None:
    for sample in SAMPLES:
        scheme = scheme_of(sample.scheme, [sample.secret], sample.options)
        webhook = changed(sample.webhook, body=body)
        if sample.scheme == "twilio" and body and not any(map(any, webhook.form)):
            continue  # a form without fields is not signed, and Twilio sends none
        scheme.verify(scheme.sign(webhook, START_MS), START_MS)


@samples
def test_the_comparisons_do_not_depend_on_how_much_of_a_signature_is_right(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[tuple[int, int]] = []

    def compare_digest(known: bytes, given: bytes) -> bool:
        compared.append((len(known), len(given)))
        return hmac.compare_digest(known, given)

    monkeypatch.setattr("ingest.sources.schemes.base.hmac", SimpleNamespace(compare_digest=compare_digest))
    webhook = signed(sample)
    value = header_of(webhook, sample.signature)
    found = []
    for index in (-8, -3):
        wrong = f"{value[:index]}{'A' if value[index] != 'A' else 'B'}{value[index:][1:]}"
        with pytest.raises(NotAuthentic):
            verify(sample, changed(webhook, {sample.signature: wrong}), sample.secret, OTHER)
        found.append(compared.copy())
        compared.clear()
    assert found[0] == found[1] != []
