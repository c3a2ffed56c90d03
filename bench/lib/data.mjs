// Data to measure on, cheap to make and the same in every run.

import { Dataset, mnist } from './aevb.mjs'

/** MNIST's training images, or as many rows of it. Most of their bytes are zero. */
export async function digits(rows) {
  const { train } = await mnist()
  const data = new Dataset(train.images)
  return rows === undefined || rows >= data.rows ? data : data.slice(0, rows)
}

/** As many rows as one likes of MNIST's training images, over and over. */
export async function manyDigits(rows) {
  const { train } = await mnist()
  const { data, shape } = train.images
  const bytes = new Uint8Array(rows * shape[1])
  for (let at = 0; at < bytes.length; at += data.length) {
    bytes.set(data.subarray(0, Math.min(data.length, bytes.length - at)), at)
  }
  return new Dataset(bytes, { columns: shape[1] })
}

/** Bytes without a zero. */
export function denseBytes(rows, columns) {
  const random = uniform()
  const bytes = new Uint8Array(rows * columns)
  for (let i = 0; i < bytes.length; ++i) bytes[i] = 1 + Math.floor(255 * random())
  return new Dataset(bytes, { columns })
}

/** Rows that depend on `factors` hidden numbers, with a little noise: what a table of measurements looks like. */
export function table(rows, columns, factors) {
  const random = uniform()
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const loadings = Array.from({ length: factors * columns }, normal)
  const data = new Float32Array(rows * columns)
  for (let row = 0; row < rows; ++row) {
    const hidden = Array.from({ length: factors }, normal)
    for (let column = 0; column < columns; ++column) {
      const value = hidden.reduce((sum, h, i) => sum + h * loadings[i * columns + column], 0.1 * normal())
      data[row * columns + column] = value
    }
  }
  return new Dataset(data, { columns })
}

/** Numbers from [0, 1), the same in every run (mulberry32). */
export function uniform(seed = 1) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), 1 | state)
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
