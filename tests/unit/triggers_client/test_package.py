"""The distribution `triggers-client`: its wheel holds the package alone, and needs httpx alone."""

import os
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

SOURCE = Path(__file__).parents[3] / "clients" / "python"

USE = """
import asyncio, sys
from triggers_client import AsyncClient, Client, Unavailable

async def main():
    async with AsyncClient("http://127.0.0.1:1", "key", attempts=1) as client:
        await client.page()

for use in (lambda: Client("http://127.0.0.1:1", "key", attempts=1).page(), lambda: asyncio.run(main())):
    try:
        use()
    except Unavailable as error:
        print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from a copy, since a build leaves files beside the source."""
    directory = tmp_path_factory.mktemp("wheel")
    copy = shutil.copytree(SOURCE, directory / "source", ignore=shutil.ignore_patterns("*.egg-info", "__pycache__"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    build = ["wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(directory)]
    subprocess.run([*pip, *build, str(copy)], check=True, timeout=120)  # noqa: S603
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_its_types_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    modules = {f"triggers_client/{path.name}" for path in (SOURCE / "triggers_client").iterdir() if path.is_file()}
    assert set(names) == modules
    assert "triggers_client/py.typed" in names


def test_an_environment_with_httpx_alone_can_use_it(wheel: Path, tmp_path: Path) -> None:
    for path in _files_of(_closure("httpx")):
        (tmp_path / path.name).symlink_to(path)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-S", "-c", USE],
        env={"PYTHONPATH": str(tmp_path), "PATH": os.defpath},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.count("The API can't be reached") == 2


def test_it_requires_httpx_and_no_more(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode().splitlines()
    assert [line for line in lines if line.startswith("Requires-Dist:")] == ["Requires-Dist: httpx>=0.27"]
    assert "Requires-Python: >=3.11" in lines


def _closure(name: str) -> set[str]:
    """Return the distribution `name` and all that it needs, without extras."""
    found, todo = set[str](), [name]
    while todo:
        one = todo.pop()
        if one not in found:
            found.add(one)
            needed = map(Requirement, distribution(one).requires or ())
            todo += [need.name for need in needed if need.marker is None or need.marker.evaluate({"extra": ""})]
    return found


def _files_of(names: set[str]) -> set[Path]:
    """Return the packages and modules of installed distributions."""
    site = Path(str(distribution("httpx").locate_file("")))
    tops = {file.parts[0] for name in names for file in distribution(name).files or () if file.parts[0] != ".."}
    return {site / top for top in tops if top != "__pycache__"}
