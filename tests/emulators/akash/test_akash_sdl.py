import pytest

from aurora.emulators.akash import manifest, sdl
from tests.emulators.akash.conftest import fixture_file

VECTOR = fixture_file("sdl-manifest-vector")
VALID = fixture_file("sdl-fixtures")
INVALID = fixture_file("sdl-invalid")
FLOW_STYLE = """
version: "2.0"
services:
  web:
    image: ghcr.io/example/worker:1.4.2
    command: [sh, -c]
    args: ["echo hello & sleep 3600"]
    env: ["MODEL=llama-3", "DEPIN_ID=job-0001"]
    expose:
      - port: 8080
        as: 80
        to: [{global: true}]
      - port: 22
        to: [{global: true}]
profiles:
  compute:
    web:
      resources:
        cpu: {units: 8}
        memory: {size: 32Gi}
        gpu:
          units: 1
          attributes:
            vendor:
              nvidia:
                - {model: h100, ram: 80Gi, interface: sxm}
        storage: [{size: 100Gi}]
  placement:
    dp-job-0001:
      pricing:
        web: {denom: uact, amount: 10000}
deployment:
  web:
    dp-job-0001: {profile: web, count: 1}
"""


def messages(text):
    with pytest.raises(sdl.InvalidSdl) as caught:
        sdl.parse(text)
    return list(caught.value.messages)


@pytest.mark.parametrize("text", [VECTOR["sdl_yaml"], FLOW_STYLE], ids=["block style", "flow style"])
def test_the_published_sdl_has_the_published_manifest_and_hash(text):
    made = manifest.manifest(sdl.parse(text))

    assert made == VECTOR["manifest"]
    assert manifest.manifest_hash(made) == VECTOR["hash_base64"]


@pytest.mark.parametrize("case", VALID, ids=[case["name"] for case in VALID])
def test_manifests_and_hashes_are_those_of_the_official_library(case):
    made = manifest.manifest(sdl.parse(case["sdl_yaml"]))

    assert made == case["manifest_sorted_json"]
    assert manifest.manifest_hash(made) == case["hash_base64"]


@pytest.mark.parametrize("case", VALID, ids=[case["name"] for case in VALID])
def test_groups_are_those_of_the_official_library(case):
    groups = manifest.groups(sdl.parse(case["sdl_yaml"]))

    for mine, theirs in zip(groups, case["fixture_group_specs"], strict=True):
        assert mine.name == theirs["name"]
        assert list(mine.any_of) == (theirs["requirements"]["signed_by"]["any_of"] or [])
        assert [dict(zip(("key", "value"), pair, strict=True)) for pair in mine.attributes] == (
            theirs["requirements"]["attributes"]
        )
        for unit, row in zip(mine.units, theirs["resources"], strict=True):
            resource = row["resource"]
            assert (unit.id, unit.count) == (resource["id"], row["count"])
            assert str(unit.compute.cpu) == resource["cpu"]["units"]["val"]
            assert str(unit.compute.memory) == resource["memory"]["size"]["val"]
            assert f"{unit.amount:.18f}" == row["price"]["amount"]
            assert [(door.kind, door.number) for door in unit.doors] == [
                (door.get("kind", 0), door["sequence_number"]) for door in resource["endpoints"]
            ]


@pytest.mark.parametrize("case", INVALID, ids=[case["name"] for case in INVALID])
def test_invalid_documents_get_the_official_messages(case):
    assert messages(case["sdl_yaml"]) == case["validation_messages"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("port: 22", "port: 99999"), '"port" at "/services/web/expose/1" must be at most 65535.'),
        (("    image: ghcr.io/example/worker:1.4.2\n", ""), 'Missing required field: "image" at "/services/web".'),
        (('version: "2.0"', 'version: "2.0"\nendpoints: {myendpoint: {kind: ip}}'), 'Endpoint "myendpoint" declared but never used.'),
        (("profile: web", "profile: other"), 'Compute profile "other" of "/deployment/web/dp-job-0001" is not defined.'),
        (("size: 32Gi", "size: lots"), "does not match pattern"),
        (("interface: sxm", "interface: nvlink"), "should be one of: pcie, sxm."),
        (('["MODEL=llama-3"', '["2 bad=1"'), "has an invalid name"),
        (("units: 8", "units: 0"), "must be at least"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(change, message):
    assert message in ", ".join(messages(FLOW_STYLE.replace(*change)))


@pytest.mark.parametrize("text", ["", "[", "just words", "- a\n- b", "a: b: c", "version: *nothing"])
def test_what_is_no_document_is_refused(text):
    assert messages(text)


def test_words_of_old_yaml_stay_texts():
    text = FLOW_STYLE.replace('["echo hello & sleep 3600"]', "[yes, off, 12:30, 2026-01-01]")

    made = manifest.manifest(sdl.parse(text))

    assert '"args":["yes","off","12:30","2026-01-01"]' in made


def test_an_order_names_no_more_of_a_card_than_was_asked():
    asked = [sdl.GpuOption("h100", "80Gi", "sxm"), sdl.GpuOption("t4"), sdl.GpuOption(None, "24Gi")]

    assert [option.key() for option in asked] == [
        "vendor/nvidia/model/h100/ram/80Gi/interface/sxm",
        "vendor/nvidia/model/t4",
        "vendor/nvidia/model/*/ram/24Gi",
    ]


@pytest.mark.parametrize(
    ("size", "count"),
    [("1k", 1000), ("512Mi", 536870912), ("1.5Gi", 1610612736), ("2T", 2 * 10**12), ("7", 7)],
)
def test_sizes_are_decimal_or_binary(size, count):
    parsed = sdl.parse(FLOW_STYLE.replace("32Gi", f'"{size}"'))

    assert parsed.compute["web"].memory == count
