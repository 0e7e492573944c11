"""The bundle: built for Lambda's processor on any machine, small, and compiled."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from cdk import bundle
from cdk.prune import prune

_AARCH64 = 183  # of an ELF header
MAX_BYTES = 60 * 1024 * 1024
"""Lambda refuses 250 MB unzipped, and starts faster with fewer files."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle.build(bundle.Target(), tmp_path_factory.mktemp("build"))


def test_all_machine_code_is_for_arm(made: Path) -> None:
    machines = {path: struct.unpack("<H", path.read_bytes()[18:20])[0] for path in made.rglob("*.so*")}
    assert len(machines) > 5
    assert set(machines.values()) == {_AARCH64}


def test_it_is_small_and_holds_our_sources(made: Path) -> None:
    assert sum(path.stat().st_size for path in made.rglob("*") if path.is_file()) < MAX_BYTES
    assert {"ingest", "shared", "worker"} <= {path.name for path in made.iterdir()}
    assert not {"uvicorn", "faker", "cli", "tests", "cryptography"} & {path.name for path in made.iterdir()}
    services = {path.name for path in (made / "botocore" / "data").iterdir() if path.is_dir()}
    assert services >= {"dynamodb", "kms", "s3", "sqs"}


def test_all_of_ours_is_compiled_where_its_python_is_installed(made: Path) -> None:
    compiled = {path.name.partition(".")[0] for path in (made / "shared" / "__pycache__").glob("*.pyc")}
    sources = {path.stem for path in (made / "shared").glob("*.py")}
    assert compiled == (sources if bundle.find_python("3.13") else set())


def test_an_existing_bundle_is_reused(made: Path) -> None:
    before = made.stat().st_mtime_ns
    assert bundle.build(bundle.Target(), made.parent) == made
    assert made.stat().st_mtime_ns == before


def test_a_bundle_is_named_by_a_hash_of_its_inputs() -> None:
    target = bundle.Target()
    names = {
        bundle.fingerprint(target, compiled=True),
        bundle.fingerprint(target, compiled=False),
        bundle.fingerprint(replace(target, python="3.12"), compiled=True),
    }
    assert len(names) == 3


def test_a_missing_python_version_is_not_found() -> None:
    assert bundle.find_python("3.99") is None


def test_compiled_code_runs_without_a_check_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("NUMBER = 1\n")
    bundle.compile_all(sys.executable, tmp_path)
    (tmp_path / "one.py").write_text("NUMBER = 2\n")
    command = [sys.executable, "-c", "import one; print(one.NUMBER, one.__cached__)"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout  # noqa: S603 (ours)
    assert said.startswith("1 ")


@pytest.mark.parametrize(
    ("function", "left"), [(True, {"shared", "botocore"}), (False, {"shared", "botocore", "click"})]
)
def test_pruning_removes_files_that_are_never_loaded(tmp_path: Path, function: bool, left: set[str]) -> None:  # noqa: FBT001
    for name in ("shared/one.py", "shared/one.pyi", "click/x.py", "faker/x.py", "faker/x.pyi"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for service in ("dynamodb", "ec2"):
        (tmp_path / "botocore" / "data" / service).mkdir(parents=True)
    (tmp_path / "botocore" / "data" / "endpoints.json").touch()

    prune(tmp_path, function=function)

    assert {path.name for path in tmp_path.iterdir()} == left
    assert {path.name for path in (tmp_path / "shared").iterdir()} == {"one.py"}
    assert {path.name for path in (tmp_path / "botocore" / "data").iterdir()} == {"dynamodb", "endpoints.json"}
