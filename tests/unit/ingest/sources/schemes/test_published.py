"""The published examples of providers. Without one, the signature was computed with `openssl dgst`."""

import pytest

from ingest.sources.schemes.registry import scheme_of
from ingest.sources.webhook import Webhook
from shared.model.errors import NotAuthentic
from shared.model.source_scheme import SchemeName, SchemeOptions

FORM = "application/x-www-form-urlencoded"
TWILIO_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
TWILIO_FORM = b"CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212"
TWILIO_JSON = b'{"property": "value", "boolean": true}'
TWILIO_DIGEST = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def verify(
    scheme: SchemeName,
    secret: bytes,
    body: bytes,
    headers: dict[str, str],
    *,
    now_s: int = 0,
    options: SchemeOptions | None = None,
    url: str = "",
) -> None:
    given = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    webhook = Webhook(body, given, url=url)
    scheme_of(scheme, [secret], options or SchemeOptions()).verify(webhook, now_s * 1000)


def test_github() -> None:
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    verify("github", b"It's a Secret to Everybody", b"Hello, World!", {"X-Hub-Signature-256": signature})


SLACK_BODY = (
    b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    b"&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    b"&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SLACK_HEADERS = {
    "X-Slack-Request-Timestamp": "1531420618",
    "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
}


@pytest.mark.parametrize("late_s", [0, 300, -300])
def test_slack(late_s: int) -> None:
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    verify("slack", b"8f742231b10e8888abcd99yyyzzz85a5", SLACK_BODY, SLACK_HEADERS, now_s=1531420618 + late_s)


@pytest.mark.parametrize("late_s", [301, -301])
def test_slack_at_another_time(late_s: int) -> None:
    with pytest.raises(NotAuthentic):
        verify("slack", b"8f742231b10e8888abcd99yyyzzz85a5", SLACK_BODY, SLACK_HEADERS, now_s=1531420618 + late_s)


STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("family", ["webhook", "svix"])
@pytest.mark.parametrize(
    "signatures",
    [STANDARD_SIGNATURE, f"v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc= v1a,x {STANDARD_SIGNATURE} v2,y"],
)
@pytest.mark.parametrize("prefix", [b"whsec_", b""])
def test_standard_webhooks(family: str, signatures: str, prefix: bytes) -> None:
    # The vector of the reference libraries: https://github.com/standard-webhooks/standard-webhooks
    headers = {
        f"{family}-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        f"{family}-timestamp": "1614265330",
        f"{family}-signature": signatures,
    }
    verify("standard", prefix + b"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}', headers, now_s=1614265330)


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (TWILIO_URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        ("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="),
        (TWILIO_URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),  # of the URL with port 443
        ("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="),  # with port 80
        ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "CukzLTc1tT5dXEDIHm/tKBanW10="),
        ("https://user@mycompany.com/myapp.php?foo=1&bar=2", "2YRLlVAflCqxaNicjMpJcSTgzSs="),
        ("https://user:pass@mycompany.com/myapp.php?foo=1&bar=2", "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI="),
    ],
)
def test_twilio_form(url: str, signature: str) -> None:
    # The example of Twilio's documentation, and those of its libraries' tests.
    verify("twilio", b"12345", TWILIO_FORM, {"Content-Type": FORM, "X-Twilio-Signature": signature}, url=url)


def test_twilio_field_with_several_values() -> None:
    headers = {"Content-Type": FORM, "X-Twilio-Signature": "IK+Dwps556ElfBT0I3Rgjkr1wJU="}
    body = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234"
    verify("twilio", b"12345", body, headers, url=TWILIO_URL)


def test_twilio_json() -> None:
    headers = {"Content-Type": "application/json", "X-Twilio-Signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    url = f"{TWILIO_URL}&bodySHA256={TWILIO_DIGEST}"
    verify("twilio", b"12345", TWILIO_JSON, headers, url=url)
    with pytest.raises(NotAuthentic):
        verify("twilio", b"12345", TWILIO_JSON.replace(b"true", b"TRUE"), headers, url=url)


def test_twilio_json_declared_as_a_form() -> None:
    headers = {"Content-Type": FORM, "X-Twilio-Signature": "a9nBmqA0ju/hNViExpshrM61xv4="}
    with pytest.raises(NotAuthentic):
        verify("twilio", b"12345", b"&&&", headers, url=f"{TWILIO_URL}&bodySHA256={TWILIO_DIGEST}")


STRIPE_BODY = b'{"id":"evt_1","type":"invoice.paid"}'
STRIPE_V1 = "v1=f7a632a9ffdbb1ced2fc48e44c374ec2cb4292469db292862c06ae703e2befbd"
STRIPE_V0 = "v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"


@pytest.mark.parametrize(
    "signature",
    [
        f"t=1492774577,{STRIPE_V1}",
        f"t=1492774577,{STRIPE_V1},{STRIPE_V0}",
        f"t=1492774577,v1={'0' * 64},{STRIPE_V1}",  # while a secret is rolled
        f"{STRIPE_V1}, t=1492774577",
    ],
)
def test_stripe(signature: str) -> None:
    # https://docs.stripe.com/webhooks#verify-manually
    verify("stripe", b"whsec_test_secret", STRIPE_BODY, {"Stripe-Signature": signature}, now_s=1492774577)


@pytest.mark.parametrize(
    "signature",
    [
        f"t=1492774577,v0={STRIPE_V1[3:]}",
        f"t=1492774577,{STRIPE_V1.upper()}",
        f"t=1492774578,{STRIPE_V1}",
        f"t=1492774577,t=1492774577,{STRIPE_V1}",
        STRIPE_V1,
        "t=1492774577",
        f"t=+1492774577,{STRIPE_V1}",
        f"t=,{STRIPE_V1}",
        "nonsense",
        ",",
    ],
)
def test_malformed_stripe_signatures(signature: str) -> None:
    with pytest.raises(NotAuthentic):
        verify("stripe", b"whsec_test_secret", STRIPE_BODY, {"Stripe-Signature": signature}, now_s=1492774577)


def test_shopify() -> None:
    headers = {"X-Shopify-Hmac-SHA256": "qBvrsZF7RfB1iS6BX6IHqJTp5L911P7intnPeTPsH0I="}
    verify("shopify", b"hush", b'{"id":820982911946154508}', headers)


SHA1 = "40e7d441cadb17b07f050341aa23a6820ed81c8b"


@pytest.mark.parametrize("signature", [SHA1, SHA1.upper()])
def test_hmac_sha1_hex_in_either_case(signature: str) -> None:
    options = SchemeOptions(header="X-Sig", algorithm="sha1", prefix="sha1=")
    verify("hmac", b"k", b"a", {"x-sig": f"sha1={signature}"}, options=options)


def test_hmac_sha512_base64() -> None:
    signature = "guDBXg1iqxeYS+oiW/fSitVPND3WUgwoPDos1DhSovecNJzJt1gzFzme441yJIm0WpQmZ+Vbw4xCpbsgPAkAxw=="
    options = SchemeOptions(header="X-Sig", algorithm="sha512", encoding="base64")
    verify("hmac", b"k", b"a", {"x-sig": signature}, options=options)


def test_hmac_over_method_url_and_time_in_milliseconds() -> None:
    headers = {"x-sig": "7b2bed6db9609d888bdae2752f09f5cefc821620db3320274b1c139705f00bda", "x-time": "1700000000000"}
    options = SchemeOptions(header="X-Sig", signed="{method} {url} {timestamp} {body}", timestamp_header="X-Time")
    verify("hmac", b"k", b'{"a":1}', headers, now_s=1_700_000_300, options=options, url="https://h/x")


def test_basic() -> None:
    # https://datatracker.ietf.org/doc/html/rfc7617#section-2
    verify("basic", b"Aladdin:open sesame", b"", {"authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="})
