"""Write `.env.example` and the table of `docs/settings.md` from `shared.settings`; `--check` only compares."""

import re
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from shared.settings import Settings

_ROOT = Path(__file__).parent.parent
_TABLE = re.compile(r"(?<=<!-- settings -->\n).*(?=<!-- /settings -->)", re.DOTALL)
_HEAD = """\
# Every setting with its default. Unset or empty means the default.
# The AWS SDK also reads its own variables, such as AWS_ENDPOINT_URL and AWS_ACCESS_KEY_ID.
"""


def main(arguments: list[str]) -> int:
    """Update both files, or with `--check` report which is out of date."""
    example, page = _ROOT / ".env.example", _ROOT / "docs" / "settings.md"
    text = page.read_text()
    if not _TABLE.search(text):
        print("docs/settings.md has no line <!-- settings --> with a <!-- /settings --> below")
        return 1
    wanted = {example: _example(), page: _TABLE.sub(lambda _: _table(), text)}
    stale = [path for path, content in wanted.items() if not path.exists() or path.read_text() != content]
    for path in stale:
        if "--check" in arguments:
            print(f"{path.relative_to(_ROOT)} does not match shared/settings.py; run script/generate")
        else:
            path.write_text(wanted[path])
    return int("--check" in arguments and bool(stale))


def _rows() -> list[tuple[str, str, str]]:
    """Return each setting's variable, default and description."""
    hints = get_type_hints(Settings, include_extras=True)
    return [
        (field.name.upper(), _text(field.default), _description(hints[field.name]))
        for field in msgspec.structs.fields(Settings)
    ]


def _text(default: object) -> str:
    return msgspec.json.encode(default).decode().strip('"')


def _description(hint: Any) -> str:  # noqa: ANN401 (a type hint has no type)
    text = ". ".join(meta.description for meta in get_args(hint)[1:] if getattr(meta, "description", None))
    kind = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    return f"{text}: {', '.join(get_args(kind))}" if get_origin(kind) is Literal else text


def _example() -> str:
    return _HEAD + "".join(f"\n# {text}\n{name}={default}\n" for name, default, text in _rows())


def _table() -> str:
    rows = "".join(f"| `{name}` | `{default}` | {text} |\n" for name, default, text in _rows())
    return f"| variable | default | meaning |\n|---|---|---|\n{rows}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
