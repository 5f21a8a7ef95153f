"""The settings of the emulated Dispersed that can be changed while it runs."""

from dataclasses import dataclass

from aurora.emulators.knobs import KnobBoard, Rules, truth


@dataclass(frozen=True, kw_only=True)
class Knobs(KnobBoard):
    """`whole_nodes`: a job is billed as the largest node of its model, however many cards it asked for (seen once).

    `needs_ssh_port`: jobs whose ports leave out 22 never get node URLs (seen; one client saw the contrary).
    """

    whole_nodes: bool = False
    needs_ssh_port: bool = True

    @classmethod
    def rules(cls) -> Rules:
        return {"whole_nodes": truth(), "needs_ssh_port": truth()}
