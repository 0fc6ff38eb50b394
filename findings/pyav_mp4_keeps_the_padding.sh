#!/usr/bin/env bash
# PyAV 18.1.0 (its own FFmpeg): the same samples, written and decoded again by it, come back at their true length from
# Ogg, Matroska, WebM and tagged MP3, but too long from MP4, where the edit list's start is applied and its end is not.
#
# Seen, of 50,001 samples at 48 kHz: Opus in Ogg, WebM and Matroska 50,001; Opus in MP4 50,568 (567 more); MP3 in MP3
# and Matroska 50,001, in MP4 50,735 (734 more); AAC in MP4 50,176 (175 more). `stream.duration` is no help: Opus in Ogg
# says 50,313 samples, in MP4 50,016 (both Opus in MP4 and MP3 in MP4 are rounded to milliseconds). Who wants the length
# that was written has to cut by the file's edit list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import io

import av
import numpy as np

RATE, WRITTEN = 48_000, 50_001
audio = np.convolve(0.2 * np.random.default_rng(0).standard_normal(WRITTEN), np.ones(8) / 8, "same").astype(np.float32)


def encoded(codec, container):
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=RATE)
        stream.layout = "mono"
        context = stream.codec_context
        resampler = av.AudioResampler(format=context.format, layout="mono", rate=RATE)
        size = context.frame_size or 1024
        for start in range(0, WRITTEN, size):
            frame = av.AudioFrame.from_ndarray(audio[None, start : start + size], format="fltp", layout="mono")
            frame.sample_rate, frame.pts = RATE, start
            for part in resampler.resample(frame):
                part.pts = start
                output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return io.BytesIO(file.getvalue())


def decoded(file):
    with av.open(file) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


lengths = {
    (codec, container): decoded(encoded(codec, container))
    for codec, container in [
        ("libopus", "ogg"), ("libopus", "webm"), ("libopus", "matroska"), ("libopus", "mp4"),
        ("mp3", "mp3"), ("mp3", "matroska"), ("mp3", "mp4"), ("aac", "mp4"),
    ]
}  # fmt: skip
for (codec, container), length in lengths.items():
    print(f"{codec} in {container}: {length} samples, {length - WRITTEN:+d}")
more = {key: length - WRITTEN for key, length in lengths.items()}
assert all(extra == 0 for (_, container), extra in more.items() if container != "mp4")
assert more["libopus", "mp4"] == 567 and more["mp3", "mp4"] == 734 and more["aac", "mp4"] == 175
PYTHON
echo "as described"
