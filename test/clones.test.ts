/** What JSON and structured clone make of what the package returns. */

import { once } from 'node:events'
import { inspect } from 'node:util'
import { serialize } from 'node:v8'
import { MessageChannel, Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { Dataset, type History, lossChart, VAE } from '../src/index.js'

const vae = new VAE({ input: 2, encoder: [3], latent: [{ type: 'gaussian', units: 2 }, { type: 'categorical', units: 1, classes: 3 }], decoder: [3] }) // biome-ignore format: one line
const rows = [[0, 1], [1, 0], [1, 1]] // biome-ignore format: one line
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value))

describe.each<[string, object, RegExp]>([
  ['a Dataset', new Dataset(rows), /A Dataset, whose rows are in memory of the core: post what it was made from/],
  ['a VAE', vae, /A VAE, whose parameters are in memory of the core: save it, and load it in the other thread/],
])('%s', (_, object, message) => {
  test('is not cloned, whatever contains it', async () => {
    const { port1, port2 } = new MessageChannel()
    const worker = new Worker('', { eval: true })
    for (const clone of [
      () => structuredClone(object),
      () => structuredClone({ deep: [object] }),
      () => structuredClone(new Map([[1, object]])),
      () => port1.postMessage(object),
      () => worker.postMessage({ object }),
      () => new Worker('', { eval: true, workerData: object }),
    ]) {
      expect(clone).toThrow(message)
      expect(clone).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
    }
    expect(() => serialize(object)).toThrow(message)
    port1.close()
    port2.close()
    await once(worker, 'exit')
  })

  test('shows nothing of that otherwise', () => {
    expect(JSON.stringify(object)).toBe('{}')
    expect(inspect(object)).not.toContain('memory of the core')
    expect({ ...object }).toEqual({ cloneable: expect.any(Symbol) })
  })
})

test('results are cloned as they are', async () => {
  await vae.fit(rows, { epochs: 2, verbose: false, validationData: rows })
  const results = [
    await vae.encode(rows, { draw: true }),
    await vae.evaluate(rows),
    await vae.reconstruct(rows),
    await vae.sample(2, { latent: true }),
    await vae.logLikelihood(rows, { samples: 50 }),
    await vae.anomalyScore(rows),
    await vae.refine(rows, { steps: 2 }),
    vae.parameters(),
    vae.history,
    vae.config,
  ]
  for (const result of results) expect(structuredClone(result)).toEqual(result)
})

test('results that were cloned are taken as they were', async () => {
  const { mean, groups } = structuredClone(await vae.encode(rows))
  expect(groups).toHaveLength(2)
  const z = structuredClone(await vae.sample(3, { latent: true })).z
  expect(await vae.decode(z)).toEqual(await vae.decode({ data: Array.from(z.data), shape: z.shape }))
  expect((await vae.decode(mean ?? z)).shape).toEqual([3, 2])
  const copy = new VAE(json(structuredClone(vae.config)))
  expect(copy.config).toEqual(vae.config)
})

test('a history is plotted as before, also with a loss that JSON cannot hold', async () => {
  const history: History = {
    epochs: [1, 2, 3].map((epoch) => ({
      ...{ epoch, loss: 3 / epoch, reconstruction: 2 / epoch, kl: 1 / epoch, seconds: 1 },
      validation: { loss: epoch === 2 ? Number.POSITIVE_INFINITY : 4 / epoch, reconstruction: 1, kl: 1 },
    })),
  }
  const chart = await lossChart(history)
  expect(await lossChart(structuredClone(history))).toBe(chart)
  expect(json(history).epochs[1]?.validation?.loss).toBe(null)
  expect(await lossChart(json(history))).toBe(chart)
  expect(await lossChart(json(vae.history))).toBe(await lossChart(vae.history))
})
