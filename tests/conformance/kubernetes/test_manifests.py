"""The Kubernetes manifests: every member is one of the API's, and pods have no more than they need.

Strict decoding takes Go and the types of k8s.io/api, from a Go module proxy: where they can't be
had, it is skipped and says so. No cluster has run these in the tests.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from helm_boundary.policy.sources.policy import read_policy
from helm_receipts.storage.ownership import READ, WRITE, fault_of, keepers
from support.boundary import ROOT

FOLDER = ROOT / "scripts" / "service" / "kubernetes"
DECODER = Path(__file__).parent / "strict"
BUILD_SECONDS = 580
MANIFESTS = sorted(path for path in FOLDER.rglob("*.yaml") if path.name != "kustomization.yaml")


def documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yield a file's objects."""
    yield from (each for each in yaml.safe_load_all(path.read_text()) if each)


def objects(kind: str) -> list[dict[str, Any]]:
    """Return all objects of a kind."""
    return [each for path in MANIFESTS for each in documents(path) if each["kind"] == kind]


def named(kind: str, name: str) -> dict[str, Any]:
    """Return the object of a kind that has a name."""
    [found] = [each for each in objects(kind) if each["metadata"]["name"] == name]
    return found


def containers() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each container with its pod."""
    for deployment in objects("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            yield pod, container


@pytest.fixture(scope="session")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the program that decodes strictly."""
    go = shutil.which("go", path="/usr/local/go/bin:/usr/bin:/usr/local/bin")
    if go is None:
        pytest.skip("no Go, in which the types of Kubernetes' API are written")
    program = tmp_path_factory.mktemp("strict") / "strict"
    try:
        built = subprocess.run(
            [go, "build", "-o", program, "."],
            cwd=DECODER, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip("the types of Kubernetes' API took too long to build")
    if built.returncode != 0 and "dial tcp" in built.stderr + built.stdout:
        pytest.skip("the types of Kubernetes' API can't be had without a network")
    assert built.returncode == 0, built.stderr
    return program


@pytest.mark.slow
@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_manifest_has_the_apis_members_and_no_other(path: Path, decoder: Path) -> None:
    """A misspelt one would be dropped silently, and with it what it asks for."""
    done = subprocess.run(
        [decoder], input=path.read_text(), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(list(documents(path)))


@pytest.mark.slow
def test_a_misspelt_member_is_noticed(decoder: Path) -> None:
    """So that the test above says something."""
    text = (FOLDER / "base" / "deployment.yaml").read_text()
    wrong = text.replace("readOnlyRootFilesystem", "readonlyRootFilesystem", 1)
    done = subprocess.run(
        [decoder], input=wrong, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "readonlyRootFilesystem" in done.stderr


def test_every_file_is_part_of_what_is_applied() -> None:
    """A kustomization names those beside it; secrets and clients are elsewhere."""
    for kustomization in FOLDER.rglob("kustomization.yaml"):
        [said] = documents(kustomization)
        beside = {path.name for path in kustomization.parent.glob("*.yaml")}
        assert {*said["resources"], "kustomization.yaml"} == beside


@pytest.mark.slow
def test_what_kustomize_builds_selects_what_the_files_say(decoder: Path) -> None:
    """No label of ours gets into the selector of another program's pods."""
    kustomize = shutil.which("kustomize") or pytest.skip("no kustomize on PATH")
    for name in ("base", "sidecar"):
        built = subprocess.run(
            [kustomize, "build", FOLDER / name],
            capture_output=True, text=True, timeout=60, check=True,
        ).stdout  # fmt: skip
        subprocess.run([decoder], input=built, text=True, timeout=60, check=True)
        for each in yaml.safe_load_all(built):
            [written] = [one for one in objects(each["kind"])
                         if one["metadata"]["name"] == each["metadata"]["name"]]  # fmt: skip
            if each["kind"] == "NetworkPolicy":
                assert each["spec"] == written["spec"]


def test_no_container_has_more_rights_than_it_needs() -> None:
    """Not root, no capability, a read-only root, the runtime's seccomp profile, no API token."""
    found = list(containers())
    assert len(found) >= 5
    for pod, container in found:
        own, shared = container["securityContext"], pod["securityContext"]
        assert own["allowPrivilegeEscalation"] is False, container["name"]
        assert own["readOnlyRootFilesystem"] is True
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert shared["runAsNonRoot"] is True
        assert shared["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (own | shared).get("runAsUser", 0) >= 10001
        assert pod["automountServiceAccountToken"] is False


def test_a_sidecar_is_another_user_than_its_program() -> None:
    """Who owns the state folder owns its keys and approvals."""
    pod = named("Deployment", "agent")["spec"]["template"]["spec"]
    users = {
        each["name"]: each["securityContext"]["runAsUser"]
        for each in (*pod["initContainers"], *pod["containers"])
    }
    assert users["agent"] not in (users["boundary"], users["trust"])
    [program] = pod["containers"]
    assert {mount["name"] for mount in program["volumeMounts"]} == {"trust"}


def test_what_selects_pods_selects_those_that_there_are() -> None:
    """Service, disruption budget, network policy and spreading, by the deployments' labels."""
    boundary = named("Deployment", "helm-boundary")
    [budget] = objects("PodDisruptionBudget")
    [spread] = boundary["spec"]["template"]["spec"]["topologySpreadConstraints"]
    selectors = [(boundary, budget["spec"]["selector"]["matchLabels"]),
                 (boundary, spread["labelSelector"]["matchLabels"])]  # fmt: skip
    for name in ("helm-boundary", "helm-boundary-log"):
        deployment, service = named("Deployment", name), named("Service", name)
        policy = named("NetworkPolicy", name)
        selectors += [(deployment, deployment["spec"]["selector"]["matchLabels"]),
                      (deployment, service["spec"]["selector"]),
                      (deployment, policy["spec"]["podSelector"]["matchLabels"])]  # fmt: skip
        [own] = [each for pod, each in containers() if pod == deployment["spec"]["template"]["spec"]
                 and "ports" in each]  # fmt: skip
        ports = {port["name"] for port in own["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    for deployment, selector in selectors:
        assert selector.items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert boundary["spec"]["replicas"] > budget["spec"]["minAvailable"]


def runs_boundary(container: dict[str, Any]) -> bool:
    """Tell whether a container has keys, receipts or an authority of ours."""
    return container["image"] == "helm-boundary" and container.get("command") != ["sh", "-euc"]


def test_what_must_be_ours_alone_is_a_folder_in_a_volume() -> None:
    """A volume's own folder has mode 0777 or its group's, which the boundary refuses."""
    mounts = [
        (container["name"], mount)
        for _, container in containers()
        if runs_boundary(container)
        for mount in container["volumeMounts"]
        if mount["mountPath"] in ("/state", "/state/keys", "/pins", "/authority")
    ]
    assert len(mounts) >= 8
    assert [name for name, mount in mounts if "subPath" not in mount] == []


FOLDERS = [(pod, each) for pod, each in containers() if each["name"] == "folders"]


@pytest.mark.parametrize("at", range(len(FOLDERS)), ids=["boundary", "log", "sidecar"])
def test_the_boundary_accepts_the_folders_that_are_made_for_it(tmp_path: Path, at: int) -> None:
    """Also a second time, after a restart of the pod.

    The first container makes them in volumes that everybody may write, and copies secrets there
    that everybody may read.
    """
    pod, container = FOLDERS[at]
    for mount in container["volumeMounts"]:
        folder = tmp_path / mount["mountPath"].lstrip("/")
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        if mount["mountPath"].startswith("/secret"):
            for name in ("receipt.pem", "mitmproxy-ca.pem", "log.pem", "origin"):
                (folder / name).write_text("a secret")
                (folder / name).chmod(0o444)
    [script] = container["args"]
    moved = re.sub(r"(?<= )/", f"{tmp_path}/", script)
    for _ in range(2):
        subprocess.run([*container["command"], moved], check=True, cwd=tmp_path)
    kept = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    seen = 0
    for each in (*pod["initContainers"], *pod["containers"]):
        for mount in each["volumeMounts"]:
            if not runs_boundary(each) or "subPath" not in mount:
                continue
            folder = tmp_path / kept[mount["name"]].lstrip("/") / mount["subPath"]
            for path in (folder, *folder.rglob("*")):
                assert fault_of(path, path.lstat(), None, keepers(), READ | WRITE) is None
                seen += 1
    assert seen >= 2


def test_a_mounted_policy_is_sound_and_allows_what_it_says(tmp_path: Path) -> None:
    """A name with a star at its end would be that name alone."""
    [policy] = objects("ConfigMap")
    for name, text in policy["data"].items():
        (tmp_path / name).write_text(text)
    allowed = yaml.safe_load(policy["data"]["data.yaml"])["models"]
    assert not [name for names in allowed.values() for name in names if "*" in name]
    assert read_policy([tmp_path]).data["models"]["allow_prefixes"] == allowed["allow_prefixes"]


def test_every_volume_and_secret_that_is_mounted_is_there() -> None:
    """By the names in the files beside it."""
    there = {each["metadata"]["name"] for kind in ("Secret", "ConfigMap", "PersistentVolumeClaim")
             for each in objects(kind)}  # fmt: skip
    for pod, container in containers():
        volumes = {each["name"] for each in pod["volumes"]}
        assert {each["name"] for each in container["volumeMounts"]} <= volumes
        for volume in pod["volumes"]:
            source = (
                volume.get("secret", {}).get("secretName")
                or volume.get("configMap", {}).get("name")
                or volume.get("persistentVolumeClaim", {}).get("claimName")
            )
            assert source is None or source in there
