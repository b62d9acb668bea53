from typing import Any

import numpy as np
from numpy.typing import NDArray

def available_instruction_sets() -> list[str]: ...
def compiled_instruction_sets() -> list[str]: ...
def use_instruction_set(name: str) -> None: ...
def linear_f32_mxfp4w(
    x: NDArray[np.float32],
    blocks: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    is_halves: bool,
    bias: Any,
    y: NDArray[np.float32],
) -> str: ...
def linear_f32_q8w(
    x: NDArray[np.float32],
    values: NDArray[np.int8],
    scales: NDArray[np.float16],
    bias: Any,
    y: NDArray[np.float32],
) -> str: ...
def linear_f32_plainw(
    x: NDArray[np.float32], numbers: NDArray[Any], bias: Any, y: NDArray[np.float32]
) -> str: ...
def linear_q8_tiles(
    x: NDArray[np.float32],
    tiles: NDArray[np.uint8],
    bias: Any,
    y: NDArray[np.float32],
) -> str: ...
def experts_q8_tiles(
    x: NDArray[np.float32],
    expert_ids: NDArray[np.int32],
    expert_weights: NDArray[np.float32],
    gate: NDArray[np.uint8],
    gate_bias: Any,
    up: NDArray[np.uint8],
    up_bias: Any,
    down: NDArray[np.uint8],
    down_bias: Any,
    limit: float,
    y: NDArray[np.float32],
) -> str: ...
def route(
    logits: NDArray[np.float32], ids: NDArray[np.int32], weights: NDArray[np.float32]
) -> None: ...
def pack_mxfp4_tiles(
    blocks: NDArray[np.uint8],
    scales: NDArray[np.uint8],
    is_halves: bool,
    tiles: NDArray[np.uint8],
) -> None: ...
def pack_q8_tiles(
    values: NDArray[np.int8],
    scales: NDArray[np.float16],
    tiles: NDArray[np.uint8],
) -> None: ...
def pack_plain_tiles(numbers: NDArray[Any], tiles: NDArray[np.uint8]) -> None: ...
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def xor_words(words: NDArray[np.uint64]) -> int: ...
def attention(
    q: NDArray[np.float32],
    sinks: NDArray[np.float32],
    positions: NDArray[np.int32],
    sequence_starts: NDArray[np.int32],
    pages: NDArray[np.int32],
    keys: NDArray[np.uint16],
    values: NDArray[np.uint16],
    window: int,
    y: NDArray[np.float32],
) -> str: ...
def store_kv(
    k: NDArray[np.float32],
    v: NDArray[np.float32],
    slots: NDArray[np.int32],
    keys: NDArray[np.uint16],
    values: NDArray[np.uint16],
) -> None: ...
def rope(
    x: NDArray[np.float32],
    positions: NDArray[np.int32],
    frequencies: NDArray[np.float32],
    scale: float,
    y: NDArray[np.float32],
) -> str: ...
def rms_norm(
    x: NDArray[np.float32], weight: NDArray[np.float32], eps: float, y: NDArray[np.float32]
) -> str: ...
