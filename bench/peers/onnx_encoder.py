"""Writes encoders as ONNX, to `latent` (mean and log-variance side by side, one product):

  onnx_encoder.py FILE            the reference model's, x [rows, 784] to [rows, 20]
  onnx_encoder.py FILE images     the convolutional model's, x [rows, 1, 32, 32] to [rows, 32]

The weights are drawn at random: the time does not depend on them."""

import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FEATURES, HIDDEN, LATENT = 784, 200, 10
CHANNELS, CONVOLUTIONAL_LATENT = (1, 16, 32, 64, 128), 16

random = np.random.default_rng(0)


def tensor(name, shape, limit):
    return numpy_helper.from_array(random.uniform(-limit, limit, shape).astype(np.float32), name)


def linear(name, inputs, outputs):
    """Initialisers of a layer, weight [inputs, outputs]."""
    limit = inputs**-0.5
    return [tensor(f"{name}.weight", (inputs, outputs), limit), tensor(f"{name}.bias", (outputs,), limit)]


def reference():
    nodes = [
        helper.make_node("Gemm", ["x", "hidden.weight", "hidden.bias"], ["a"]),
        helper.make_node("Relu", ["a"], ["h"]),
        helper.make_node("Gemm", ["h", "latent.weight", "latent.bias"], ["latent"]),
    ]
    return nodes, linear("hidden", FEATURES, HIDDEN) + linear("latent", HIDDEN, 2 * LATENT), [FEATURES], LATENT


def images():
    """Convolution 3 × 3, batch normalisation (which the runtime folds into the weights), ReLU, max pooling; then linear."""
    nodes, initializers, x = [], [], "x"
    for i, (inputs, outputs) in enumerate(zip(CHANNELS, CHANNELS[1:])):
        name = f"block{i}"
        initializers.append(tensor(f"{name}.weight", (outputs, inputs, 3, 3), (9 * inputs) ** -0.5))
        norm = [f"{name}.{part}" for part in ("scale", "shift", "mean", "variance")]
        initializers += [numpy_helper.from_array(np.ones(outputs, np.float32), part) for part in norm]
        nodes += [
            helper.make_node("Conv", [x, f"{name}.weight"], [f"{name}.a"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
            helper.make_node("BatchNormalization", [f"{name}.a", *norm], [f"{name}.b"]),
            helper.make_node("Relu", [f"{name}.b"], [f"{name}.c"]),
            helper.make_node("MaxPool", [f"{name}.c"], [f"{name}.d"], kernel_shape=[2, 2], strides=[2, 2]),
        ]
        x = f"{name}.d"
    nodes += [
        helper.make_node("Flatten", [x], ["flat"]),
        helper.make_node("Gemm", ["flat", "latent.weight", "latent.bias"], ["latent"]),
    ]
    initializers += linear("latent", CHANNELS[-1] * 2 * 2, 2 * CONVOLUTIONAL_LATENT)
    return nodes, initializers, [1, 32, 32], CONVOLUTIONAL_LATENT


def main():
    nodes, initializers, shape, latent = {"reference": reference, "images": images}[(sys.argv + ["reference"])[2]]()
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", *shape])],
        [helper.make_tensor_value_info("latent", TensorProto.FLOAT, ["rows", 2 * latent])],
        initializers,
    )
    # Versions that every runtime of the last years reads.
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, sys.argv[1])


if __name__ == "__main__":
    main()
