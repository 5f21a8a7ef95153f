"""What a market is told to start."""

from aurora.domain.instance import LaunchSpec
from aurora.domain.naming import InstanceName
from aurora.domain.records import Attempt
from aurora.lifecycle.context import Context
from aurora.lifecycle.work import Work


def launch_spec(context: Context, work: Work, attempt: Attempt) -> LaunchSpec:
    """The attempt's container under its committed name, secrets unsealed."""
    workload = context.candidates.workload(work.deployment)
    return LaunchSpec(
        name=str(InstanceName.parse(attempt.name)),
        offer_external_id=attempt.offer_external_id,
        image=workload.image,
        command=workload.command,
        env=workload.env,
        ports=workload.ports,
        disk_gb=workload.disk_gb,
        ceiling_usd_per_hour=attempt.ceiling_usd_per_hour,
        gpu_count=attempt.gpu_count,
        registry_login=workload.registry_login,
    )
