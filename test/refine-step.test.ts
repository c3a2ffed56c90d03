/** Single steps of `refine`, which is Adam's ascent on each row's bound: the length of its first step is its rate. */

import { expect, test } from 'vitest'
import { VAE, type VAEConfig } from '../src/index.js'
import { curve, small } from './helpers/data.js'
import { expectNear } from './helpers/near.js'

const x = curve(5)

async function moved(config: VAEConfig, steps: number, learningRate: number) {
  const vae = new VAE(config)
  await vae.fit(curve(60), { epochs: 5, batchSize: 20, verbose: false })
  const { mean, logVariance } = await vae.encode(x)
  // There are enough draws, and the step is short enough, for every row to gain.
  const { encoding, before, after } = await vae.refine(x, { steps, learningRate, samples: 64 })
  expect(Array.from(after, (bound, i) => bound > (before[i] as number))).toEqual(Array(5).fill(true))
  const by = (to: Float32Array, from: Float32Array) => Array.from(to, (value, i) => value - (from[i] as number))
  return [
    ...by(encoding.mean.data, mean.data),
    ...by(encoding.logVariance?.data as Float32Array, logVariance?.data as Float32Array),
  ]
}

test('the first step moves every head of a Gaussian by the learning rate', async () => {
  const rate = 2 ** -10
  const distances = (await moved(small, 1, rate)).map(Math.abs)
  // Heads of up to 8 are stored to 2^-21 of a nat; Adam's ε is 1e-8, and gradients are a thousandth or more.
  expectNear(distances, Array(2 * 5 * 2).fill(rate), { relative: 1e-4, absolute: 2 ** -20 })
})

test('of two steps the second has half the rate: the cosine falls to 0 at the last', async () => {
  const rate = 2 ** -10
  const distances = (await moved(small, 2, rate)).map(Math.abs)
  // Gradients hardly change over so short a way, except through their noise: most heads go on in the same direction.
  expect(Math.max(...distances)).toBeLessThan(1.5 * rate * 1.001 + 2 ** -20)
  const whole = distances.filter((distance) => distance > 1.3 * rate)
  expect(whole.length).toBeGreaterThan(distances.length / 2)
})
