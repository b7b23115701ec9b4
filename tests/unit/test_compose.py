"""`compose.yaml` and what belongs to it hold together, as far as that can be seen without a container engine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

import watchword
from bot.generate.settings import VARIABLES
from storage.postgres.database import POOL_SIZE
from web.pages import page_routes

ROOT = Path(__file__).parents[2]
SPEC: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = SPEC["services"]
EXAMPLE = (ROOT / "deploy" / "example.env").read_text("utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("watchword:")]
#: Everything a service here may say; a key that is misspelt would be ignored or refused on the operator's machine.
KEYS = {
    *("build", "cap_add", "cap_drop", "command", "depends_on", "entrypoint", "environment", "healthcheck", "image"),
    *("logging", "mem_limit", "networks", "pids_limit", "ports", "profiles", "pull_policy", "read_only", "restart"),
    *("secrets", "security_opt", "shm_size", "stop_grace_period", "stop_signal", "tmpfs", "user", "volumes"),
}
CONDITIONS = {"service_started", "service_healthy", "service_completed_successfully"}
#: Services without a health check of their own, and why that is right.
NO_HEALTHCHECK = {
    "app-1": "the image's own",
    "app-2": "the image's own",
    "migrate": "ends by itself",
    "operator": "lives for one command",
}


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


@pytest.fixture(params=sorted(SERVICES))
def service(request: pytest.FixtureRequest) -> dict[str, Any]:
    return SERVICES[request.param]


def test_only_known_keys_are_used(service: dict[str, Any]) -> None:
    assert service.keys() <= KEYS
    assert {key for key in SPEC if not key.startswith("x-")} == {"name", "services", "networks", "volumes", "secrets"}


@pytest.mark.feature("SEC-19")
def test_no_service_can_do_more_than_it_needs(service: dict[str, Any]) -> None:
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["pids_limit"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if service is SERVICES["proxy"] else [])


def test_images_are_pinned_to_a_version(service: dict[str, Any]) -> None:
    name, _, tag = service["image"].partition(":")
    if name == "watchword":
        assert tag.startswith("${WATCHWORD_VERSION:?")
        assert service["pull_policy"] == "never"
        return
    assert re.match(r"\d+\.\d+", tag), service["image"]
    # The name alone: no address of a registry.
    assert re.fullmatch(r"[a-z]+(/[a-z]+)?", name)


def test_one_service_builds_the_image_that_all_use() -> None:
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]
    assert OURS == ["app-1", "app-2", "migrate", "backup", "operator"]


def test_the_proxy_alone_is_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    inside = {name for name, service in SERVICES.items() if "inside" in service["networks"]}
    assert "proxy" not in inside
    assert {"database", "redis"} <= inside
    for name in ("database", "redis", "migrate", "backup"):
        assert SERVICES[name]["networks"] == ["inside"], name
    assert SPEC["networks"]["inside"] == {"internal": True}


def test_everything_that_is_named_is_declared(service: dict[str, Any]) -> None:
    assert set(service.get("secrets", [])) <= SPEC["secrets"].keys()
    assert set(service["networks"]) <= SPEC["networks"].keys()
    for volume in service.get("volumes", []):
        source = re.sub(r"\$\{[^}]*\}", "./set", volume).split(":")[0]
        if not source.startswith("."):
            assert source in SPEC["volumes"]
        elif source != "./set":
            assert (ROOT / source).exists(), source
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how["condition"] in CONDITIONS


def test_nothing_is_declared_in_vain() -> None:
    text = list(strings(SERVICES))
    for volume in SPEC["volumes"]:
        assert any(line.startswith(volume + ":") for line in text), volume
    used = {secret for service in SERVICES.values() for secret in service.get("secrets", [])}
    assert used == SPEC["secrets"].keys()


def test_a_file_of_a_secret_is_handed_to_who_reads_it(service: dict[str, Any]) -> None:
    said = [*strings(service.get("environment", {})), *strings(service.get("command", []))]
    for line in said:
        for secret in re.findall(r"/run/secrets/(\w+)", line):
            assert secret in service["secrets"], f"{secret} is read and not handed over"
    scripts = "".join((ROOT / "deploy" / "roles.sql").read_text("utf-8") if service is SERVICES["database"] else "")
    assert set(re.findall(r"/run/secrets/(\w+)", scripts)) <= set(service.get("secrets", []))


@pytest.mark.feature("SEC-19")
def test_no_secret_stands_in_the_environment() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|KEY|TOKEN|DATABASE_URL|REDIS_URL", variable):
                assert variable.endswith("_FILE"), (name, variable)
                assert value.startswith("/run/secrets/")


def test_settings_are_those_that_exist() -> None:
    known = {variable.name for variable in VARIABLES} | {"TZ"}
    for name in OURS:
        assert SERVICES[name]["environment"].keys() <= known, name
        assert {"WATCHWORD_DATABASE_URL_FILE", "WATCHWORD_MASTER_KEY_FILE"} <= SERVICES[name]["environment"].keys()


def test_variables_of_the_file_are_in_the_example() -> None:
    given = set(re.findall(r"^([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    for line in strings(SPEC):
        for variable, rest in re.findall(r"\$\{([A-Z_]+)([^}]*)\}", line):
            assert variable in given
            assert rest.startswith((":-", ":?")), f"{variable}: a default, or a message for who forgot it"
    assert f"WATCHWORD_VERSION={watchword.__version__}\n" in EXAMPLE


def test_only_the_one_that_migrates_and_the_operator_own_the_tables() -> None:
    owners = {name for name, service in SERVICES.items() if "database_owner_url" in service.get("secrets", [])}
    assert owners == {"migrate", "operator"}


def test_every_service_says_whether_it_is_well() -> None:
    assert "HEALTHCHECK" in DOCKERFILE
    without = {
        name
        for name, service in SERVICES.items()
        if "healthcheck" not in service or service["healthcheck"].get("disable")
    }
    assert without == NO_HEALTHCHECK.keys()
    for name, service in SERVICES.items():
        if name not in without:
            # A list: no shell reads it.
            assert service["healthcheck"]["test"][0] == "CMD", name


@pytest.mark.feature("REL-14")
def test_the_order_of_an_upgrade() -> None:
    """A backup and the new tables before the new version serves; one replica can be replaced while the other serves."""
    migrate = SERVICES["migrate"]
    assert migrate["command"][:2] == ["migrate", "--backup"]
    assert any(volume.endswith(":" + migrate["command"][2]) for volume in migrate["volumes"])
    assert migrate["restart"] == "no"
    for name in ("app-1", "app-2"):
        assert SERVICES[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
        assert SERVICES[name]["stop_grace_period"] == "40s", "longer than the half minute of draining"
    assert SERVICES["app-1"] == SERVICES["app-2"]


@pytest.mark.feature("REL-10")
def test_without_redis_everything_starts() -> None:
    for service in SERVICES.values():
        condition = service.get("depends_on", {}).get("redis", {}).get("condition", "service_started")
        assert condition == "service_started"


def test_the_database_has_connections_for_every_process() -> None:
    """Each process holds its pool and a few of its own; PostgreSQL keeps three for the superuser."""
    command = " ".join(SERVICES["database"]["command"])
    (allowed,) = re.findall(r"max_connections=(\d+)", command)
    assert len(OURS) * (POOL_SIZE + 4) + 3 <= int(allowed)
    assert "synchronous_commit=on" in command


def test_the_proxy_knows_the_replicas_and_asks_whether_they_are_ready() -> None:
    caddyfile = (ROOT / "deploy" / "Caddyfile").read_text("utf-8")
    assert caddyfile.count("{") == caddyfile.count("}")
    (upstreams,) = re.findall(r"^\treverse_proxy (.*) \{$", caddyfile, re.MULTILINE)
    assert upstreams.split() == [f"{name}:8080" for name in SERVICES if name.startswith("app-")]
    assert '"8080"' in DOCKERFILE or "EXPOSE 8080" in DOCKERFILE
    for line in ("health_uri /readyz", "lb_try_duration 5s", "flush_interval -1", "protocols h1 h2", "admin off"):
        assert re.search(rf"^\t+{re.escape(line)}$", caddyfile, re.MULTILINE), line
    assert "lb_retry_match" not in caddyfile, "only what never reached a replica may go to the other one"
    assert "request>headers delete" in caddyfile, "signatures and links stay out of the proxy's log"
    sizes = dict(re.findall(r"request_body @(\w+) \{\s+max_size (\d)MB", caddyfile))
    (files,) = re.findall(r"^\t@files path (.*)$", caddyfile, re.MULTILINE)
    assert re.search(rf"^\t@anything_else not path {re.escape(files)}$", caddyfile, re.MULTILINE)
    for route in page_routes():
        if route.upload:
            let_through = sizes["files" if route.path in files.split() else "anything_else"]
            assert route.upload <= int(let_through) * 1_000_000, f"{route.path} takes more than the proxy lets through"
    used = set(re.findall(r"\{\$([A-Z_]+)\}", caddyfile))
    assert used == SERVICES["proxy"]["environment"].keys()
