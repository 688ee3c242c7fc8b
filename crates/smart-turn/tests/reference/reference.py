"""Makes `probabilities.json` and the reference of the features' tests, from the wheel that has the model. The README says what they are."""

import json
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile

WINDOW = 8 * 16_000
TRIES, NOISE = 24, 1e-6
HERE = Path(__file__).parent
FEATURES = HERE / "../../src/features/reference.json"
COLUMNS = [0, 1, 399, 598, 700, 799]

WHEEL = zipfile.ZipFile(sys.argv[1])
IN_WHEEL = "pipecat/audio/turn/smart_turn"


def features_of(samples):
    """The last 8 s as the model's own code has it, zeros in front."""
    sound = samples[-WINDOW:].astype(np.float32) / 32_768
    return whisper.compute_whisper_log_mel_features(np.pad(sound, (WINDOW - len(sound), 0)))


def module(file):
    code = types.ModuleType(file)
    exec(WHEEL.read(f"{IN_WHEEL}/{file}"), code.__dict__)
    return code


def without_rounding(model):
    """The model whose layers read what the layer before made, not what is left of it in 8 bits."""
    graph, made_by = model.graph, {name: node for node in model.graph.node for name in node.output}
    before, kept = {}, []
    for node in graph.node:
        maker = made_by.get(node.input[0])
        if node.op_type == "DequantizeLinear" and maker is not None and maker.op_type == "QuantizeLinear":
            before[node.output[0]] = maker.input[0]
        elif node.op_type != "QuantizeLinear":
            kept.append(node)
    for node in kept:
        for index, name in enumerate(node.input):
            while name in before:
                name = before[name]
            node.input[index] = name
    del graph.node[:]
    graph.node.extend(kept)
    return model


def probability_by(model, optimised=True):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        # Else it puts a matrix product of its own in the place of those with 8-bit weights, which rounds the other factor, too.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    session = onnxruntime.InferenceSession(model, options)
    return lambda features: session.run(None, {"input_features": features[None].astype(np.float32)})[0].item()


def sounds():
    """What the features' tests make again, of integers alone."""
    at = np.arange(16_000, dtype=np.int64)
    state, noise = 1, []
    for _ in range(WINDOW + 5000):
        state = (state * 1_664_525 + 1_013_904_223) % 2**32
        noise.append((state >> 18) - 2**13)
    click = np.zeros(30_000, np.int64)
    click[15_000] = 20_000
    return {"sawtooth": at % 100 * 300 - 15_000, "noise": np.array(noise), "click": click, "silence": np.zeros(400)}


def of_recording(file, shipped, unrounded):
    features = features_of(soundfile.read(file, dtype="int16")[0])
    random = np.random.default_rng(3)
    tries = [shipped(features + NOISE * random.standard_normal(features.shape)) for _ in range(TRIES)]
    values = {
        "unrounded": unrounded(features),
        "as_shipped": shipped(features),
        "as_shipped_least": min(tries),
        "as_shipped_most": max(tries),
    }
    return {name: round(value, 5) for name, value in values.items()}


def main():
    model = WHEEL.read(f"{IN_WHEEL}/data/smart-turn-v3.2-cpu.onnx")
    shipped = probability_by(model)
    unrounded = probability_by(without_rounding(onnx.load_from_string(model)).SerializeToString(), optimised=False)
    recordings = sorted((HERE / "recordings").glob("*.flac"))
    answer = {
        "made_with": f"onnxruntime {onnxruntime.__version__}, one thread; features and model of {Path(sys.argv[1]).name}",
        "recordings": {file.stem: of_recording(file, shipped, unrounded) for file in recordings},
    }
    (HERE / "probabilities.json").write_text(json.dumps(answer, indent=1) + "\n")

    mel = {name: features_of(samples) for name, samples in sounds().items()}
    columns = {
        name: {str(column): [round(float(value), 6) for value in values[:, column]] for column in COLUMNS}
        for name, values in mel.items()
    }
    lines = [f'"{name}": {json.dumps(values)}' for name, values in columns.items()]
    FEATURES.write_text("{\n" + ",\n".join(lines) + "\n}\n")


whisper = module("_whisper_features.py")

if __name__ == "__main__":
    main()
