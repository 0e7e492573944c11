"""Run LocalStack's ready hook against the emulator, with an `awslocal` that records its calls for execution later.

The hook is a shell script for the AWS command line, which is not installed here. So its commands are noted first,
then called through botocore, which names operations and parameters by the same rules.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aioboto3
from botocore import xform_name

HOOK = Path(__file__).parents[2] / "localstack" / "ready.d" / "10-resources.sh"
_RECORDER = """#!/bin/sh
for argument; do printf '%s\\037' "$argument"; done >>"$CALLS"
printf '\\036' >>"$CALLS"
"""


def commands(directory: Path, environ: Mapping[str, str]) -> list[list[str]]:
    """Return the arguments of each `awslocal` that the hook runs with `environ`."""
    recorder, calls = directory / "awslocal", directory / "calls"
    recorder.write_text(_RECORDER)
    recorder.chmod(0o755)
    path = f"{directory}{os.pathsep}{os.defpath}"
    subprocess.run([HOOK], env={"PATH": path, "CALLS": str(calls), **environ}, check=True)  # noqa: S603
    return [call.split("\x1f")[:-1] for call in calls.read_text().split("\x1e")[:-1]]


async def call(arguments: list[str], region: str) -> None:
    """Execute `arguments` as the AWS CLI does."""
    service, operation, *rest = arguments
    async with aioboto3.Session(region_name=region).client(service.removesuffix("api")) as client:  # type: ignore[call-overload] # any service
        if operation == "wait":
            what, *rest = rest
            await client.get_waiter(what.replace("-", "_")).wait(**_parameters(client, "DescribeTable", rest))
            return
        names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
        method = getattr(client, xform_name(names[operation]))
        await method(**_parameters(client, names[operation], rest))


def _parameters(client: Any, operation: str, options: list[str]) -> dict[str, Any]:
    shapes = client.meta.service_model.operation_model(operation).input_shape.members
    names = {f"--{xform_name(name, '-')}": name for name in shapes}
    return {
        names[option]: value if shapes[names[option]].type_name == "string" else json.loads(value)
        for option, value in zip(options[::2], options[1::2], strict=True)
    }
