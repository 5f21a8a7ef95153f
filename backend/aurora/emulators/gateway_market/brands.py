"""The markets behind the gateways: how fast each is, how it takes its money, how long it remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aurora.emulators.jobs.estate import Terms
from aurora.emulators.jobs.life import Pace


@dataclass(frozen=True, kw_only=True)
class Brand:
    """`host` is the domain of job endpoints, `tls_port` the public port of http ones, None for one port each without TLS.

    `min_minutes` are the minimum terms of offers, drawn by their share; `spot_share` of the offers may be taken away.
    """

    name: str
    host: str
    account: str
    terms: Terms
    min_minutes: Sequence[tuple[int, float]]
    spot_share: float
    disk_usd_per_gb_hour: str
    tls_port: int | None = None
    log_days: float = 1.0
    readable_days: float = 7.0
    sizes: tuple[int, int] = (2, 16)  # units of an offer, least and most


_RENDER = Brand(
    name="render",
    host="gw.render.example",
    account="acct_render_emulated",
    terms=Terms(
        market="render:gateway",
        id_prefix="job_rn_",
        pace=Pace(queue=(2.0, 20.0), assign=(2.0, 10.0), prepare=(20.0, 150.0)),
    ),
    min_minutes=((60, 1.0),),
    spot_share=0.1,
    disk_usd_per_gb_hour="0",
)
# Whole bare-metal servers: slow, sold by the hour, the day or for 30 days, now and then gone after all, paid by invoice.
_AETHIR = Brand(
    name="aethir",
    host="gw.aethir.example",
    account="acct_aethir_emulated",
    terms=Terms(
        market="aethir",
        id_prefix="job_ae_",
        pace=Pace(queue=(60.0, 300.0), assign=(30.0, 90.0), prepare=(120.0, 300.0), no_node=0.04),
        prepaid=False,
    ),
    min_minutes=((60, 6.0), (1440, 3.0), (43_200, 1.0)),
    spot_share=0.0,
    disk_usd_per_gb_hour="0",
    tls_port=443,
    sizes=(1, 6),
)
# Machines become clusters before anything runs on them: up to half an hour.
_FLUX = Brand(
    name="flux",
    host="gw.flux.example",
    account="acct_flux_emulated",
    terms=Terms(
        market="flux",
        id_prefix="job_fx_",
        pace=Pace(queue=(2.0, 15.0), assign=(60.0, 300.0), prepare=(180.0, 1200.0), no_node=0.01),
    ),
    min_minutes=((60, 1.0),),
    spot_share=0.05,
    disk_usd_per_gb_hour="0.000100",
    log_days=10.0,
    readable_days=30.0,
)

BRANDS: Mapping[str, Brand] = {brand.name: brand for brand in (_RENDER, _AETHIR, _FLUX)}
