"""One name for one GPU, whatever a market calls it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class GpuModel:
    """A GPU as sold: `a100` + `sxm` + 80 is `a100-sxm-80gb`.

    `known` is False for a name that our table does not have: it is kept, counted and shown, never dropped.
    """

    family: str
    """`a100`, `h100`, `rtx4090`, `t4`: what `gpu_type` asks for in most requests."""
    form: str | None = None
    """`sxm`, `pcie` or `nvl` (RTX PRO 6000: `ws`, `server`, `maxq`), where the product exists in more than one."""
    vram_gb: int | None = None
    """Per GPU, as sold."""
    known: bool = True

    @property
    def name(self) -> str:
        parts = [self.family]
        if self.form is not None:
            parts.append(self.form)
        if self.vram_gb is not None:
            parts.append(f"{self.vram_gb}gb")
        return "-".join(parts)


@dataclass(frozen=True, slots=True)
class GpuQuery:
    """What a request asks for: `a100` matches every A100, `a100-80gb` and `a100-sxm-80gb` only those."""

    family: str
    form: str | None = None
    vram_gb: int | None = None

    def matches(self, model: GpuModel) -> bool:
        return (
            model.family == self.family
            and (self.form is None or model.form == self.form)
            and (self.vram_gb is None or model.vram_gb == self.vram_gb)
        )

    @property
    def name(self) -> str:
        return GpuModel(self.family, self.form, self.vram_gb).name
