"""Calls keep their state to themselves: in threads, in callbacks, and when something goes wrong."""

import copy
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from diffusers import EulerAncestralDiscreteScheduler

from audiosr_pipeline import AudioSRPipeline
from tests.conftest import build_tiny_pipeline
from tests.pipelines.stubs import seeded
from tests.signals import noise

AUDIO = noise(0.3, 16_000)[0]
SETTINGS = [
    {"num_inference_steps": 2},
    {"num_inference_steps": 5, "guidance_scale": 2.0, "eta": 1.0},
    {"num_inference_steps": 3, "guidance_scale": 1.5},
]


@pytest.fixture(scope="module")
def pipe() -> AudioSRPipeline:
    return build_tiny_pipeline()


@pytest.fixture(scope="module")
def expected(pipe) -> list[np.ndarray]:
    return [pipe(AUDIO, 16_000, generator=seeded(), **settings).generated for settings in SETTINGS]


def in_threads(pipes) -> list[np.ndarray]:
    """What six calls give that all begin at once, two for each of the settings."""
    barrier = threading.Barrier(6)

    def call(index):
        barrier.wait()
        # A callback lets the others run in between.
        watch = {"callback_on_step_end": lambda *_: time.sleep(0.01)}
        settings = SETTINGS[index % 3]
        return pipes[index](AUDIO, 16_000, generator=seeded(), **settings, **watch).generated

    with ThreadPoolExecutor(6) as pool:
        return list(pool.map(call, range(6)))


def test_threads_share_a_pipeline(pipe, expected):
    for index, result in enumerate(in_threads([pipe] * 6)):
        assert np.array_equal(result, expected[index % 3])


def test_threads_share_the_networks_or_the_scheduler_of_pipelines(pipe, expected):
    shared = [AudioSRPipeline(**pipe.components, **pipe.parameters) for _ in range(3)]
    others = [build_tiny_pipeline() for _ in range(3)]
    for other in (*shared, *others):
        other.scheduler = pipe.scheduler
        other.set_progress_bar_config(disable=True)
    for index, result in enumerate(in_threads([*shared, *others])):
        assert np.array_equal(result, expected[index % 3])


def test_a_callback_may_call_its_pipeline(pipe, expected):
    inner = []

    def callback(pipe, step, timestep, tensors):
        if step == 1:
            inner.append(pipe(AUDIO, 16_000, generator=seeded(), **SETTINGS[0]).generated)
        assert (pipe.guidance_scale, pipe.num_timesteps) == (2.0, 5) and len(pipe.scheduler.timesteps) == 5

    outer = pipe(AUDIO, 16_000, generator=seeded(), callback_on_step_end=callback, **SETTINGS[1]).generated
    assert np.array_equal(outer, expected[1]) and np.array_equal(inner[0], expected[0])
    assert (pipe.guidance_scale, pipe.num_timesteps) == (2.0, 5)


def test_another_thread_may_interrupt_a_call(pipe):
    started, seen = threading.Event(), []

    def callback(pipe, step, timestep, tensors):
        seen.append(step)
        started.set()
        # Until the other thread has spoken.
        for _ in range(500):
            if pipe.interrupt:
                break
            time.sleep(0.01)

    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(pipe, AUDIO, 16_000, num_inference_steps=10, callback_on_step_end=callback)
        assert started.wait(60)
        pipe.interrupt = True
        (report,) = call.result().reports
    assert seen == [0] and "denoising was interrupted" in report.notes
    assert "denoising was interrupted" not in pipe(AUDIO, 16_000).reports[0].notes


def test_a_call_leaves_the_scheduler_as_it_was(pipe):
    scheduler = pipe.scheduler
    timesteps = scheduler.timesteps.clone()

    def fail(pipe, *_):
        assert pipe.scheduler is not scheduler and type(pipe.scheduler) is type(scheduler)
        raise KeyError("a fault of the callback's")

    with pytest.raises(KeyError):
        pipe(AUDIO, 16_000, callback_on_step_end=fail)
    assert pipe.scheduler is scheduler and timesteps.equal(scheduler.timesteps)
    pipe(AUDIO, 16_000)
    assert pipe.scheduler is scheduler and timesteps.equal(scheduler.timesteps)


def test_a_scheduler_that_is_set_during_a_call_stays(pipe):
    pipe = AudioSRPipeline(**pipe.components, **pipe.parameters)
    pipe.set_progress_bar_config(disable=True)
    other = EulerAncestralDiscreteScheduler.from_config(pipe.scheduler.config)

    def swap(pipe, step, *_):
        if step == 1:
            pipe.scheduler = other

    pipe(AUDIO, 16_000, callback_on_step_end=swap)
    assert pipe.scheduler is other


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda pipe: pickle.loads(pickle.dumps(pipe))], ids=["copy", "pickle"]
)
def test_pipelines_can_be_copied_also_while_they_run(pipe, expected, copied):
    copies = [copied(pipe)]
    pipe(AUDIO, 16_000, callback_on_step_end=lambda pipe, *_: copies.append(copied(pipe)))
    for other in copies[:2]:
        assert np.array_equal(other(AUDIO, 16_000, generator=seeded(), **SETTINGS[1]).generated, expected[1])
