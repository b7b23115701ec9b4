"""Which client an organisation is suggested to be."""

from __future__ import annotations

import pytest

from web.likely_client import likely_client

CLIENTS = ("Acme Dental", "Blue Yonder Ltd.", "Contoso", "Fabrikam Inc.", "Fabrikam Residences", "The Smith", "Öst AB")


@pytest.mark.feature("CO-12")
@pytest.mark.parametrize(
    ("name", "domains", "found"),
    [
        ("acme dental", (), "Acme Dental"),
        ("ACME Dental, LLC", ("acme.example",), "Acme Dental"),
        ("Blue Yonder", (), "Blue Yonder Ltd."),
        ("Contoso Corporation", (), "Contoso"),
        ("Default Directory", ("contoso.example",), "Contoso"),
        ("Default Directory", ("acme-dental.example",), "Acme Dental"),
        ("Contoso Pharma", (), "Contoso"),
        ("Fabrikam", (), "Fabrikam Inc."),
        ("Ost", (), "Öst AB"),
        # Nothing is better than a wrong guess.
        ("Default Directory", ("contoso.onmicrosoft.com",), ""),
        ("Northwind Traders", ("northwind.example",), ""),
        ("Fabrikam Residences and Inc. Holding", ("x.example",), ""),
        ("", (), ""),
        ("Inc.", (), ""),
    ],
)
def test_the_best_of_them_is_suggested(name: str, domains: tuple[str, ...], found: str) -> None:
    assert likely_client(name, domains, CLIENTS) == found


@pytest.mark.feature("CO-12")
def test_of_two_that_are_equally_like_it_neither_is() -> None:
    assert likely_client("Contoso", (), ("Contoso Ltd", "Contoso Inc")) == ""
    assert likely_client("Contoso Inc", (), ("Contoso Ltd", "Contoso Inc")) == "Contoso Inc"
