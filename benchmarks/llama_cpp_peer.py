"""llama.cpp at the other end of a pipe, for ``peers.py``; runs in an environment of its own.

Needs llama-cpp-python (built with -march=native) and nothing of ossia.
    llama_cpp_peer.py measure MODEL.gguf THREADS CONTEXT REPACK(0|1)
        answers each line of JSON, {"prompt": ids, "decode": ids, "flash": bool}, with seconds
    llama_cpp_peer.py quantize SRC.gguf DST.gguf THREADS
        writes 8-bit dense weights (Q8_0); MXFP4 experts, routers, norms and biases stay

The low-level calls are used, and the next token is given, not sampled: neither Python nor a sampler
is counted against it.
"""

import ctypes
import json
import sys
import time

import llama_cpp

BATCH = 512


def main() -> None:
    """Does what the first argument says."""
    verb, *arguments = sys.argv[1:]
    llama_cpp.llama_log_set(SILENT, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    if verb == "quantize":
        source, destination, threads = arguments
        quantize(source, destination, int(threads))
    else:
        path, threads, context, repack = arguments
        measure(path, int(threads), int(context), repack == "1")


@llama_cpp.llama_log_callback
def SILENT(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:  # noqa: N802
    """Says nothing: standard output is the pipe."""


def quantize(source: str, destination: str, threads: int) -> None:
    """Writes the file anew; its type "MXFP4 experts" implies Q8_0 for all other matrices."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_MOSTLY_MXFP4_MOE
    params.nthread = threads
    params.max_buf_size = 1 << 30
    failed = llama_cpp.llama_model_quantize(source.encode(), destination.encode(), params)
    if failed:
        sys.exit(f"llama.cpp could not write {destination}: {failed}")


def measure(path: str, threads: int, context: int, repack: bool) -> None:
    """Loads the model and answers until the pipe closes."""
    start = time.perf_counter()
    params = llama_cpp.llama_model_default_params()
    params.load_mode = llama_cpp.LLAMA_LOAD_MODE_MMAP
    params.use_extra_bufts = repack
    model = llama_cpp.llama_model_load_from_file(path.encode(), params)
    if not model:
        sys.exit(f"llama.cpp could not load {path}")
    say({"load_seconds": time.perf_counter() - start, "version": llama_cpp.__version__})
    contexts: dict[bool, object] = {}
    for line in sys.stdin:
        asked = json.loads(line)
        flash = asked["flash"]
        if flash not in contexts:  # one at a time: each has a KV cache
            for other in contexts.values():
                llama_cpp.llama_free(other)
            contexts = {flash: make_context(model, threads, context, flash)}
        say(run(contexts[flash], asked["prompt"], asked["decode"]))


def make_context(model: object, threads: int, context: int, flash: bool) -> object:
    """A context with room for so many tokens."""
    params = llama_cpp.llama_context_default_params()
    params.n_ctx = context
    params.n_batch = params.n_ubatch = BATCH
    params.n_threads = params.n_threads_batch = threads
    params.swa_full = False  # sliding layers keep their window, as llama.cpp's own programs have it
    params.flash_attn_type = (
        llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED
        if flash
        else llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    made = llama_cpp.llama_init_from_model(model, params)
    if not made:
        sys.exit("llama.cpp could not make a context")
    return made


def run(context: object, prompt: list[int], decode: list[int]) -> dict[str, float]:
    """Seconds of the prompt, and of one token after the other behind it."""
    llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(context), True)
    start = time.perf_counter()
    for first in range(0, len(prompt), BATCH):
        feed(context, prompt[first : first + BATCH])
    filled = time.perf_counter()
    for token_id in decode:
        feed(context, [token_id])
    return {"prefill": filled - start, "decode": time.perf_counter() - filled}


def feed(context: object, token_ids: list[int]) -> None:
    """Runs tokens through the model; logits of the last are computed."""
    ids = (llama_cpp.llama_token * len(token_ids))(*token_ids)
    failed = llama_cpp.llama_decode(context, llama_cpp.llama_batch_get_one(ids, len(token_ids)))
    if failed:
        sys.exit(f"llama_decode failed: {failed}")
    llama_cpp.llama_synchronize(context)


def say(answer: dict[str, object]) -> None:
    """One line of JSON."""
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
