import subprocess
import sys

import pytest

resource = pytest.importorskip("resource")

RAISED = """
import resource
from shared.web.server.open_files import raise_limit
resource.setrlimit(resource.RLIMIT_NOFILE, (300, {hard}))
print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.parametrize("hard", [300, 400])
def test_the_soft_limit_becomes_the_hard_one(hard: int) -> None:
    done = subprocess.run([sys.executable, "-c", RAISED.format(hard=hard)], capture_output=True, check=True)  # noqa: S603
    assert done.stdout.split() == [str(hard).encode()] * 2
