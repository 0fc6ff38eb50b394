"""What a conversion found."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class UnusedTensors:
    """Tensors of a checkpoint that went into no component.

    Args:
        name: What their keys begin with, or what they are.
        num_tensors: How many there are.
        num_bytes: Their size in the file.
        reason: Why they were left out.
    """

    name: str
    num_tensors: int
    num_bytes: int
    reason: str


@dataclass(frozen=True)
class ConversionReport:
    """What was found in a checkpoint and what was left out; `str()` of it is for people.

    Args:
        path: The file.
        num_tensors: Tensors that went into the components.
        num_bytes: Their size in the file.
        widths: First width of `unet`, `vae` and `vocoder`; officially 128, 128 and 1536.
        scale_factor: What latents are multiplied by.
        num_different_encoder_tensors: Tensors of the condition's encoder that differ from the autoencoder's own; None
            if the file has one encoder alone.
        schedule_deviation: Largest relative difference of the stored `alphas_cumprod` from the cosine formula, but for
            the last timestep, where diffusers caps the formula and sampling doesn't come; None if none is stored.
        unused: What was left out and why.
        warnings: What is not as published, and what was done about it.
    """

    path: str
    num_tensors: int
    num_bytes: int
    widths: dict[str, int]
    scale_factor: float
    num_different_encoder_tensors: int | None
    schedule_deviation: float | None
    unused: tuple[UnusedTensors, ...]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields as a dict that json can write."""
        return {**asdict(self), "unused": [asdict(group) for group in self.unused], "warnings": list(self.warnings)}

    def __str__(self) -> str:
        deviation, different = self.schedule_deviation, self.num_different_encoder_tensors
        encoders = (
            "one" if different is None else "two, equal" if different == 0 else f"two, {different} tensors differ"
        )
        lines = [
            f"{self.path}: {self.num_tensors} tensors used, {self.num_bytes / 1e6:,.1f} MB",
            f"  widths: {', '.join(f'{part} {width}' for part, width in self.widths.items())}",
            f"  scale_factor: {self.scale_factor}",
            f"  alphas_cumprod: {'not stored' if deviation is None else f'within {deviation:.1e} of the formula'}",
            f"  encoders: {encoders}",
        ]
        for group in self.unused:
            tensors = f"{group.num_tensors} tensor{'' if group.num_tensors == 1 else 's'}"
            lines.append(f"  not used: {group.name} ({tensors}, {group.num_bytes / 1e6:,.1f} MB): {group.reason}")
        return "\n".join([*lines, *(f"  warning: {warning}" for warning in self.warnings)])
