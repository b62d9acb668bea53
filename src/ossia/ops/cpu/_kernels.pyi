from typing import Any

import numpy as np
from numpy.typing import NDArray

def available_instruction_sets() -> list[str]: ...
def compiled_instruction_sets() -> list[str]: ...
def row_dot_f32_mxfp4w(
    instruction_set: str,
    blocks: NDArray[Any],
    scales: NDArray[Any],
    is_halves: bool,
    x: NDArray[Any],
    y: NDArray[np.float32],
) -> str: ...
def xor_words(words: NDArray[np.uint64]) -> int: ...
