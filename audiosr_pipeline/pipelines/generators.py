"""Random generators of clips."""

import torch


def generators_per_clip(
    generator: torch.Generator | list[torch.Generator] | None, num_clips: int
) -> list[torch.Generator]:
    """One generator for each clip (rules: `AudioSRPipeline.__call__`); without one, the seeds come from torch's own."""
    if isinstance(generator, list):
        return generator
    if generator is not None and num_clips == 1:
        return [generator]
    device = generator.device if generator is not None else "cpu"
    seeds = torch.randint(2**31, (num_clips,), generator=generator, device=device)
    return [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]


def copy_generator(generator: torch.Generator) -> torch.Generator:
    """A generator in the same state."""
    copy = torch.Generator(generator.device)
    copy.set_state(generator.get_state())
    return copy


def seed_of(generator: torch.Generator) -> int | None:
    """The seed of a generator that nothing was drawn from yet, else None."""
    seed = generator.initial_seed()
    fresh = torch.Generator(generator.device).manual_seed(seed)
    return seed if torch.equal(fresh.get_state(), generator.get_state()) else None
