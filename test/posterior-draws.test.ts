/** Draws of z from q(z|x) have the distribution that encode gives for the posterior. */

import { describe, expect, test } from 'vitest'
import { type Tensor, VAE, type VAEConfig } from '../src/index.js'
import { curve, rowsOf } from './helpers/data.js'

const COPIES = 4000

/** The same row, repeated. */
function repeated(row: Tensor, count: number): Tensor<Float32Array> {
  const columns = row.shape[1] as number
  const data = new Float32Array(count * columns)
  for (let i = 0; i < count; i++) data.set(row.data as Float32Array, i * columns)
  return { data, shape: [count, columns] }
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

const latents: Record<string, VAEConfig['latent']> = {
  'a diagonal Gaussian': 3,
  'a full covariance': { type: 'gaussian', units: 3, covariance: 'full' },
  Laplace: { type: 'laplace', units: 3 },
  logistic: { type: 'logistic', units: 3 },
  classes: { type: 'categorical', units: 2, classes: 3 },
  switches: { type: 'bernoulli', units: 4 },
  'groups of several kinds': [
    { type: 'gaussian', units: 2 },
    { type: 'categorical', units: 2, classes: 3 },
    { type: 'laplace', units: 1 },
    { type: 'bernoulli', units: 2 },
  ],
}

describe.each(Object.entries(latents))('z of %s', (_, latent) => {
  const vae = new VAE({ input: 12, encoder: [16], decoder: [16], latent, seed: 3 })
  const row = rowsOf(curve(5), 2, 3)
  const x = repeated(row, COPIES)
  const trained = vae.fit(curve(100), { epochs: 20, batchSize: 20, verbose: false })

  test('has the mean and the variance of the posterior', async () => {
    await trained
    const { z, groups } = await vae.encode(x, { draw: true, seed: 4 })
    const width = z.shape[1] as number
    expect(z.shape[0]).toBe(COPIES)
    let column = 0
    for (const { mean, logVariance, logScale, cholesky, logits } of groups) {
      const units = mean.shape[1] as number
      for (let u = 0; u < units; u++, column++) {
        const values = Array.from({ length: COPIES }, (_, i) => z.data[i * width + column] as number)
        const centre = mean.data[u] as number
        let expected = centre * (1 - centre)
        let kurtosis = 3
        if (logVariance) {
          expected = Math.exp(logVariance.data[u] as number)
          for (let j = 0; cholesky && j < u; j++) expected += (cholesky.data[(u * (u - 1)) / 2 + j] as number) ** 2
        }
        if (logScale) {
          const laplace = JSON.stringify(latent).includes('laplace')
          expected = Math.exp(2 * (logScale.data[u] as number)) * (laplace ? 2 : Math.PI ** 2 / 3)
          kurtosis = laplace ? 6 : 4.2
        }
        if (logits) {
          expect(values.every((value) => value === 0 || value === 1)).toBe(true)
          if (units === logits.shape[1] && !JSON.stringify(latent).includes('categorical')) {
            expect(centre).toBeCloseTo(sigmoid(logits.data[u] as number), 6)
          }
        }
        const average = values.reduce((sum, value) => sum + value, 0) / COPIES
        const spread = values.reduce((sum, value) => sum + (value - average) ** 2, 0) / COPIES
        // Five standard errors: of a mean √(v/n), of a variance v √((kurtosis − 1)/n); a switch that hardly ever
        // changes has none of the latter to go by.
        expect(Math.abs(average - centre)).toBeLessThan(5 * Math.sqrt(expected / COPIES) + 1e-3)
        if (!logits) {
          expect(Math.abs(spread / expected - 1)).toBeLessThan(5 * Math.sqrt((kurtosis - 1) / COPIES))
        }
      }
    }
    expect(column).toBe(width)
  })

  test('is one-hot if it is of classes, follows the seed and the row, and leaves the rest of the encoding alone', async () => {
    await trained
    const some = curve(70)
    const drawn = await vae.encode(some, { draw: true, seed: 4 })
    const { z, ...rest } = drawn
    expect(rest).toEqual(await vae.encode(some))
    expect(await vae.encode(some, { draw: true, seed: 4, threads: 2 })).toEqual(drawn)
    expect((await vae.encode(some, { draw: true, seed: 5 })).z).not.toEqual(z)
    expect((await vae.encode(some, { draw: true })).z).toEqual((await vae.encode(some, { draw: true, seed: 0 })).z)
    expect(vae.encodeSync(some, { draw: true, seed: 4 })).toEqual(drawn)
    const one = vae.encodeSync(rowsOf(some, 0, 1), { draw: true, seed: 4 })
    expect(one).toEqual(await vae.encode(rowsOf(some, 0, 1), { draw: true, seed: 4 }))
    expect('z' in (await vae.encode(some, { draw: false }))).toBe(false)
    if (JSON.stringify(latent).includes('categorical')) {
      const first = JSON.stringify(latent).includes('gaussian') ? 2 : 0
      const width = z.shape[1] as number
      for (let i = 0; i < 70; i++) {
        for (let v = 0; v < 2; v++) {
          const classes = [...z.data.subarray(i * width + first + 3 * v, i * width + first + 3 * v + 3)]
          expect(classes.sort()).toEqual([0, 0, 1])
        }
      }
    }
  })

  test('is what reconstruct decodes', async () => {
    await trained
    const some = curve(70)
    const { z } = await vae.encode(some, { draw: true, seed: 4 })
    expect(await vae.reconstruct(some, { latent: 'draw', seed: 4 })).toEqual(await vae.decode(z))
    expect(await vae.reconstruct(some, { latent: 'draw', seed: 4, draw: true })).toEqual(
      await vae.decode(z, { draw: true, seed: 4 }),
    )
    expect(await vae.reconstruct(some, { latent: 'mean' })).toEqual(await vae.reconstruct(some))
    expect(await vae.reconstruct(some, { latent: 'draw', seed: 5 })).not.toEqual(await vae.decode(z))
  })
})

test('draws of a deterministic model are refused, for it has no posterior', async () => {
  const vae = new VAE({ input: 12, objective: { deterministic: true } })
  const what = 'Expected a model with a posterior for a draw of z, which a deterministic one has not,'
  await expect(vae.encode(curve(2), { draw: true })).rejects.toThrow(what)
  await expect(vae.reconstruct(curve(2), { latent: 'draw' })).rejects.toThrow(what)
  expect(() => vae.encodeSync(curve(2), { draw: true })).toThrow(what)
  await expect(vae.reconstruct(curve(2), { latent: 'mode' as 'mean' })).rejects.toThrow(
    new RangeError("Expected one of 'mean', 'draw' for latent but received 'mode' of type string"),
  )
})

test('a multinomial draw has the total of its row, with z drawn too', async () => {
  const vae = new VAE({ input: 12, likelihood: 'multinomial', latent: 2 })
  const counts = { data: Float32Array.from({ length: 60 }, (_, i) => (i * 7) % 5), shape: [5, 12] }
  const { data } = await vae.reconstruct(counts, { latent: 'draw', draw: true, seed: 1 })
  const totals = (values: ArrayLike<number>) =>
    Array.from({ length: 5 }, (_, row) =>
      Array.from({ length: 12 }, (_, d) => values[row * 12 + d] as number).reduce((sum, value) => sum + value, 0),
    )
  expect(totals(data)).toEqual(totals(counts.data))
})
