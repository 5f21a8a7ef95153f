"""Manifest and hash against chain-sdk's own vectors: a byte off and no deployment of ours is ever found again."""

import json

import pytest
import yaml

from aurora.providers.akash.manifest import manifest_hash, manifest_json, size_bytes
from tests.unit.providers.akash.samples import sample

VECTOR = sample("sdl-manifest-vector.json")
FIXTURES = sample("sdl-fixtures.json")


@pytest.mark.parametrize("fixture", FIXTURES, ids=lambda each: each["name"])
def test_chain_sdk_fixtures_give_their_manifest_and_hash(fixture):
    manifest = manifest_json(yaml.safe_load(fixture["sdl_yaml"]))

    assert manifest == fixture["manifest_sorted_json"]
    assert manifest_hash(manifest) == fixture["hash_base64"]


def test_the_gpu_vector_gives_its_manifest_to_the_byte():
    assert manifest_json(yaml.safe_load(VECTOR["sdl_yaml"])) == VECTOR["manifest"]


def test_the_gpu_vector_gives_its_hash_in_both_spellings():
    found = manifest_hash(VECTOR["manifest"])

    assert found == VECTOR["hash_base64"] == "Uun5s4411M2+9qOG1pjssMKbqgReglqa3op3CrvDOmw="


def test_there_are_eight_fixtures():
    assert len(FIXTURES) == 8


@pytest.mark.parametrize(
    ("models", "keys"),
    [
        (None, ["vendor/nvidia/model/*"]),
        (
            [{"model": "t4"}, {"model": "a100", "ram": "80Gi"}],
            ["vendor/nvidia/model/a100/ram/80Gi", "vendor/nvidia/model/t4"],
        ),
    ],
)
def test_gpu_attributes_are_keys_in_order(models, keys):
    sdl = yaml.safe_load(VECTOR["sdl_yaml"])
    sdl["profiles"]["compute"]["web"]["resources"]["gpu"]["attributes"]["vendor"]["nvidia"] = models

    gpu = json.loads(manifest_json(sdl))[0]["services"][0]["resources"]["gpu"]

    assert [each["key"] for each in gpu["attributes"]] == keys


def test_what_go_escapes_is_escaped_and_other_letters_stay():
    sdl = yaml.safe_load(VECTOR["sdl_yaml"])
    sdl["services"]["web"]["env"] = ["A=<b> & ü"]

    assert r'"A=\u003cb\u003e \u0026 ü"' in manifest_json(sdl)


@pytest.mark.parametrize(
    ("text", "size"),
    [("512Mi", 536_870_912), ("1G", 10**9), ("1.5Gi", 1_610_612_736), (1024, 1024), ("2Ti", 2 * 1024**4)],
)
def test_sizes(text, size):
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "Gi", "1Xi", "1.2.3Gi", None])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(ValueError, match="not a size"):
        size_bytes(text)
