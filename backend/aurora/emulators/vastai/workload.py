"""The workloads of the emulators, under the name by which this market's tests know them."""

from aurora.emulators.workload import Workload

__all__ = ["Workload"]
