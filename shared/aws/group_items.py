"""Converts ledgers, retries and events in quarantine to DynamoDB keys and items, and back.

    ledgers#<tenant>#<inbox>         <group>                        a ledger, with its windows as a map
    group#<tenant>#<inbox>#<group>   retry#<epoch>#<due>#<position>
                                     quarantine#<born>#<position>

Times in keys have 13 digits of milliseconds, so that they sort.
"""

import msgspec

from shared.aws.items import Item, escape, number, text
from shared.model.groups import (
    GroupConfig,
    GroupName,
    Ledger,
    Quarantined,
    Retry,
    Window,
    decode_window,
    encode_window,
)

_config = msgspec.json.Decoder(GroupConfig)


def ledgers_key(tenant: str, inbox: str) -> str:
    """Return the partition key of the ledgers of an inbox."""
    return f"ledgers#{escape(tenant)}#{inbox}"


def ledger_key(group: GroupName) -> Item:
    """Return the primary key of the ledger of `group`."""
    return {"pk": text(ledgers_key(group.tenant, group.inbox)), "sk": text(group.group)}


def ledger_item(group: GroupName, ledger: Ledger) -> Item:
    """Return the item of `ledger`."""
    return ledger_key(group) | {
        "born": number(ledger.born),
        "epoch": number(ledger.epoch),
        "serial": number(ledger.serial),
        "frontier": text(ledger.frontier),
        "config": config_value(ledger.config),
        "windows": {"M": {key: window_value(window) for key, window in ledger.windows.items()}},
    }


def ledger_from(item: Item) -> Ledger:
    """Return the ledger that `item` represents."""
    return Ledger(
        born=int(item["born"]["N"]),
        epoch=int(item["epoch"]["N"]),
        serial=int(item["serial"]["N"]),
        frontier=item["frontier"]["S"],
        config=_config.decode(item["config"]["S"]),
        windows={key: decode_window(bytes(value["B"])) for key, value in item["windows"]["M"].items()},
    )


def config_value(config: GroupConfig) -> Item:
    """Return the attribute of a configuration."""
    return text(msgspec.json.encode(config).decode())


def window_value(window: Window) -> Item:
    """Return the attribute of a window."""
    return {"B": encode_window(window)}


def rows_key(group: GroupName) -> str:
    """Return the partition key of the rows of `group`."""
    return f"group#{escape(group.tenant)}#{group.inbox}#{group.group}"


def retries_prefix(epoch: int) -> str:
    """Return how the sort keys of the retries of an epoch begin."""
    return f"retry#{epoch:013d}#"


def retry_key(group: GroupName, epoch: int, due: int, position: str) -> Item:
    """Return the primary key of a retry."""
    return {"pk": text(rows_key(group)), "sk": text(f"{retries_prefix(epoch)}{due:013d}#{position}")}


def retry_item(group: GroupName, epoch: int, retry: Retry, expires_at: int) -> Item:
    """Return the item of `retry`."""
    item = retry_key(group, epoch, retry.due, retry.position) | {
        "attempt": number(retry.attempt),
        "ttl": number(expires_at),
    }
    if retry.alone:
        item["alone"] = {"BOOL": True}
    return item | ({"reason": text(retry.reason)} if retry.reason else {})


def retry_from(item: Item) -> Retry:
    """Return the retry that `item` represents."""
    _, _, due, position = item["sk"]["S"].split("#")
    return Retry(
        due=int(due),
        position=position,
        attempt=int(item["attempt"]["N"]),
        alone="alone" in item,
        reason=_reason(item),
    )


def quarantine_prefix(born: int) -> str:
    """Return how the sort keys of the quarantine of a group begin."""
    return f"quarantine#{born:013d}#"


def quarantine_key(group: GroupName, born: int, position: str) -> Item:
    """Return the primary key of an event in quarantine."""
    return {"pk": text(rows_key(group)), "sk": text(quarantine_prefix(born) + position)}


def quarantine_item(group: GroupName, born: int, event: Quarantined, expires_at: int) -> Item:
    """Return the item of an event in quarantine."""
    item = quarantine_key(group, born, event.position) | {
        "attempts": number(event.attempts),
        "at": number(event.at),
        "ttl": number(expires_at),
    }
    return item | ({"reason": text(event.reason)} if event.reason else {})


def quarantined_from(item: Item) -> Quarantined:
    """Return the event in quarantine that `item` represents."""
    return Quarantined(
        position=item["sk"]["S"].split("#")[2],
        attempts=int(item["attempts"]["N"]),
        at=int(item["at"]["N"]),
        reason=_reason(item),
    )


def _reason(item: Item) -> str:
    return str(item["reason"]["S"]) if "reason" in item else ""
