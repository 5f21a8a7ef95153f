"""As much of kustomize as deploy/k8s uses. Whatever else a kustomization says is refused, not overlooked."""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.files import env_file

Resource = dict[str, Any]
_KNOWN = {"apiVersion", "kind", "namespace", "labels", "resources", "images", "configMapGenerator"}
_CLUSTER_WIDE = {"Namespace"}
_WITH_SELECTOR = {"Deployment": ("spec", "selector", "matchLabels"), "Service": ("spec", "selector")}


def rendered(folder: Path) -> list[Resource]:
    """The resources of a base or an overlay. Names of ConfigMaps stay without kustomize's digest."""
    wanted = _kustomization(folder)
    found: list[Resource] = []
    for name in wanted.get("resources", ()):
        place = folder / name
        found += rendered(place) if place.is_dir() else list(documents(place))
    for generated in wanted.get("configMapGenerator", ()):
        _generate(folder, found, generated)
    for one in found:
        _label(one, wanted.get("labels", ()))
        if "namespace" in wanted and one["kind"] not in _CLUSTER_WIDE:
            one["metadata"]["namespace"] = wanted["namespace"]
        for image in wanted.get("images", ()):
            _retag(one, image)
    return found


def documents(file: Path) -> Iterator[Resource]:
    for one in yaml.safe_load_all(file.read_text()):
        yield deepcopy(one)  # anchors are shared objects; labels are not to spread through them


def _kustomization(folder: Path) -> dict[str, Any]:
    wanted = dict(yaml.safe_load((folder / "kustomization.yaml").read_text()))
    unknown = set(wanted) - _KNOWN
    assert not unknown, f"{folder}: this reader does not know {unknown}"
    return wanted


def _generate(folder: Path, found: list[Resource], wanted: dict[str, Any]) -> None:
    data: dict[str, str] = {}
    for name in wanted["envs"]:
        data |= env_file((folder / name).read_text())
    present = [
        one for one in found if one["kind"] == "ConfigMap" and one["metadata"]["name"] == wanted["name"]
    ]
    if wanted.get("behavior", "create") == "merge":
        (one,) = present
        one["data"] |= data
        return
    assert not present
    found.append(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": wanted["name"]}, "data": data}
    )


def _label(one: Resource, wanted: list[dict[str, Any]]) -> None:
    for labels in wanted:
        pairs = labels["pairs"]
        one["metadata"].setdefault("labels", {}).update(pairs)
        if labels.get("includeSelectors") and one["kind"] in _WITH_SELECTOR:
            place: Any = one
            for part in _WITH_SELECTOR[one["kind"]]:
                place = place.setdefault(part, {})
            place.update(pairs)
        if labels.get("includeSelectors") and one["kind"] == "Deployment":
            one["spec"]["template"]["metadata"].setdefault("labels", {}).update(pairs)


def _retag(one: Resource, image: dict[str, str]) -> None:
    if one["kind"] != "Deployment":
        return
    spec = one["spec"]["template"]["spec"]
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        if container["image"].partition(":")[0] == image["name"]:
            container["image"] = f"{image['name']}:{image['newTag']}"
