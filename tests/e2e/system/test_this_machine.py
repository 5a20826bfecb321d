"""Trust stores and the proxy setting of the machine that the tests run on, where it has them.

They are changed in copies: another home folder, another settings folder, and for the system's own
files a mount namespace, which ends with the test.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.certificates import Authority
from support.installed import on_path

COMMAND = [sys.executable, "-m", "helm_boundary"]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Create an authority as good as the boundary's."""
    return Authority(tmp_path / "authority", "helm-boundary test")


def run(*arguments: str, env: dict[str, str], code: int = 0) -> str:
    """Run the command with just these variables besides PATH."""
    done = subprocess.run(
        [*COMMAND, *arguments],
        env={"PATH": os.environ["PATH"], **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout


def test_nss_databases_take_the_authority_and_lose_it(authority: Authority, tmp_path: Path) -> None:
    """Chromium's database is made, a Firefox profile's is found; both take it and lose it."""
    certutil = on_path("certutil")
    profile = tmp_path / ".mozilla" / "firefox" / "abc.default"
    profile.mkdir(parents=True)
    subprocess.run([certutil, "-d", f"sql:{profile}", "-N", "--empty-password"], check=True)
    env, where = {"HOME": str(tmp_path)}, ("--store", "nss", "--ca", str(authority.file))
    run("trust", "status", *where, env=env, code=1)
    run("trust", "install", *where, env=env)
    said = run("trust", "status", *where, env=env)
    assert said.splitlines() == [
        "yes Chromium's NSS database: trusts it",
        "yes Firefox's profile abc.default: trusts it",
    ]
    run("trust", "remove", *where, env=env)
    run("trust", "status", *where, env=env, code=1)


_IN_A_NAMESPACE = """
set -e
mount --bind "$COPY/ssl" /etc/ssl
mount --bind "$COPY/local" /usr/local/share/ca-certificates
if [ -n "$CACERTS" ]; then mount --bind "$COPY/cacerts" "$CACERTS"; fi
"$@" install $STORES >/dev/null
"$@" status $STORES
openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt "$CA"
"$@" remove $STORES >/dev/null
if "$@" status $STORES; then exit 9; fi
! openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt "$CA"
"""


def test_debians_and_javas_stores_take_the_authority_and_lose_it(
    authority: Authority, tmp_path: Path
) -> None:
    """update-ca-certificates and keytool take the authority in, and out again, for real."""
    for program in ("update-ca-certificates", "openssl", "unshare"):
        on_path(program)
    if subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user and mount namespaces for this user here")
    copy, keytool = tmp_path / "copy", shutil.which("keytool")
    (copy / "local").mkdir(parents=True)
    shutil.copytree(
        "/etc/ssl", copy / "ssl", symlinks=True, ignore=shutil.ignore_patterns("private")
    )
    cacerts = None
    if keytool:
        cacerts = (Path(keytool).resolve().parents[1] / "lib/security/cacerts").resolve()
        shutil.copy(cacerts, copy / "cacerts")
    stores = "--store system" + (" --store java" if keytool else "")
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", _IN_A_NAMESPACE, "sh", *COMMAND, "trust"],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "COPY": str(copy),
            "CA": str(authority.file),
            "CACERTS": str(cacerts or ""),
            "STORES": f"{stores} --system debian --ca {authority.file}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("doesn't trust it") == stores.count("--store")


def test_gnomes_proxy_is_set_and_restored(tmp_path: Path) -> None:
    """As gsettings shows it, after `on` and after `off`."""
    gsettings = on_path("gsettings")
    env = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "GSETTINGS_BACKEND": "keyfile",
        "HELM_STATE": str(tmp_path / "state"),
    }
    mode = [gsettings, "get", "org.gnome.system.proxy", "mode"]
    host = [gsettings, "get", "org.gnome.system.proxy.https", "host"]

    def get(command: list[str]) -> str:
        everything = {"PATH": os.environ["PATH"], **env}
        read = subprocess.run(command, env=everything, capture_output=True, text=True, check=False)
        return read.stdout.strip()

    if get(mode) != "'none'":
        pytest.skip("no schema org.gnome.system.proxy here")
    subprocess.run(
        [gsettings, "set", "org.gnome.system.proxy.https", "host", "corp.example.test"],
        env={"PATH": os.environ["PATH"], **env},
        check=True,
    )
    where = ("--desktop", "gnome", "--proxy", "127.0.0.1:8899")
    run("system-proxy", "status", *where, env=env, code=1)
    run("system-proxy", "on", *where, env=env)
    assert (get(mode), get(host)) == ("'manual'", "'127.0.0.1'")
    run("system-proxy", "status", *where, env=env)
    run("system-proxy", "off", *where, env=env)
    assert (get(mode), get(host)) == ("'none'", "'corp.example.test'")
    run("system-proxy", "off", *where, env=env, code=2)
