"""The `cdk` command against the emulator, and the deployed resources."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cdk.bundle import ROOT
from tests.rehearsal.cloud import ACCOUNT, PYTHON, REGION

_CDK = ("node", str(ROOT / ".npm-cdk" / "node_modules" / "aws-cdk" / "bin" / "cdk"))
_APP = f"{sys.executable} -m tests.rehearsal.app {PYTHON}"
_STACKS = ("Triggers-dev-Data", "Triggers-dev-Service")


class Deployment:
    """Deploys and destroys; writes assembly, outputs and logs to `directory`."""

    def __init__(self, environ: Mapping[str, str], directory: Path) -> None:
        self._environ = environ
        self._directory = directory

    def synthesize(self) -> None:
        """Synthesize the stacks, and build the bundle."""
        self._cdk("synth", "--quiet", app=_APP)

    def bootstrap(self) -> None:
        """Bootstrap the account, once per account and region."""
        self._cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")

    def deploy(self) -> str:
        """Deploy both stacks; return the API's URL."""
        outputs = self._directory / "outputs.json"
        self._cdk("deploy", "--all", "--require-approval", "never", "--outputs-file", str(outputs))
        service: dict[str, str] = json.loads(outputs.read_text())[_STACKS[1]]
        return next(value for name, value in service.items() if "Url" in name)

    def compare(self) -> None:
        """Compare with what is deployed, as `script/cdk deploy` does: the same app passes, another table does not."""
        environ = {"CHECK_DEPLOYED": "true"}
        self._cdk("synth", "--quiet", app=_APP, **environ)
        refused = self._refused("deploy", "--all", app=f"{_APP} another-table", **environ)
        assert 'TableName: deployed "triggers-dev-events", wanted "another-table"' in refused, refused
        assert "accept_losses = [" in refused, refused

    def _refused(self, *arguments: str, app: str, **environ: str) -> str:
        """Run `cdk` and return what it printed; it must fail."""
        try:
            self._cdk(*arguments, app=app, **environ)
        except RuntimeError as error:
            return str(error)
        raise AssertionError(f"not refused: cdk {' '.join(arguments)}")

    def destroy(self) -> None:
        """Destroy both stacks."""
        self._cdk("destroy", "--all", "--force")

    def resources(self, cloudformation: Any) -> Counter[str]:
        """Return the number of resources of each type; all must be complete."""
        found = [
            one
            for stack in _STACKS
            for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
            for one in page["StackResourceSummaries"]
        ]
        assert {one["ResourceStatus"] for one in found} == {"CREATE_COMPLETE"}
        return Counter(one["ResourceType"] for one in found)

    def _cdk(self, *arguments: str, app: str | None = None, **environ: str) -> None:
        assembly = str(self._directory / "cdk.out")
        where = ["--app", app, "--output", assembly] if app else ["--app", assembly]
        command = [*_CDK, "--ci", *where, *arguments]
        done = subprocess.run(  # noqa: S603 (a pinned command)
            command, cwd=ROOT, env={**self._environ, **environ}, capture_output=True, text=True, check=False
        )
        (self._directory / f"{arguments[0]}.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            raise RuntimeError(f"cdk {arguments[0]} failed:\n{(done.stdout + done.stderr)[-4000:]}")
