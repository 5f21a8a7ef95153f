"""Putting a deployment on the market, changing it, paying into it (contract, sections 5.1 and 5.7)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aurora.emulators.akash import asked, guard, replies, sdl
from aurora.emulators.akash.chain import MICRO
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import Estate
from aurora.emulators.akash.funding import LEAST_DEPOSIT, InsufficientFunds
from aurora.emulators.akash.reading import Reading
from aurora.emulators.akash.replies import Refused
from aurora.emulators.exchange import Call, Reply

# Models that a trial account may not name (section 5.1).
_NOT_ON_TRIAL = (
    *("b300", "b200", "h200", "h100", "pro6000se", "pro6000we", "a100"),
    *("rtx5090", "rtx4090", "rtx3090"),
)
_LONGEST_NAME, _LONGEST_RUN_HOURS = 256, 48
_PATCHABLE = frozenset({"image", "env", "command", "args"})


class Ordering:
    def __init__(self, estate: Estate, reading: Reading) -> None:
        self._estate = estate
        self._reading = reading

    def create(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        data = asked.inner(guard.document(call))
        order = self._parsed(asked.text(data.get("sdl"), ["data", "sdl"]))
        deposit = self._deposit(data)
        terms = self._terms(data) if self._modern else {}
        try:
            deployment = self._estate.create(order, deposit=deposit, at=call.now, terms=terms)
        except InsufficientFunds as exc:
            raise replies.no_balance(exc.needed, exc.available, modern=self._modern) from None
        self._close_others(deployment, call)
        transaction = deployment.transactions[0][0]
        data = {
            "dseq": deployment.id,
            "manifest": deployment.manifest,
            "signTx": {"code": 0, "transactionHash": transaction, "rawLog": ""},
        }
        return Reply({"data": data}, 201)

    def update(self, call: Call) -> Reply:
        """Another SDL with the same resources."""
        deployment = self._reading.mine(call)
        order = self._parsed(asked.text(asked.inner(guard.document(call)).get("sdl"), ["data", "sdl"]))
        return self._changed(deployment, order, call)

    def patch(self, call: Call) -> Reply:
        """Era B: single fields of services, the name."""
        if not self._modern:
            return replies.unknown_route()
        deployment = self._reading.mine(call)
        data = asked.inner(guard.document(call))
        if data.get("ifManifestVersion") not in {None, deployment.hash}:
            raise Refused(409, "Deployment definition changed", "deployment_definition_changed")
        name = self._terms(data).get("name")
        deployment.name = name or deployment.name
        if not data.get("services"):
            return self._reading.shown(deployment, call)
        changes = asked.record(data["services"], ["data", "services"])
        return self._changed(deployment, self._parsed(_patched(deployment, changes)), call)

    def deposit(self, call: Call) -> Reply:
        """Pay more into the escrow of a deployment."""
        self._estate.advance(call.now)
        data = asked.inner(guard.document(call))
        dseq = asked.dseq(data.get("dseq"), ["data", "dseq"])
        usd = asked.number(data.get("deposit"), ["data", "deposit"])
        deployment = self._reading.find(dseq)
        _still_open(deployment)
        if usd <= 0:
            raise replies.invalid(["data", "deposit"], "too_small", "Number must be greater than 0")
        uact = _uact(usd)
        try:
            self._estate.funding.deposit(deployment, uact)
        except InsufficientFunds as exc:
            raise replies.no_balance(exc.needed, exc.available, modern=self._modern) from None
        self._estate.record(deployment, call.now, "MsgAccountDeposit")
        return self._reading.shown(deployment, call)

    @property
    def _modern(self) -> bool:
        return self._estate.network.knobs.modern

    def _parsed(self, text: str) -> sdl.Sdl:
        """Raises Refused with the validator's messages."""
        try:
            order = sdl.parse(text)
        except sdl.InvalidSdl as exc:
            raise replies.invalid_sdl(str(exc)) from None
        blocked = [name for name in _NOT_ON_TRIAL if name in order.gpu_models]
        if self._estate.network.knobs.trial and blocked:
            raise replies.invalid_sdl(
                f"{', '.join(blocked)} not available on free trial: Add funds to unlock GPU access"
            )
        return order

    def _deposit(self, data: Mapping[str, Any]) -> Decimal:
        """Of one's own, unless the Console funds deployments itself (always in era B)."""
        if self._estate.network.knobs.funds_deposits:
            return LEAST_DEPOSIT
        if data.get("deposit") is None:
            raise Refused(400, "deposit is required")
        deposit = _uact(asked.number(data["deposit"], ["data", "deposit"]))
        if deposit < LEAST_DEPOSIT:
            raise Refused(400, "Failed to create deployment: Deposit too low")
        return deposit

    def _terms(self, data: Mapping[str, Any]) -> dict[str, Any]:
        terms: dict[str, Any] = {}
        if data.get("name") is not None:
            name = asked.text(data["name"], ["data", "name"]).strip()
            asked.bounded(len(name), ["data", "name"], least=1, most=_LONGEST_NAME)
            terms["name"] = name
        if data.get("runtimeLimitHours") is not None:
            path = ["data", "runtimeLimitHours"]
            hours = asked.whole(data["runtimeLimitHours"], path)
            terms["runtime_hours"] = asked.bounded(hours, path, least=1, most=_LONGEST_RUN_HOURS)
        return terms

    def _close_others(self, new: Deployment, call: Call) -> None:
        """A trial account has one deployment without a lease at a time."""
        if not self._estate.network.knobs.trial:
            return
        for other in self._estate.every():
            if other is not new and other.active and not other.leases:
                self._estate.close(other, call.now)

    def _changed(self, deployment: Deployment, order: sdl.Sdl, call: Call) -> Reply:
        _still_open(deployment)
        if not self._estate.same_resources(deployment, order):
            raise (
                Refused(422, "Deployment resources changed", "deployment_resources_changed")
                if self._modern
                else Refused(400, "Failed to update deployment: Group specs do not match")
            )
        self._estate.change(deployment, order, call.now)
        return self._reading.shown(deployment, call)


def _still_open(deployment: Deployment) -> None:
    if not deployment.active:
        raise Refused(400, "Deployment closed")


def _uact(usd: float) -> Decimal:
    return (Decimal(str(usd)) * MICRO).quantize(Decimal(1))


def _patched(deployment: Deployment, changes: Mapping[str, Any]) -> str:
    """The SDL with some fields of some services replaced."""
    document = sdl.loaded(deployment.sdl.text)
    for name, change in changes.items():
        path = ["data", "services", name]
        fields = asked.record(change, path)
        if name not in document["services"]:
            raise replies.invalid(
                path, "unrecognized_keys", f'Service "{name}" is not part of the deployment'
            )
        unknown = sorted(fields.keys() - _PATCHABLE)
        if unknown:
            raise replies.invalid(path, "unrecognized_keys", f"Unrecognized key(s) in object: '{unknown[0]}'")
        document["services"][name].update(fields)
    return sdl.dumped(document)
