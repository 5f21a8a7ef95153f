"""The settings of the emulated SaladCloud: what its documents leave open, and what others measured against them."""

from dataclasses import dataclass

from aurora.emulators.knobs import KnobBoard, Rules, amount, one_of, truth


@dataclass(frozen=True, kw_only=True)
class Knobs(KnobBoard):
    """Section numbers are those of the contract.

    `name_conflict_status`: 400 (seen) or 409 (two clients expect it); `tombstone_s`: how long a deleted name stays blocked, 5.
    `quota_status`, `bad_key_status`, `retry_after`: answers nobody has seen, 2. `replicas_quota`: None as `limits` say, 9.
    `instance_status`: of one instance, 202 as documented or 200, 3. `patch_type`: content type of PATCH's answer, 3.
    `relaunch_on_exit`: containers start again whatever `restart_policy` says (measured), or as it says (documented), 7.3.
    `running_sticky`: a group stays `running` with no instance running; `hide_allocating`: such instances are not listed, 7.
    `interruptions`: nodes go away and lower priorities are displaced, by chance, 7.3.
    `stop_lag_s`: None draws 4 to 80; `delete_lag_s` until a deleted group is gone, 6. `finish_time` while it runs, 15.
    `log_lag_s` until a line can be found; `clock_skew_s`: nodes' clocks are off by up to this; `fine_times`: log queries may be
    finer than a millisecond, 8. `no_credits`: every start is refused, 10. `requests_per_minute` of `limits real`, 2.
    """

    name_conflict_status: int = 400
    tombstone_s: float = 300
    quota_status: int = 403
    bad_key_status: int = 401
    retry_after: bool = False
    replicas_quota: float | None = None
    instance_status: int = 202
    patch_type: str = "application/merge-patch+json"
    relaunch_on_exit: bool = True
    running_sticky: bool = True
    hide_allocating: bool = True
    interruptions: bool = True
    stop_lag_s: float | None = None
    delete_lag_s: float = 5
    finish_time: str = "start"
    log_lag_s: float = 1
    clock_skew_s: float = 2
    fine_times: bool = False
    no_credits: bool = False
    requests_per_minute: float = 240

    @classmethod
    def rules(cls) -> Rules:
        return {
            "name_conflict_status": one_of(400, 409),
            "tombstone_s": amount(),
            "quota_status": one_of(400, 403),
            "bad_key_status": one_of(401, 403),
            "retry_after": truth(),
            "replicas_quota": amount(optional=True),
            "instance_status": one_of(200, 202),
            "patch_type": one_of("application/merge-patch+json", "application/json"),
            "relaunch_on_exit": truth(),
            "running_sticky": truth(),
            "hide_allocating": truth(),
            "interruptions": truth(),
            "stop_lag_s": amount(optional=True),
            "delete_lag_s": amount(),
            "finish_time": one_of("start", "zero"),
            "log_lag_s": amount(),
            "clock_skew_s": amount(),
            "fine_times": truth(),
            "no_credits": truth(),
            "requests_per_minute": amount(),
        }
