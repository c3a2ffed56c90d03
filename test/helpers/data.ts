/** Small data and models for tests. */

import { createHash } from 'node:crypto'
import type { Tensor } from '../../src/tensor.js'
import type { VAE } from '../../src/vae.js'

/** `count` rows near a two-dimensional curve in [0, 1]^columns: something that a small VAE learns. */
export function curve(count: number, columns = 12, seed = 1): Tensor<Float32Array> {
  const random = generator(seed)
  const data = new Float32Array(count * columns)
  for (let i = 0; i < count; i++) {
    const [a, b] = [2 * Math.PI * random(), random()]
    for (let j = 0; j < columns; j++) data[i * columns + j] = 1 / (1 + Math.exp(-8 * b * Math.sin(a + j)))
  }
  return { data, shape: [count, columns] }
}

/** The config of a model for {@link curve}: trains in milliseconds. */
export const small = { input: 12, encoder: [16], latent: 2, decoder: [16] } as const

/** Rows [from, to). */
export function rowsOf({ data, shape }: Tensor, from: number, to: number): Tensor {
  const columns = shape[1] as number
  return { data: data.slice(from * columns, to * columns), shape: [to - from, columns] }
}

/** A digest of the bits of every parameter. Bits distinguish NaNs and the two zeros, which numbers do not. */
export function bits(vae: VAE): Record<string, string> {
  return Object.fromEntries(Object.entries(vae.parameters()).map(([name, { data }]) => [name, bitsOf(data)]))
}

/** A digest, because comparing millions of numbers one by one takes seconds. */
export function bitsOf(data: Float32Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** mulberry32: uniform in [0, 1). */
export function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}
