"""How well clips fit their texts, by a model that embeds both."""

import numpy as np


def text_similarity(audio: np.ndarray, text: np.ndarray) -> np.ndarray:
    """Cosine of each clip's embedding and its text's: the CLAP score, if both are CLAP's (higher is better).

    It depends on the checkpoint: that of one and the same truth is 0.50 in one paper and 0.25 in another. It rises with
    the bandwidth, too, beyond that of real recordings.

    Args:
        audio: Embeddings of the clips `(num_clips, dim)`.
        text: Embeddings of their texts, same shape and order.

    Returns:
        One cosine per clip, `(num_clips,)`, -1 to 1.

    Raises:
        ValueError: If the shapes differ, or an embedding is zero.

    >>> text_similarity(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 0.0], [0.0, -1.0]]))
    array([ 1., -1.])
    """
    if audio.shape != text.shape or audio.ndim != 2:
        raise ValueError(
            f"embeddings {audio.shape} of clips and {text.shape} of texts; accepted are two of one shape "
            "(num_clips, dim)."
        )
    norms = np.linalg.norm(audio, axis=1) * np.linalg.norm(text, axis=1)
    if not (norms > 0).all():
        raise ValueError(f"{int((norms == 0).sum())} of the embeddings are zero: they have no direction to compare.")
    return (audio * text).sum(1) / norms
