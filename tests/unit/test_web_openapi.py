"""The OpenAPI document is valid, whole, and says what the routes say."""

from __future__ import annotations

import json

import pytest
from openapi_spec_validator import validate

from web.app import described
from web.openapi import document
from web.routing import Access, Scope


def test_the_document_is_valid() -> None:
    validate(document(described(), "0"))


def test_every_described_route_is_in_it() -> None:
    paths = document(described(), "0")["paths"]
    assert {(m.upper(), p) for p, operations in paths.items() for m in operations} == {
        (route.method, route.path) for route in described()
    }
    ids = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    assert len(ids) == len(set(ids))


def test_what_is_guarded_says_so() -> None:
    paths = document(described(), "0")["paths"]
    for route in described():
        operation = paths[route.path][route.method.lower()]
        assert (operation["security"] == []) == (route.access is Access.PUBLIC), route.path
        assert ("401" in operation["responses"]) or route.access is Access.PUBLIC
        assert ("requestBody" in operation) == (route.body is not None)


def test_it_is_the_same_every_time() -> None:
    """So that the committed copy changes only when a route does."""
    assert json.dumps(document(described(), "0")) == json.dumps(document(described(), "0"))


@pytest.mark.feature("SEC-34", "SEC-35")
def test_a_call_says_which_keys_may_use_it_and_what_must_be_fresh() -> None:
    described_as = document(described(), "0")
    assert set(described_as["components"]["securitySchemes"]) == {"log_in", "integration_key"}
    scopes = set()
    for route in described():
        operation = described_as["paths"][route.path][route.method.lower()]
        by_key = [one["integration_key"] for one in operation["security"] if "integration_key" in one]
        assert by_key == ([[route.scope.value]] if route.scope else []), route.path
        assert operation.get("x-scope") == (route.scope.value if route.scope else None), route.path
        assert operation.get("x-step-up", False) == route.step_up, route.path
        scopes |= {route.scope}
    assert scopes - {None} == set(Scope), "a scope that opens nothing would be an empty promise"
