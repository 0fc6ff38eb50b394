#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2): a Wave64 file with a chunk behind its samples, where editors put names and
# markers, comes back longer: the chunk is played. WAV, AIFF and CAF with such a chunk come back as they were.
#
# Seen, of 4,800 samples of 16 bits and a `list` chunk of 128 bytes with its head: W64 4,864 samples, 64 more, which are
# the chunk's bytes; the `data` chunk's own length says 4,800. All others 4,800.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet soundfile==0.14.0 numpy==2.4.6
cd "$folder"
"$folder/env/bin/python" - <<'PYTHON'
import struct

import numpy as np
import soundfile

written = (0.1 * np.sin(np.arange(4_800) / 9)).astype(np.float32)
# What Wave64's names `riff` and `list` go on with.
TAIL = bytes.fromhex("2f91cf11a5d628db04c10000")


def with_chunk(container):
    soundfile.write("plain", written, 48_000, format=container, subtype="PCM_16")
    with open("plain", "rb") as file:
        data = file.read()
    if container == "W64":
        data += b"\0" * (-len(data) % 8) + b"list" + TAIL + struct.pack("<Q", 24 + 104) + b"adtl" + b"\x55" * 100
        return data[:16] + struct.pack("<Q", len(data)) + data[24:]
    if container == "CAF":
        return data + b"info" + struct.pack(">q", 4) + bytes(4)
    if container == "AIFF":
        data += b"ANNO" + struct.pack(">I", 100) + b"x" * 100
        return data[:4] + struct.pack(">I", len(data) - 8) + data[8:]
    data += b"LIST" + struct.pack("<I", 4) + b"adtl"
    return data[:4] + struct.pack("<I", len(data) - 8) + data[8:]


lengths = {}
for container in ("W64", "WAV", "AIFF", "CAF"):
    with open("chunk", "wb") as file:
        file.write(with_chunk(container))
    audio, _ = soundfile.read("chunk", dtype="float32")
    lengths[container] = len(audio)
    print(container, len(audio), "samples, loudest of the last 64:", float(np.abs(audio[-64:]).max()))
print(soundfile.__libsndfile_version__)
assert lengths == {"W64": 4_864, "WAV": 4_800, "AIFF": 4_800, "CAF": 4_800}, lengths
PYTHON
echo "as described"
