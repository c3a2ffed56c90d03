// The built-in matrix product beside the CBLAS of this build (OpenBLAS, if scripts/native.mjs found it), on one
// thread and on dense operands, in turn: every shape that training steps of the other trials ask for. Each task of a step
// takes 32 rows of a batch (16, if the batch has no more) through a layer and back, and the whole batch makes the
// weights' gradient.

import { bench } from '../lib/aevb.mjs'
import { median } from '../lib/statistics.mjs'

const WIDTHS = [64, 128, 200, 256, 512, 1024, 2048]

export const title = 'built-in product beside the CBLAS, one thread'

function shapes(quick) {
  const widths = quick ? [200] : WIDTHS
  const layers = widths.flatMap((width) => [
    [784, width],
    [width, 10],
    [10, width],
    [width, 784],
  ])
  const table = quick
    ? []
    : [
        [16, 32],
        [32, 4],
        [4, 32],
        [32, 16],
      ]
  const of = (layers, rows, batch) =>
    layers.flatMap(([inputs, outputs]) => [
      { product: 'forward', rows, inputs, outputs },
      { product: 'inputGradient', rows, inputs, outputs },
      { product: 'weightGradient', rows: batch, inputs, outputs },
    ])
  const batches = quick ? [128] : [16, 128, 2048]
  return [
    ...batches.flatMap((batch) => of(layers, Math.min(batch, 32), batch)),
    ...of(table, 32, 64),
    // One row, of encodeSync and decode.
    { product: 'forward', rows: 1, inputs: 784, outputs: 200 },
    { product: 'forward', rows: 1, inputs: 200, outputs: 784 },
  ]
}

function lacksCblas() {
  try {
    bench.product({ gemm: 'cblas', product: 'forward', rows: 1, inputs: 1, outputs: 1 })
    return undefined
  } catch (error) {
    return error.message
  }
}

export function cases({ quick }) {
  const skip = lacksCblas()
  const unique = new Map(shapes(quick).map((shape) => [JSON.stringify(shape), shape]))
  return [...unique.values()].map((shape) => ({
    label: `${shape.product} ${shape.rows} × ${shape.inputs} → ${shape.outputs}`,
    shape,
    threads: 1,
    repeats: quick ? 1 : 3,
    per: 'product',
    skip,
  }))
}

export function measure({ shape, repeats }) {
  const rates = { builtin: [], cblas: [] }
  for (let i = 0; i < repeats; ++i) {
    for (const gemm of ['builtin', 'cblas']) rates[gemm].push(bench.product({ gemm, ...shape }))
  }
  const flop = 2 * shape.rows * shape.inputs * shape.outputs
  const samples = rates.builtin.map((rate) => flop / rate)
  const ratio = median(rates.builtin.map((rate, i) => rate / rates.cblas[i]))
  return {
    seconds: median(samples),
    samples,
    gflops: median(rates.builtin) / 1e9,
    cblasGflops: median(rates.cblas) / 1e9,
    ratio,
    note: 'of its rate',
  }
}
