"""Generate webhook payloads as Stripe and Shopify shape them: an invoice, a charge, an order, a product."""

import random
from collections.abc import Callable
from typing import Any

from bench import prose

Object = dict[str, Any]

_SHOP = "https://harbor-goods.example.com"


def stripe(rng: random.Random, kind: str) -> Object:
    """Return the payload of an event of `kind`, one of `STRIPE`."""
    return {
        "id": prose.token(rng, "evt_"),
        "object": "event",
        "api_version": "2026-06-30",
        "created": _epoch(rng),
        "data": {"object": STRIPE[kind](rng)},
        "livemode": False,
        "pending_webhooks": rng.randrange(3),
        "request": {"id": prose.token(rng, "req_"), "idempotency_key": prose.digest(rng)},
        "type": kind,
    }


def shopify(rng: random.Random, kind: str) -> Object:
    """Return the payload of an event of `kind`, one of `SHOPIFY`."""
    return SHOPIFY[kind](rng)


def _invoice(rng: random.Random) -> Object:
    number, customer = prose.token(rng, "in_"), prose.token(rng, "cus_")
    lines = [_invoice_line(rng, number) for _ in range(rng.randrange(2, 9))]
    total = sum(line["amount"] for line in lines)
    return {
        "id": number,
        "object": "invoice",
        "account_name": "Harbor Goods",
        "amount_due": total,
        "amount_paid": total,
        "amount_remaining": 0,
        "attempt_count": 1,
        "collection_method": "charge_automatically",
        "currency": "eur",
        "customer": customer,
        "customer_address": _billing(rng)["address"],
        "customer_email": f"{prose.handle(rng)}@example.com",
        "customer_name": prose.name(rng),
        "discounts": [],
        "hosted_invoice_url": f"https://invoice.example.com/i/{customer}/{number}",
        "invoice_pdf": f"https://invoice.example.com/i/{customer}/{number}/pdf",
        "lines": {"object": "list", "data": lines, "has_more": False, "url": f"/v1/invoices/{number}/lines"},
        "metadata": {},
        "period_end": _epoch(rng),
        "status": "paid",
        "total": total,
    }


def _invoice_line(rng: random.Random, invoice: str) -> Object:
    amount = rng.randrange(100, 90_000)
    return {
        "id": prose.token(rng, "il_"),
        "object": "line_item",
        "amount": amount,
        "currency": "eur",
        "description": prose.sentence(rng),
        "discount_amounts": [],
        "discountable": True,
        "invoice": invoice,
        "livemode": False,
        "metadata": {},
        "period": {"end": _epoch(rng), "start": _epoch(rng)},
        "price": {
            "id": prose.token(rng, "price_"),
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "currency": "eur",
            "product": prose.token(rng, "prod_"),
            "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"},
            "tax_behavior": "exclusive",
            "type": "recurring",
            "unit_amount": amount,
            "unit_amount_decimal": f"{amount}",
        },
        "proration": False,
        "quantity": 1,
        "tax_amounts": [],
    }


def _charge(rng: random.Random) -> Object:
    number, amount = prose.token(rng, "ch_"), rng.randrange(100, 90_000)
    return {
        "id": number,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "balance_transaction": prose.token(rng, "txn_"),
        "billing_details": _billing(rng),
        "captured": True,
        "created": _epoch(rng),
        "currency": "eur",
        "customer": prose.token(rng, "cus_"),
        "description": prose.sentence(rng),
        "failure_code": None,
        "failure_message": None,
        "metadata": {"order": f"{rng.randrange(10**6)}"},
        "outcome": {"network_status": "approved_by_network", "reason": None, "risk_level": "normal"},
        "paid": True,
        "payment_intent": prose.token(rng, "pi_"),
        "payment_method_details": {
            "card": {
                "brand": "visa",
                "checks": {"address_line1_check": None, "address_postal_code_check": "pass", "cvc_check": "pass"},
                "country": "DE",
                "exp_month": rng.randrange(1, 13),
                "exp_year": 2031,
                "last4": f"{rng.randrange(10**4):04}",
            },
            "type": "card",
        },
        "receipt_url": f"https://pay.example.com/receipts/{number}",
        "refunded": False,
        "status": "succeeded",
    }


def _billing(rng: random.Random) -> Object:
    street = f"{rng.choice(prose.words(rng, 3)).title()}straße {rng.randrange(1, 99)}"
    address = {"city": "Köln", "country": "DE", "line1": street, "line2": None, "postal_code": "50667", "state": None}
    return {"address": address, "email": f"{prose.handle(rng)}@example.com", "name": prose.name(rng), "phone": None}


def _order(rng: random.Random) -> Object:
    number, items = rng.randrange(10**12), [_order_item(rng) for _ in range(rng.randrange(3, 9))]
    total = _money(sum(float(item["price"]) for item in items))
    address = {**_billing(rng)["address"], "latitude": 50.9375, "longitude": 6.9603}
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/Order/{number}",
        "browser_ip": None,
        "buyer_accepts_marketing": False,
        "confirmed": True,
        "created_at": prose.time(rng),
        "currency": "EUR",
        "current_total_price": total,
        "current_total_price_set": _both(total),
        "email": f"{prose.handle(rng)}@example.com",
        "financial_status": "paid",
        "landing_site": "/collections/all?utm_source=mail&utm_campaign=spring",
        "name": f"#{rng.randrange(10**4)}",
        "note": prose.sentence(rng),
        "order_status_url": f"{_SHOP}/{rng.randrange(10**8)}/orders/{prose.digest(rng)}/authenticate",
        "tags": ", ".join(prose.words(rng, 3)),
        "total_price": total,
        "total_price_set": _both(total),
        "billing_address": address,
        "shipping_address": address,
        "customer": {"id": rng.randrange(10**12), "first_name": prose.name(rng), "default_address": address},
        "line_items": items,
    }


def _order_item(rng: random.Random) -> Object:
    number, price = rng.randrange(10**12), _money(rng.uniform(2, 300))
    return {
        "id": number,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{number}",
        "fulfillable_quantity": 1,
        "fulfillment_service": "manual",
        "fulfillment_status": None,
        "gift_card": False,
        "grams": rng.randrange(5000),
        "name": " ".join(prose.words(rng, 3)).title(),
        "price": price,
        "price_set": _both(price),
        "product_exists": True,
        "product_id": rng.randrange(10**12),
        "properties": [],
        "quantity": rng.randrange(1, 4),
        "requires_shipping": True,
        "sku": f"SKU-{rng.randrange(10**6):06}",
        "taxable": True,
        "total_discount": "0.00",
        "total_discount_set": _both("0.00"),
        "variant_id": rng.randrange(10**12),
        "variant_inventory_management": "shopify",
        "vendor": "Harbor Goods",
        "tax_lines": [{"price": price, "price_set": _both(price), "rate": 0.19, "title": "MwSt."}],
    }


def _product(rng: random.Random) -> Object:
    number, title = rng.randrange(10**12), " ".join(prose.words(rng, 3)).title()
    body = "".join(f"<p>{prose.text(rng, 2)}</p>\n" for _ in range(4))
    variants = [_variant(rng, number) for _ in range(rng.randrange(4, 16))]
    return {
        "admin_graphql_api_id": f"gid://shopify/Product/{number}",
        "body_html": body,
        "created_at": prose.time(rng),
        "handle": title.lower().replace(" ", "-"),
        "id": number,
        "product_type": "Kitchen",
        "published_scope": "web",
        "status": "active",
        "tags": ", ".join(prose.words(rng, 4)),
        "title": title,
        "vendor": "Harbor Goods",
        "variants": variants,
        "image": {"src": f"{_SHOP}/cdn/products/{number}.jpg?v={_epoch(rng)}", "width": 1200, "height": 1200},
    }


def _variant(rng: random.Random, product: int) -> Object:
    number = rng.randrange(10**12)
    return {
        "admin_graphql_api_id": f"gid://shopify/ProductVariant/{number}",
        "barcode": f"{rng.randrange(10**13):013}",
        "compare_at_price": None,
        "created_at": prose.time(rng),
        "id": number,
        "inventory_item_id": rng.randrange(10**12),
        "inventory_policy": "deny",
        "inventory_quantity": rng.randrange(500),
        "option1": rng.choice(("S", "M", "L", "XL")),
        "option2": rng.choice(("grün", "blau", "rot")),
        "position": rng.randrange(1, 16),
        "price": _money(rng.uniform(2, 300)),
        "product_id": product,
        "sku": f"SKU-{rng.randrange(10**6):06}",
        "taxable": True,
        "updated_at": prose.time(rng),
    }


def _both(amount: str) -> Object:
    """Return an amount of the shop's and of the buyer's currency."""
    return {f"{whose}_money": {"amount": amount, "currency_code": "EUR"} for whose in ("shop", "presentment")}


def _money(amount: float) -> str:
    return f"{amount:.2f}"


def _epoch(rng: random.Random) -> int:
    """Return a time in 2026, in seconds since 1970."""
    return 1_767_225_600 + rng.randrange(365 * 86_400)


STRIPE: dict[str, Callable[[random.Random], Object]] = {"invoice.paid": _invoice, "charge.succeeded": _charge}
SHOPIFY: dict[str, Callable[[random.Random], Object]] = {"orders.create": _order, "products.update": _product}
