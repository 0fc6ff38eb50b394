"""Random generators of clips."""

import torch


def generators_per_clip(
    generator: torch.Generator | list[torch.Generator] | None, num_clips: int
) -> list[torch.Generator]:
    """One generator for each clip (rules: `AudioSRPipeline.__call__`); without one, the seeds come from torch's own.

    Raises:
        ValueError: If it is no generator, or a list of another length than there are clips.
    """
    listed = generator if isinstance(generator, list) else [generator] * (generator is not None)
    if not all(isinstance(each, torch.Generator) for each in listed):
        raise ValueError(f"generator={generator}; accepted are a torch.Generator, or a list of one for each clip.")
    if isinstance(generator, list):
        if len(generator) != num_clips:
            raise ValueError(
                f"generator is a list of {len(generator)} for {num_clips} clips: pass one for each, or one."
            )
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


def seeds_of(generators: list[torch.Generator]) -> list[int | None]:
    """For each clip's generator a seed that gives the clip again, or None where there is none.

    That is the seed of a generator that nothing was drawn from yet. One that is listed for several clips is new for
    the first of them at most.
    """
    is_own = [sum(other is each for other in generators) == 1 for each in generators]
    return [_seed_of(each) if own else None for each, own in zip(generators, is_own, strict=True)]


def _seed_of(generator: torch.Generator) -> int | None:
    """The seed of a generator that nothing was drawn from yet, else None."""
    seed = generator.initial_seed()
    fresh = torch.Generator(generator.device).manual_seed(seed)
    return seed if torch.equal(fresh.get_state(), generator.get_state()) else None
