"""Dockerfile and .dockerignore."""

import re

from tests.deploy.files import compose, read

LINES = [
    line
    for line in read("Dockerfile").replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def of(instruction: str) -> list[str]:
    """The arguments of every such instruction."""
    return [line.partition(" ")[2].strip() for line in LINES if line.split()[0] == instruction]


def final_stage() -> list[str]:
    start = max(number for number, line in enumerate(LINES) if line.startswith("FROM "))
    return LINES[start:]


def test_the_classic_builder_builds_it():
    assert not read("Dockerfile").startswith("# syntax=")
    for line in LINES:
        assert not re.match(r"RUN\s+--", line), line
        assert "<<" not in line, line
        flags = set(re.findall(r"\s--([a-z-]+)", line)) if line.startswith(("COPY", "ADD")) else set()
        assert flags <= {"from", "chown"}, line


def test_it_runs_as_a_user_that_owns_nothing_but_its_folder():
    users = [line.partition(" ")[2] for line in final_stage() if line.startswith("USER ")]
    assert users[-1] == compose()["x-image"]["user"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])  # a number: Kubernetes cannot judge a name


def test_what_it_copies_is_in_the_build_context_and_secrets_are_not():
    ignored = [line for line in read(".dockerignore").splitlines() if line and not line.startswith("#")]
    assert ignored[0] == "*"
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source.removeprefix("./").rstrip("/")
        for line in of("COPY")
        if "--from" not in line
        for source in re.sub(r"--\S+\s+", "", line).split()[:-1]
    }
    assert copied == allowed
    assert not {name for name in allowed if name.startswith((".env", "var", ".git"))}


def test_packages_are_checked_by_their_hashes_and_no_index_is_named():
    assert any("--require-hashes -r requirements.lock" in line for line in of("RUN"))
    assert "://" not in read("Dockerfile")
    asked = {line.partition("=")[0] for line in of("ARG")}
    assert asked == set(compose()["x-image"]["build"]["args"])
    assert not [line for line in final_stage() if line.startswith("ARG ")]


def test_it_serves_when_nothing_else_is_said():
    assert of("CMD") == ['["aurora", "serve", "--env-file", ""]']
