"""The ops: every function that a backend must offer, with shapes, dtypes and rounding.

A backend is a module whose attributes satisfy ``Ops``. The reference backend computes in float32
and is the definition of correct; others state their own bounds in their tests.

Dimensions, spelled in shape comments everywhere:

    tokens      new tokens of this step, over all sequences
    sequences   conversations that share the step
    heads       query heads                     kv_heads    key/value heads
    head_dim    numbers a head                  hidden      width of the residual stream
    inter       width inside an expert          experts     experts of a layer
    active      experts that a token uses       blocks      groups of 32 values with one scale
    vocabulary  rows of the embedding           context     tokens that a query can see

Every op gives the same bits for a token whatever other tokens share the batch: each output element
has one summation order.
"""

from typing import Protocol

from ossia.numerics.arrays import Array, Float32, Int32
from ossia.ops.arrays import Batch, KVPages, PageTable, RopeTable

SWIGLU_ALPHA = 1.702
"""Slope of the sigmoid inside an expert (gpt-oss model card)."""


class Ops(Protocol):
    """What the forward pass calls, and before it what prepares weights."""

    def start(self) -> str:
        """Gets ready to compute as the settings say; how it does, in words for the user.

        Raises:
            OssiaError: a setting cannot be met on this machine.
        """

    def packing(self) -> str | None:
        """The name of the layout that ``pack_together`` makes; None: weights stay as they are."""

    def pack_together(self, weights: tuple[Array, ...]) -> tuple[Array, ...]:
        """Matrices as ``linear`` or ``experts`` read them fastest, each [out, in] or, of experts,
        [experts, out, in]. They have one shape and format, and are read together (gate and up).

        Only called when ``packing()`` has a name. The results own their memory.
        """

    def kv_item_bytes(self) -> int:
        """Bytes of one number in the pages that ``allocate_pages`` makes."""

    def allocate_pages(self, num_pages: int, kv_heads: int, head_dim: int) -> KVPages:
        """Room for one layer's keys and values; contents undefined.

        Raises:
            ResourceError: the memory is not to be had.
        """

    def embed(self, embedding: Array, token_ids: Int32) -> Float32:
        """Rows of ``embedding`` [vocabulary, hidden] as [tokens, hidden]."""

    def rms_norm(self, x: Float32, weight: Array, eps: float) -> Float32:
        """x / sqrt(mean(x**2) + eps) * weight, over the last axis; [tokens, hidden]."""

    def linear(self, x: Float32, weight: Array, bias: Array | None = None) -> Float32:
        """X [tokens, in] times ``weight`` [out, in] transposed, plus bias [out]: [tokens, out]."""

    def rope(self, x: Float32, positions: Int32, table: RopeTable) -> Float32:
        """Rotates the two halves of each head of x [tokens, heads, head_dim] by position."""

    def store_kv(self, k: Float32, v: Float32, pages: KVPages, table: PageTable) -> None:
        """Writes k and v [tokens, kv_heads, head_dim] into the slots that ``table`` names."""

    def attention(
        self,
        q: Float32,
        sinks: Array,
        batch: Batch,
        pages: KVPages,
        table: PageTable,
        window: int | None,
    ) -> Float32:
        """Causal attention of q [tokens, heads, head_dim] over the stored keys and values.

        A token at position p sees positions max(0, p - window + 1) to p. ``sinks`` [heads] is one
        more logit a head: it takes its share of the softmax and brings no value. Scale is
        head_dim**-0.5. Returns [tokens, heads * head_dim].
        """

    def route(self, logits: Float32, active: int) -> tuple[Int32, Float32]:
        """The ``active`` highest of logits [tokens, experts], and their softmax among themselves.

        Returns ids and weights, both [tokens, active], highest first; of equals the lower id first.
        """

    def experts(
        self,
        x: Float32,
        expert_ids: Int32,
        expert_weights: Float32,
        gate: Array,
        gate_bias: Array,
        up: Array,
        up_bias: Array,
        down: Array,
        down_bias: Array,
        limit: float,
    ) -> Float32:
        """The chosen experts of each token of x [tokens, hidden], summed by weight.

        gate and up [experts, inter, hidden], down [experts, hidden, inter], biases [experts, out].
        With g = min(gate, limit) and u = clamp(up, -limit, limit), an expert gives
        down(g * sigmoid(1.702 * g) * (u + 1)). The sum runs from the highest weight to the lowest.
        """

    def gather_rows(self, x: Float32, rows: Int32) -> Float32:
        """Rows of x [tokens, hidden] as [outputs, hidden]."""


OP_NAMES = tuple(name for name in vars(Ops) if not name.startswith("_"))
"""The names that a module must offer to be a backend."""
