"""The shape of an SDL document (contract, section 8.2): every key there is, and which are required."""

from aurora.emulators.akash.schema import (
    Anything,
    Either,
    Fields,
    Flag,
    Named,
    Nothing,
    Number,
    Rows,
    Rule,
    Text,
)

_MEBIBYTE = 1 << 20
_LONGEST_TIMEOUT_MS = 60_000
_SIZE = r"^[0-9]+(\.[0-9]+)?(k|Ki|M|Mi|G|Gi|T|Ti|P|Pi|E|Ei)?$"
_TEXTS = Either((Rows(Text()), Nothing()), "a list or null")
_PORT = Number(1, 65535, whole=True)
_COUNT = Number(0, whole=True)

_HTTP_OPTIONS = Fields(
    {
        "max_body_size": Number(0, 100 * _MEBIBYTE, whole=True),
        "read_timeout": Number(0, _LONGEST_TIMEOUT_MS, whole=True),
        "send_timeout": Number(0, _LONGEST_TIMEOUT_MS, whole=True),
        "next_tries": _COUNT,
        "next_timeout": _COUNT,
        "next_cases": Rows(
            Text(choices=("error", "timeout", "500", "502", "503", "504", "403", "404", "429", "off"))
        ),
    }
)
_EXPOSE = Fields(
    {
        "port": _PORT,
        "as": _PORT,
        "proto": Text(choices=("TCP", "UDP", "tcp", "udp")),
        "accept": Rows(Text()),
        "to": Rows(Fields({"global": Flag(), "service": Text(), "ip": Text(least=1)})),
        "http_options": _HTTP_OPTIONS,
    },
    ("port",),
)
_CREDENTIALS = Fields(
    {"host": Text(1), "username": Text(1), "password": Text(6), "email": Text(5)},
    ("host", "username", "password"),
)
_SERVICE = Fields(
    {
        "image": Text(least=1),
        "command": _TEXTS,
        "args": _TEXTS,
        "env": _TEXTS,
        "expose": Either((Rows(_EXPOSE), Nothing()), "a list or null"),
        "credentials": _CREDENTIALS,
        "dependencies": Rows(Fields({"service": Text()})),
        "params": Fields(
            {
                "storage": Named(Fields({"mount": Text(1, pattern="^/"), "readOnly": Flag()})),
                "permissions": Fields({"read": Rows(Text(choices=("deployment", "logs", "events")))}),
                "tee": Text(choices=("cpu", "cpu-gpu")),
            }
        ),
    },
    ("image",),
)
_VOLUME = Fields(
    {
        "name": Text(),
        "size": Text(pattern=_SIZE),
        "attributes": Fields({"class": Text(), "persistent": Either((Flag(), Text()), "boolean or string")}),
    },
    ("size",),
)
_GPU_MODEL = Fields({"model": Text(), "ram": Text(), "interface": Text(choices=("pcie", "sxm"))})
_RESOURCES = Fields(
    {
        "cpu": Fields(
            {
                "units": Either(
                    (Number(0.001), Text(pattern=r"^[0-9]+(\.[0-9]+)?m?$")), "a number or a string"
                ),
                "attributes": Anything(),
            },
            ("units",),
        ),
        "memory": Fields({"size": Text(pattern=_SIZE)}, ("size",)),
        "storage": Either((Rows(_VOLUME), _VOLUME), "an object or a list"),
        "gpu": Fields(
            {
                "units": Either((Number(0, whole=True), Text(pattern="^[0-9]+$")), "a whole number"),
                "attributes": Fields(
                    {"vendor": Fields({"nvidia": Either((Rows(_GPU_MODEL), Nothing()), "a list or null")})}
                ),
            }
        ),
    },
    ("cpu", "memory", "storage"),
)
_PRICE = Fields(
    {
        "denom": Text(pattern="^(uakt|uact|ibc/.*)$"),
        "amount": Either((Number(0), Text(pattern=r"^[0-9]+(\.[0-9]+)?$")), "a number"),
    },
    ("denom", "amount"),
)
_PLACEMENT = Fields(
    {
        "attributes": Named(Anything()),
        "signedBy": Fields({"anyOf": Rows(Text()), "allOf": Rows(Text())}),
        "pricing": Named(_PRICE),
    },
    ("pricing",),
)

SDL: Rule = Fields(
    {
        "version": Text(choices=("2.0", "2.1")),
        "services": Named(_SERVICE),
        "profiles": Fields(
            {
                "compute": Named(Fields({"resources": _RESOURCES}, ("resources",))),
                "placement": Named(_PLACEMENT),
            },
            ("compute", "placement"),
        ),
        "deployment": Named(
            Named(Fields({"profile": Text(), "count": Number(1, whole=True)}, ("profile", "count")))
        ),
        "endpoints": Named(Fields({"kind": Text(choices=("ip",))}, ("kind",)), "^[a-z]+[-_0-9a-z]+$"),
        "reclamation": Fields({"min_window": Text(pattern="^[1-9][0-9]*(s|m|h)$")}, ("min_window",)),
        "include": Rows(Text()),
    },
    ("version", "services", "profiles", "deployment"),
)
