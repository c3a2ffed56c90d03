/** `dispose` of models and data sets frees their memory; using them afterwards is an error. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { Dataset, VAE } from '../src/index.js'
import { curve, small } from './helpers/data.js'

const x = curve(40)
const disposed = { name: 'VAEError', code: 'DISPOSED' }

describe('a model that is disposed of', () => {
  const model = () => {
    const vae = new VAE(small)
    vae.dispose()
    return vae
  }

  test.each<[string, (vae: VAE) => Promise<unknown>]>([
    ['fit', (vae) => vae.fit(x, { epochs: 1, verbose: false })],
    ['evaluate', (vae) => vae.evaluate(x)],
    ['encode', (vae) => vae.encode(x)],
    ['decode', (vae) => vae.decode(new Float32Array(2))],
    ['reconstruct', (vae) => vae.reconstruct(x)],
    ['sample', (vae) => vae.sample(1)],
    ['refine', (vae) => vae.refine(x)],
    ['logLikelihood', (vae) => vae.logLikelihood(x)],
    ['anomalyScore', (vae) => vae.anomalyScore(x)],
    ['save', (vae) => vae.save(join(tmpdir(), 'aevb-never'))],
  ])('rejects %s with a code of its own', async (_name, use) => {
    await expect(use(model())).rejects.toMatchObject(disposed)
  })

  test('throws it from the methods that give no promise', () => {
    for (const use of [(vae: VAE) => vae.encodeSync(x), (vae: VAE) => vae.parameters(), (vae: VAE) => vae.summary()]) {
      expect(() => use(model())).toThrow(expect.objectContaining(disposed))
    }
  })

  test('still has its config and history, and may be disposed of again', async () => {
    const vae = new VAE(small)
    await vae.fit(x, { epochs: 2, verbose: false })
    vae.dispose()
    vae[Symbol.dispose]()
    expect(vae.config).toMatchObject({ input: 12 })
    expect(vae.history.epochs).toHaveLength(2)
  })

  test('cancels what runs and what waits', async () => {
    const vae = new VAE(small)
    let begun = () => {}
    const trains = new Promise<void>((resolve) => {
      begun = resolve
    })
    const work = [
      vae.fit(x, { epochs: 1e6, verbose: false, callbacks: { onBatchEnd: () => begun() } }),
      trains.then(() => vae.logLikelihood(curve(4000), { samples: 100_000 })),
    ]
    const settled = Promise.allSettled(work)
    await trains
    await sleep(20)
    vae.dispose()
    for (const { status, ...rest } of await settled) {
      expect(status).toBe('rejected')
      expect(rest).toMatchObject({ reason: disposed })
    }
  })

  test('ends a fit from within its own callback', async () => {
    const vae = new VAE(small)
    const fit = vae.fit(x, { epochs: 5, verbose: false, callbacks: { onEpochEnd: () => vae.dispose() } })
    await expect(fit).rejects.toMatchObject(disposed)
    expect(vae.history.epochs).toHaveLength(1)
  })

  test('is written whole if its save has begun', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'aevb-dispose-'))
    try {
      const vae = new VAE(small)
      const before = vae.encodeSync(x).mean.data
      const saved = vae.save(folder)
      vae.dispose()
      const [ended] = await Promise.allSettled([saved])
      if (ended?.status === 'fulfilled') expect((await VAE.load(folder)).encodeSync(x).mean.data).toEqual(before)
      else expect(ended?.reason).toMatchObject(disposed)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('a Dataset that is disposed of', () => {
  test('throws from every use of it, and is shown as what it is', async () => {
    const data = new Dataset(x)
    data.dispose()
    data[Symbol.dispose]()
    expect(() => data.rows).toThrow(expect.objectContaining(disposed))
    expect(() => data.columns).toThrow(expect.objectContaining(disposed))
    expect(() => data.slice(0)).toThrow(expect.objectContaining(disposed))
    expect(() => new VAE(small).encodeSync(data)).toThrow(expect.objectContaining(disposed))
    await expect(new VAE(small).encode(data)).rejects.toMatchObject(disposed)
    expect(inspect(data)).toBe('Dataset, disposed of')
  })

  test('leaves its slices as they are', async () => {
    const vae = new VAE(small)
    const data = new Dataset(x)
    const part = data.slice(3, 7)
    const before = (await vae.encode(part)).mean.data
    data.dispose()
    expect((await vae.encode(part)).mean.data).toEqual(before)
  })

  test('does not disturb a call that has reached the rows, and ends a fit between two epochs', async () => {
    const vae = new VAE(small)
    const data = new Dataset(x)
    const fit = vae.fit(data, { epochs: 5, verbose: false, callbacks: { onEpochEnd: () => data.dispose() } })
    await expect(fit).rejects.toMatchObject(disposed)
    expect(vae.history.epochs).toHaveLength(1)
    expect((await vae.encode(x)).mean.shape).toEqual([40, 2])
  })
})
