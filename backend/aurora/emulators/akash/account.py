"""The account's own affairs: user, wallet, balances, settings, health (contract, section 5.8)."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from aurora.emulators.akash import asked, guard, replies
from aurora.emulators.akash.chain import BLOCKS_PER_HOUR, MICRO
from aurora.emulators.akash.deployment import Deployment
from aurora.emulators.akash.estate import DENOM, Estate
from aurora.emulators.akash.funding import TARGET_HOURS
from aurora.emulators.akash.reading import Reading, stamp
from aurora.emulators.akash.replies import Refused
from aurora.emulators.exchange import Call, Reply

_USER = "5b1c8a1e-5f0e-4c57-9d5a-000000000001"
_WEEK_HOURS = 168
_REMOVED = "This endpoint has been removed. mTLS certificates are no longer required as identity is now verified via API key."


class Account:
    def __init__(self, estate: Estate, reading: Reading) -> None:
        self._estate = estate
        self._reading = reading
        self._since = stamp(estate.network.chain.started_at)

    def user(self, _: Call) -> Reply:
        data = {
            "id": _USER,
            "userId": "auth0|emulated",
            "username": "emulated",
            "email": "emulated@aurora.example",
            "emailVerified": True,
            "stripeCustomerId": None,
            "bio": None,
            "subscribedToNewsletter": False,
            "youtubeUsername": None,
            "twitterUsername": None,
            "githubUsername": None,
        }
        return Reply({"data": data}, headers={"Cache-Control": "private, no-store"})

    def wallets(self, call: Call) -> Reply:
        """One managed wallet, of this user only."""
        self._estate.advance(call.now)
        if asked.text(call.query.get("userId"), ["userId"]) != _USER:
            return Reply({"data": []})
        wallet = {
            "id": 12,
            "userId": _USER,
            "creditAmount": _whole(self._estate.funding.balance),
            "address": self._estate.owner,
            "denom": DENOM,
            "isTrialing": self._estate.network.knobs.trial,
            "topUpMinAmountUsd": 20,
            "createdAt": self._since,
        }
        return Reply({"data": [wallet]})

    def balances(self, call: Call) -> Reply:
        """One's own with a key; those of any address without one. Integers in millionths of a dollar."""
        self._estate.advance(call.now)
        address = call.query.get("address")
        if address is None and not guard.has_key(call):
            raise Refused(401, "Unauthorized")
        if address not in {None, self._estate.owner}:
            return Reply({"data": {"balance": 0, "deployments": 0, "total": 0}})
        balance = _whole(self._estate.funding.balance)
        locked = _whole(sum((one.escrow.funds for one in self._estate.every() if one.active), Decimal(0)))
        return Reply(
            {"data": {"balance": balance, "deployments": locked, "total": balance + locked}},
            headers={"Cache-Control": "private, no-store"},
        )

    def weekly_cost(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        rate = sum((one.escrow.rate for one in self._estate.every() if one.active), Decimal(0))
        return Reply({"data": {"weeklyCost": float(round(rate * BLOCKS_PER_HOUR * _WEEK_HOURS / MICRO, 2))}})

    def funding_config(self, _: Call) -> Reply:
        """Era B: how the Console keeps deployments funded."""
        if not self._estate.network.knobs.modern:
            return replies.unknown_route()
        data = {"targetRunwayHours": TARGET_HOURS, "balanceHeadroomUsd": 5, "defaultDepositUsd": 0.5}
        return Reply({"data": data})

    def settings(self, call: Call) -> Reply:
        return self._settings(self._reading.mine(call))

    def set_settings(self, call: Call) -> Reply:
        deployment = self._reading.mine(call)
        wanted = asked.inner(guard.document(call)).get("autoTopUpEnabled")
        if not isinstance(wanted, bool):
            raise replies.of_wrong_type(["data", "autoTopUpEnabled"], "boolean", wanted)
        switched_on = wanted and not deployment.auto_top_up
        deployment.auto_top_up, deployment.settings_at = wanted, call.now
        if switched_on:
            self._estate.funding.keep_filled(deployment, call.now)
        return self._settings(deployment)

    def healthy(self, _: Call) -> Reply:
        return Reply({"data": {"postgres": True, "jobQueue": True}})

    def status(self, _: Call) -> Reply:
        memory = {"rss": 268435456, "heapTotal": 201326592, "heapUsed": 134217728, "external": 8388608}
        return Reply({"version": "emulated", "memory": memory})

    def blockchain(self, _: Call) -> Reply:
        return Reply({"isBlockchainReachable": not self._estate.network.knobs.lcd_down})

    def certificates(self, _: Call) -> Reply:
        return replies.bare_error(_REMOVED)

    def _settings(self, deployment: Deployment) -> Reply:
        hourly = deployment.escrow.rate * BLOCKS_PER_HOUR
        data: Mapping[str, Any] = {
            "id": f"5b1c8a1e-5f0e-4c57-9d5a-{deployment.dseq % 10**12:012d}",
            "userId": _USER,
            "dseq": deployment.id,
            "autoTopUpEnabled": deployment.auto_top_up,
            "estimatedTopUpAmount": float(round(hourly * TARGET_HOURS / MICRO, 2)),
            "topUpFrequencyMs": TARGET_HOURS // 2 * 3_600_000,
            "createdAt": stamp(deployment.created_at),
            "updatedAt": stamp(deployment.settings_at or deployment.created_at),
        }
        return Reply({"data": data})


def _whole(uact: Decimal) -> int:
    return int(uact)
