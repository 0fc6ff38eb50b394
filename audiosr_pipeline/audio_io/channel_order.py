"""The order of more than two channels in Vorbis and Opus, which differs from that of WAV and all else.

Vorbis I specification, section 4.3.9, and RFC 7845, section 5.1.1.2, against the masks of WAVE_FORMAT_EXTENSIBLE.
"""

# By number of channels: which of Vorbis' channels stands at each place of WAV's. Left out are those that are alike.
VORBIS_TO_WAV: dict[int, tuple[int, ...]] = {
    3: (0, 2, 1),
    5: (0, 2, 1, 3, 4),
    6: (0, 2, 1, 5, 3, 4),
    7: (0, 2, 1, 6, 5, 3, 4),
    8: (0, 2, 1, 7, 5, 6, 3, 4),
}
WAV_TO_VORBIS = {
    channels: tuple(order.index(place) for place in range(channels)) for channels, order in VORBIS_TO_WAV.items()
}
