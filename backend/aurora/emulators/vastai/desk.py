"""What a tenant does with instances: look at one, stop, start, label, reboot, bid, destroy (contract, sections 6.1, 7 and 9)."""

from typing import Any

from aurora.emulators.exchange import Call, Reply
from aurora.emulators.marketplace import World
from aurora.emulators.vastai import replies, view
from aurora.emulators.vastai.estate import Estate
from aurora.emulators.vastai.offer import money
from aurora.emulators.vastai.rental import Rental

_MAX_LABEL = 1024  # characters, when changed later (256 at create)
_MAX_BID_PER_GPU = 32  # USD per hour
_QUEUED = "Required resources are currently unavailable, state change queued"


class Desk:
    def __init__(self, world: World, estate: Estate) -> None:
        self._faults = world.faults
        self._estate = estate

    def show(self, call: Call) -> Reply:
        """200 with null for one that is not (any more) there (section 6.1)."""
        rental = self._find(call)
        return Reply({"instances": view.instance(rental, call.now) if rental else None})

    def manage(self, call: Call) -> Reply:
        rental = self._find(call)
        return (
            self._changed(rental, replies.flat(call.json()))
            if rental
            else replies.no_instance(call.params["id"])
        )

    def manage_many(self, call: Call) -> Reply:
        """The same change for each of `ids`, as the official client sends it for several."""
        self._estate.advance(call.now)
        body = replies.flat(call.json())
        answers = [self._change_or_miss(one, body) for one in _ids(body, "ids")]
        return next((answer for answer in answers if answer.status != 200), replies.done())

    def reboot(self, call: Call) -> Reply:
        rental = self._find(call)
        if rental is None:
            return replies.no_instance(call.params["id"])
        self._estate.reboot(rental)
        return replies.done()

    def bid(self, call: Call) -> Reply:
        rental = self._find(call)
        if rental is None:
            return replies.no_instance(call.params["id"])
        price = replies.flat(call.json()).get("price")
        if rental.bid is None:
            return replies.error(400, "invalid_args", "Instance is not interruptible")
        most = _MAX_BID_PER_GPU * rental.offer.fields["num_gpus"]
        if not isinstance(price, int | float) or isinstance(price, bool) or not 0 < price <= most:
            return replies.error(400, "invalid_price", f"Invalid price: must be above 0 and at most {most}")
        self._estate.rebid(rental, money(price))
        return replies.done()

    def destroy(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        if not call.params["id"].isdecimal():
            return replies.error(400, "invalid_args", "invalid instance_id")
        return self._destroyed(int(call.params["id"]))

    def destroy_many(self, call: Call) -> Reply:
        self._estate.advance(call.now)
        answers = [self._destroyed(one) for one in _ids(replies.flat(call.json()), "instance_ids")]
        return next(
            (answer for answer in answers if answer.status != 200),
            replies.done(msg="Instances destroyed successfully"),
        )

    def _destroyed(self, instance_id: int) -> Reply:
        rental = self._estate.find(instance_id)
        if rental is None:
            return replies.error(404, "not_found", "Instance not found")
        if self._faults.take("delete_ignored") is None:
            self._estate.destroy(rental)
        return replies.done(msg="Instance destroyed successfully")

    def _find(self, call: Call) -> Rental | None:
        self._estate.advance(call.now)
        name = call.params["id"]
        return self._estate.find(int(name)) if name.isdecimal() else None

    def _change_or_miss(self, instance_id: int, body: Any) -> Reply:
        rental = self._estate.find(instance_id)
        return self._changed(rental, body) if rental else replies.no_instance(str(instance_id))

    def _changed(self, rental: Rental, body: Any) -> Reply:
        state, label = body.get("state"), body.get("label")
        if state is None and label is None:
            return replies.error(400, "invalid_args", "Invalid args: state or label is required")
        if state not in {None, "running", "stopped"}:
            return replies.error(400, "invalid_args", "Invalid args: state must be running or stopped")
        if label is not None and (not isinstance(label, str) or len(label) > _MAX_LABEL):
            return replies.error(400, "invalid_args", f"Invalid args: label exceeds {_MAX_LABEL} characters")
        if label is not None:
            rental.label = label
        if state == "stopped":
            self._estate.stop(rental)
        return self._started(rental) if state == "running" else replies.done()

    def _started(self, rental: Rental) -> Reply:
        if self._estate.credit() <= 0:
            return replies.error(
                400, "insufficient_credit", "Your account lacks credit; see the billing page."
            )
        return replies.done() if self._estate.start(rental) else replies.done(msg=_QUEUED)


def _ids(body: Any, name: str) -> list[int]:
    """A list of instance ids. Raises BadRequest."""
    ids = body.get(name)
    if not isinstance(ids, list) or not all(isinstance(one, int) for one in ids):
        raise replies.BadRequest(f"{name} must be a list of instance ids")
    return ids
