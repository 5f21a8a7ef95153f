"""The settings of the emulated io.net: everything about it that nobody has published, or that differs between eras."""

from dataclasses import dataclass

from aurora.emulators.knobs import KnobBoard, Rules, amount, one_of, truth


@dataclass(frozen=True, kw_only=True)
class Knobs(KnobBoard):
    """Every default is the contract's own reading; section numbers are those of the contract.

    `hardware_shape`: rows as a flat list with prices (captured 2026) or nested without (older client), 3.1.
    `numeric_price_refused`: /price refuses numeric ids, as seen in October 2026; `plain_locations`: and takes `US` as it is, 3.4.
    `string_hardware`: REST takes the ids of partner SKUs; `fixed_sku_size`: a SKU is sold whole; `list_empty_locations`: 3.3.
    `sku_id_shown`: what details say as the hardware of a partner's SKU, 3.6.
    `strict_deploy`: unknown fields of a deploy are refused; `billing_model`: whether that field is known, 3.5.
    `empty_deploy_body`: a deploy answers 200 with nothing in it (as VMaaS); `one_location`: exactly one is allowed, 3.5.
    `strict_names`, `unique_names`: rules for names; `name_taken_status`, `no_capacity_status`: 409 or 400, 5.
    `bad_key_status`, `no_credit_status`, `retry_after`: answers nobody has seen, 5. `requests_per_minute`: of `limits real`.
    `first_page` of the list, `list_lag_s` after which a deployment is listed, `second_delete`: what a repeated DELETE answers.
    `refund`: minutes beyond the first hour come back, or nothing; `refund_unstarted`: all comes back of what never ran, 7.
    `fee_percent` on top of the hardware's price, 3.4. `max_duration_hours` of one deployment (VMaaS: 8760).
    `on_exit`: what becomes of a deployment whose container ends; `log_framing`: 3.9.
    """

    hardware_shape: str = "flat"
    numeric_price_refused: bool = False
    plain_locations: bool = False
    string_hardware: bool = True
    fixed_sku_size: bool = True
    list_empty_locations: bool = True
    sku_id_shown: str = "string"
    strict_deploy: bool = True
    billing_model: str = "refused"
    empty_deploy_body: bool = False
    one_location: bool = True
    strict_names: bool = True
    unique_names: bool = True
    name_taken_status: int = 409
    no_capacity_status: int = 409
    bad_key_status: int = 401
    no_credit_status: int = 402
    retry_after: bool = True
    requests_per_minute: float = 120
    first_page: int = 0
    list_lag_s: float = 0
    second_delete: int = 404
    refund: str = "minutes"
    refund_unstarted: bool = True
    fee_percent: float = 0
    max_duration_hours: float = 8760
    on_exit: str = "fail"
    log_framing: str = "sse"

    @classmethod
    def rules(cls) -> Rules:
        refusals = one_of(409, 400)
        return {
            "hardware_shape": one_of("flat", "nested"),
            "numeric_price_refused": truth(),
            "plain_locations": truth(),
            "string_hardware": truth(),
            "fixed_sku_size": truth(),
            "list_empty_locations": truth(),
            "sku_id_shown": one_of("string", "zero"),
            "strict_deploy": truth(),
            "billing_model": one_of("refused", "accepted"),
            "empty_deploy_body": truth(),
            "one_location": truth(),
            "strict_names": truth(),
            "unique_names": truth(),
            "name_taken_status": refusals,
            "no_capacity_status": refusals,
            "bad_key_status": one_of(401, 403),
            "no_credit_status": one_of(402, 400, 403),
            "retry_after": truth(),
            "requests_per_minute": amount(),
            "first_page": one_of(0, 1),
            "list_lag_s": amount(),
            "second_delete": one_of(200, 404),
            "refund": one_of("minutes", "none"),
            "refund_unstarted": truth(),
            "fee_percent": amount(),
            "max_duration_hours": amount(),
            "on_exit": one_of("fail", "restart"),
            "log_framing": one_of("sse", "raw"),
        }

    @property
    def nested(self) -> bool:
        return self.hardware_shape == "nested"
