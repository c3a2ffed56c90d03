#!/usr/bin/env bash
# Sets the peers up: a virtual environment in DIR (default: .venv beside this file) from requirements.txt, the packages
# of package.json in node_modules, and two encoders as ONNX. What follows DIR goes to pip.
#
#   bash bench/peers/setup.sh [DIR] [options of pip install ...]
#
# An environment elsewhere is named to the benchmark in AEVB_PEERS.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${1:-$here/.venv}"

[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip install "${@:2}" --requirement "$here/requirements.txt"
# Scripts of packages are left out: onnxruntime's fetches what only a GPU needs.
npm ci --prefix "$here" --ignore-scripts
"$venv/bin/python" "$here/onnx_encoder.py" "$here/encoder.onnx"
"$venv/bin/python" "$here/onnx_encoder.py" "$here/encoder-images.onnx" images
echo "the peers are ready: AEVB_PEERS=$venv npm run bench -- --peers"
