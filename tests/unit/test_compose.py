"""compose.yaml and the Dockerfile, as far as they can be checked without an engine."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it has no types of its own

from cli.commands import serve
from cli.main import triggers
from shared import settings
from shared.web.own_key import KEY_PATH

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"[a-z0-9./-]+:\d+\.\d+\.\d+[a-z0-9.-]*@sha256:[0-9a-f]{64}")
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
LASTING = [name for name in SERVICES if name != "provision"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_all_services_are_defined() -> None:
    assert set(SERVICES) == {"localstack", "provision", "ingest", "inbox", "groups", "console", "worker", "gateway"}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name].get("ports", []))


def test_one_url_on_port_8000() -> None:
    published = {name: port for name, service in SERVICES.items() for port in service.get("ports", [])}
    assert published == {"gateway": "127.0.0.1:8000:8000", "localstack": "127.0.0.1:4566:4566"}


@pytest.mark.parametrize("name", LASTING)
def test_each_service_has_a_healthcheck_and_a_grace_period(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"].keys() >= {"test", "interval", "timeout", "start_period", "retries"}
    assert re.fullmatch(r"\d+s", service["stop_grace_period"])
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_has_limits(name: str) -> None:
    assert SERVICES[name].keys() >= {"cpus", "mem_limit", "pids_limit", "logging"}


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"localstack"}))
def test_our_containers_are_read_only_and_unprivileged(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 (of the container)
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_built_here_or_pinned_by_version_and_digest(name: str) -> None:
    service = SERVICES[name]
    assert service.get("build") == "." or PINNED.fullmatch(service["image"])


@pytest.mark.parametrize("name", sorted(set(SERVICES) - {"localstack", "gateway"}))
def test_commands_exist_and_settings_are_valid(name: str) -> None:
    command, *arguments = SERVICES[name]["command"]
    with triggers.commands[command].make_context(command, arguments) as context:
        assert context.params.get("host", "0.0.0.0") == "0.0.0.0"  # noqa: S104 (within the container's own network)
    environ = {name: value for name, value in SERVICES[name]["environment"].items() if "$" not in value}
    loaded = settings.load(environ)
    assert loaded.settle_ms == 1400
    assert loaded.kms_key_id.startswith("alias/")


def test_a_worker_has_time_to_finish_its_messages() -> None:
    assert SERVICES["worker"]["stop_grace_period"] == "30s"  # the worker itself gives up after 20


def test_the_gateway_routes_to_every_service() -> None:
    rules = (ROOT / "docker" / "gateway.conf").read_text()
    routed_to = set(re.findall(r"^    (?:default|GET|HEAD|~\S+)\s+(\w+);", rules, re.MULTILINE))
    assert routed_to == {"ingest", "inbox", "groups", "console"}
    for part in ("groups", "console"):
        paths = [re.compile(path) for path in re.findall(rf"^    ~(\S+)\s+{part};", rules, re.MULTILINE)]
        routes = [route.path for route in serve.create(part, settings.Settings()).routes]
        own = [path for path in routes if path.startswith(("/v1/", "/live/")) or (part == "console" and path == "/")]
        own.remove(KEY_PATH)  # any part answers it
        assert own
        assert all(any(rule.match(path) for rule in paths) for path in own)
        assert not any(rule.match(path) for rule in paths for path in ("/v1/inbox", "/v1/events", "/v1/acks", "/docs"))


def test_the_gateway_logs_no_url_of_a_source() -> None:
    rules = (ROOT / "docker" / "gateway.conf").read_text()
    (block,) = re.findall(r"location /v1/in/ \{(.*?)\}", rules, re.DOTALL)
    assert "access_log off;" in block
    assert "error_log /dev/null;" in block


def test_mounted_files_exist() -> None:
    mounts = [volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert mounts
    assert all((ROOT / here).exists() and mode == "ro" for here, _, mode in mounts)


def test_the_image_has_a_pinned_base_and_an_unprivileged_user() -> None:
    assert PINNED.fullmatch(re.search(r"^ARG PYTHON=(.*)$", DOCKERFILE, re.MULTILINE)[1])  # type: ignore[index] # it is there
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${PYTHON}"}
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", DOCKERFILE, re.MULTILINE)


def test_files_copied_into_the_image_exist_and_are_not_ignored() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = {name for line in copied for name in line.split()}
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert names == allowed
    assert all((ROOT / name).exists() for name in names)
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    assert {name.removesuffix("*") for name in packages} <= names
