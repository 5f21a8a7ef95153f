"""Requests made from the OpenAPI document, and what the document says about their answers."""

import json
import string
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

_AS_DECLARED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_CHECKS = {
    GenerationMode.POSITIVE: _AS_DECLARED,
    GenerationMode.NEGATIVE: [*_AS_DECLARED, negative_data_rejection],
}
_SLOW = frozenset({"/api/v1/providers/sync"})
"""Each call reads every market."""
_FEW = 1
_TIMEOUT_S = 20.0
_LONGEST_WAIT_S = 0.2
_MOST_SAID = 4
"""Findings that are told per operation."""

_WORD = st.text(string.ascii_letters + string.digits + "-._", min_size=1, max_size=24)
CONTENT_TYPES = st.one_of(
    st.sampled_from(
        [
            "",
            "application/json; charset=utf-7",
            "application/json; charset=\xff",
            "application/xml",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "multipart/form-data; boundary=",
            "text/html",
            "garbage",
            "/",
            ";;;",
            'application/json; a="',
            "a/b; " + "x" * 2000,
        ]
    ),
    st.builds("{}/{}; {}={}".format, _WORD, _WORD, _WORD, _WORD),
)
"""What no client should say of its body; latin-1, as headers are."""
RAW = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"",
            b"null",
            b"[]",
            b"0",
            b'""',
            b"{",
            b"\xff\xfe{\x00}\x00",
            b"\xef\xbb\xbf{}",
            b"[" * 100_000,
            b'{"a":' * 20_000 + b"1" + b"}" * 20_000,
            b"a=1&b=2",
            b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        ]
    ),
)


ODD_VALUES = st.sampled_from(
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-0.0",
        "1" * 400,
        "9" * 5000,
        "true",
        "null",
        "[]",
        "{}",
        '""',
        '" "',
        r'"\u0000"',
        r'"\ud800"',
        r'"\u202e\u001b[31m"',
        '"' + "x" * 70_000 + '"',
        "[" * 50 + "]" * 50,
        '{"a": 1, "a": 2}',
        "1, 2",
    ]
)
"""Instead of one value of a body that is right."""
_HERE = "<here>"


@dataclass
class Document:
    """The document of one running server, and requests that it suggests. `known` are values that exist there."""

    url: str
    known: dict[str, list[str]] = field(default_factory=dict)
    asked: int = 0

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        found = self.session.get(f"{self.url}/openapi.json", timeout=_TIMEOUT_S).json()
        self._paths = found["paths"]
        self._schema = schemathesis.openapi.from_dict(found, config=schemathesis.Config())

    def close(self) -> None:
        self.session.close()

    def operations(self) -> Iterator[Any]:
        for found in self._schema.get_all_operations():
            yield found.ok()

    def broken(self, mode: GenerationMode, *, examples: int) -> list[str]:
        """Every operation with requests of this kind; what was answered otherwise than declared."""
        found = []
        for operation in self.operations():
            if mode is GenerationMode.NEGATIVE and not self._can_be_wrong(operation):
                continue
            many = _FEW if operation.path in _SLOW else examples
            told = self._asked(operation, operation.as_strategy(generation_mode=mode), mode, many)
            found.extend(f"{operation.label}: {each}" for each in told)
        return found

    def broken_by_garbage(self, *, examples: int) -> list[str]:
        """The operations that take a body, with bodies and Content-Types that are none."""
        found = []
        for operation in self.operations():
            if operation.method.upper() in {"POST", "PUT", "PATCH", "DELETE"} and operation.path not in _SLOW:
                valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
                told = self._asked(operation, _garbled(valid), GenerationMode.POSITIVE, examples)
                found.extend(f"{operation.label}: {each}" for each in told)
        return found

    def _can_be_wrong(self, operation: Any) -> bool:
        """A path can hold any text: only what stands in a query or a body can be of a wrong kind."""
        told = self._paths[operation.path][operation.method.lower()]
        return "requestBody" in told or any(each["in"] == "query" for each in told.get("parameters", ()))

    def _asked(self, operation: Any, cases: Any, mode: GenerationMode, examples: int) -> list[str]:
        found: dict[str, str] = {}

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(made=cases, at=st.integers(0, 1_000_000))
        def ask(made: Any, at: int) -> None:
            case, raw = made if isinstance(made, tuple) else (made, {})
            for failure in self._ask(self._led(case, at), raw, mode):
                found.setdefault(f"{type(failure).__name__}: {failure.message}"[:300], repr(case)[:400])

        with suppress(Unsatisfiable):  # where nothing can be given, nothing can be given wrongly
            ask()
        return [f"{what} for {case}" for what, case in list(found.items())[:_MOST_SAID]]

    def _led(self, case: Case, at: int) -> Case:
        """Mostly towards things that exist, never into a long wait."""
        for name in case.path_parameters or {}:
            values = self.known.get(name)
            if values and at % 3:
                case.path_parameters[name] = values[at % len(values)]
        if isinstance(case.body, dict) and isinstance(case.body.get("wait"), int | float):
            case.body["wait"] = min(case.body["wait"], _LONGEST_WAIT_S)
        return case

    def _ask(self, case: Case, raw: dict[str, Any], mode: GenerationMode) -> list[Failure]:
        self.asked += 1
        answer = case.call(base_url=self.url, session=self.session, timeout=_TIMEOUT_S, **raw)
        try:
            case.validate_response(answer, checks=_AS_DECLARED if raw else _CHECKS[mode])
        except Failure as exc:
            return [exc]
        except FailureGroup as exc:
            return [each for each in exc.exceptions if isinstance(each, Failure)]
        return []


def _garbled(valid: Any) -> Any:
    """A request whose address is right and whose body is not: rubbish, or a right one with one value exchanged."""

    def made(case: Case, content_type: str, raw: bytes, odd: str, at: int) -> tuple[Case, dict[str, Any]]:
        body = _exchanged(case.body, odd, at) if isinstance(case.body, dict) and at % 3 else raw
        case.body = schemathesis.core.NOT_SET
        return case, {"data": body, "headers": {"Content-Type": content_type.encode("latin-1")}}

    return st.builds(made, valid, CONTENT_TYPES, RAW, ODD_VALUES, st.integers(0, 1000))


def _exchanged(body: dict[str, Any], odd: str, at: int) -> bytes:
    """The body as text with the value of one of its names, at any depth, exchanged."""
    places: list[tuple[dict[str, Any], str]] = []
    waiting = [copy := deepcopy(body)]
    while waiting:
        each = waiting.pop()
        places.extend((each, name) for name in each)
        waiting.extend(value for value in each.values() if isinstance(value, dict))
    if not places:
        return odd.encode()
    found, name = places[at % len(places)]
    found[name] = _HERE
    return json.dumps(copy).replace(json.dumps(_HERE), odd).encode()
