"""Writes the reference model's encoder as ONNX, x [rows, 784] to latent [rows, 20] (mean and log-variance side by side,
one product): onnx_encoder.py FILE. The weights are drawn at random: the time does not depend on them."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES, HIDDEN, LATENT = 784, 200, 10


def linear(name, inputs, outputs, random):
    """Initialisers of a layer, weight [inputs, outputs]."""
    limit = inputs**-0.5
    draw = lambda *shape: random.uniform(-limit, limit, shape).astype(np.float32)
    return [
        numpy_helper.from_array(draw(inputs, outputs), f"{name}.weight"),
        numpy_helper.from_array(draw(outputs), f"{name}.bias"),
    ]


def main():
    random = np.random.default_rng(0)
    graph = helper.make_graph(
        [
            helper.make_node("Gemm", ["x", "hidden.weight", "hidden.bias"], ["a"]),
            helper.make_node("Relu", ["a"], ["h"]),
            helper.make_node("Gemm", ["h", "latent.weight", "latent.bias"], ["latent"]),
        ],
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", FEATURES])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["rows", 2 * LATENT])],
        linear("hidden", FEATURES, HIDDEN, random) + linear("latent", HIDDEN, 2 * LATENT, random),
    )
    # Versions that every runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[1])


if __name__ == "__main__":
    main()
