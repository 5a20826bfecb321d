"""The authorities that servers are verified by, wherever an environment names them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helm_boundary.clients.ca_bundle import pems, system_roots, upstream_roots
from helm_boundary.clients.environment import TRUST_FILES
from helm_boundary.doctor.environment_checks import look_at_company_roots
from helm_boundary.doctor.finding import NO, YES
from support.certificates import Authority
from support.standing import WELL


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the certificate of a company's authority."""
    return Authority(tmp_path_factory.mktemp("company")).file


def test_without_a_companys_authority_the_systems_roots_stay(
    tmp_path: Path,
) -> None:
    """Nothing is copied where there is nothing to add."""
    roots = system_roots({})
    assert upstream_roots({"NODE_EXTRA_CA_CERTS": str(roots)}, tmp_path) == roots
    assert upstream_roots({"CURL_CA_BUNDLE": "/no/such/file"}, tmp_path) == roots
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [name for name in TRUST_FILES if name != "SSL_CERT_FILE"])
def test_any_variable_that_names_roots_adds_them(company: Path, tmp_path: Path, name: str) -> None:
    """Each client reads another one; the way to the upstream is everybody's."""
    merged = upstream_roots({name: str(company)}, tmp_path).read_bytes()
    assert {*pems(merged)} >= {*pems(company.read_bytes()), *pems(system_roots({}).read_bytes())}


def test_a_folder_of_roots_adds_them(company: Path, tmp_path: Path) -> None:
    """SSL_CERT_DIR names several, some of which may not be there."""
    (tmp_path / "roots").mkdir()
    (tmp_path / "roots" / "0a0a0a0a.0").write_bytes(company.read_bytes().replace(b"\n", b"\r\n"))
    (tmp_path / "roots" / "notes.txt").write_text("no certificate")
    environment = {"SSL_CERT_DIR": f"/nowhere:{tmp_path / 'roots'}"}
    merged = upstream_roots(environment, tmp_path / "state").read_bytes()
    assert {*pems(company.read_bytes())} <= {*pems(merged)}


def test_doctor_says_whose_authority_is_missing(company: Path, tmp_path: Path) -> None:
    """The boundary that runs may have been started elsewhere, without the company's authority."""
    environment = {"REQUESTS_CA_BUNDLE": str(company)}
    finding = look_at_company_roots(WELL, environment)
    assert (finding.answer, "REQUESTS_CA_BUNDLE" in finding.found) == (NO, True)
    well = replace(WELL, upstream_roots=str(upstream_roots(environment, tmp_path)))
    assert look_at_company_roots(well, environment).answer == YES
