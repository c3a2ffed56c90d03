/** Aborting work: soon, cleanly, and with a model that can still be used. */

import { getEventListeners } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { AbortError, VAE } from '../src/index.js'
import { bits, curve, rowsOf, small } from './helpers/data.js'

const x = curve(100)
/** Long enough that only an abort ends it. */
const endless = { epochs: 1_000_000, verbose: false } as const

/** Aborts work that runs, and gives how long it took to reject. */
async function abortAndTime(begin: (signal: AbortSignal) => Promise<unknown>): Promise<{ error: unknown; ms: number }> {
  const controller = new AbortController()
  const work = begin(controller.signal).then(
    () => 'it was not aborted',
    (error: unknown) => error,
  )
  await setTimeout(150)
  const start = performance.now()
  controller.abort('enough')
  const error = await work
  return { error, ms: performance.now() - start }
}

const aborted = expect.objectContaining({ name: 'AbortError', code: 'ABORT_ERR', cause: 'enough' })

describe('a fit that is aborted', () => {
  test('rejects with an AbortError within 100 ms, and the model stays usable', async () => {
    const vae = new VAE(small)
    const before = bits(vae)
    const { error, ms } = await abortAndTime((signal) => vae.fit(x, { ...endless, signal }))
    expect(error).toBeInstanceOf(AbortError)
    expect(error).toEqual(aborted)
    expect(ms).toBeLessThan(100)
    expect(bits(vae)).not.toEqual(before)
    expect((await vae.evaluate(x)).loss).toBeLessThan(100)
    const more = await vae.fit(x, { epochs: 1, verbose: false })
    expect(more.epochs[0]?.epoch).toBe(vae.history.epochs.length)
  })

  test('within a long epoch keeps the last completed step', async () => {
    const wide = { input: 400, encoder: [1000], latent: 20, decoder: [1000] }
    const data = curve(20_000, 400)
    const vae = new VAE(wide)
    let steps = 0
    const callbacks = { onBatchEnd: () => ++steps }
    const { error, ms } = await abortAndTime((signal) => vae.fit(data, { ...endless, signal, callbacks }))
    expect(error).toEqual(aborted)
    expect(ms).toBeLessThan(100)
    expect(steps).toBeGreaterThan(0)
    expect(vae.history.epochs).toHaveLength(0)
    const parameters = Object.values(vae.parameters())
    expect(parameters.every(({ data }) => data.every(Number.isFinite))).toBe(true)
  })

  test('within an epoch leaves the parameters that so many steps make, bit for bit', async () => {
    const rows = curve(20_000)
    const options = { epochs: 1, batchSize: 8, shuffle: false, verbose: false } as const
    const vae = new VAE(small)
    const controller = new AbortController()
    let steps = 0
    const callbacks = { onBatchEnd: () => ++steps === 5 && controller.abort('enough') }
    await expect(vae.fit(rows, { ...options, signal: controller.signal, callbacks })).rejects.toEqual(aborted)
    expect(steps).toBeGreaterThanOrEqual(5)
    expect(steps).toBeLessThan(2500)
    const alone = new VAE(small)
    await alone.fit(rowsOf(rows, 0, 8 * steps), options)
    expect(bits(vae)).toEqual(bits(alone))
  })

  test('within the last step of an epoch keeps the whole epoch, as the history does', async () => {
    const vae = new VAE(small)
    const controller = new AbortController()
    const callbacks = { onBatchEnd: (batch: number) => batch === 4 && controller.abort('enough') }
    const options = { ...endless, batchSize: 20, signal: controller.signal, callbacks }
    await expect(vae.fit(x, options)).rejects.toEqual(aborted)
    expect(vae.history.epochs).toHaveLength(1)
    expect((await vae.fit(x, { epochs: 1, verbose: false })).epochs[0]?.epoch).toBe(2)
  })

  test('within a step longer than 100 ms rejects within 100 ms, and the step ends by itself', async () => {
    const rows = curve(3000, 1000)
    const vae = new VAE({ input: 1000, encoder: [2000], decoder: [2000], latent: 10 })
    const options = { ...endless, batchSize: 3000, threads: 1 }
    const { error, ms } = await abortAndTime((signal) => vae.fit(rows, { ...options, signal }))
    expect(error).toEqual(aborted)
    expect(ms).toBeLessThan(100)
    // Not an error: both wait for the rest of the step.
    const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
    await vae.save(folder)
    expect(bits(await VAE.load(folder))).toEqual(bits(vae))
    await rm(folder, { recursive: true })
    await vae.fit(rowsOf(rows, 0, 10), { epochs: 1, verbose: false })
    const numbers = vae.history.epochs.map(({ epoch }) => epoch)
    expect(numbers).toEqual(numbers.map((_, i) => i + 1))
  })

  test('while a callback is awaited does not wait for it', async () => {
    const vae = new VAE(small)
    const callbacks = { onEpochEnd: () => new Promise(() => {}) }
    const { error, ms } = await abortAndTime((signal) => vae.fit(x, { ...endless, signal, callbacks }))
    expect(error).toEqual(aborted)
    expect(ms).toBeLessThan(100)
    expect(vae.history.epochs).toHaveLength(1)
  })

  test('by its own callback ends there', async () => {
    const controller = new AbortController()
    const vae = new VAE(small)
    const callbacks = { onEpochEnd: (epoch: number) => epoch === 2 && controller.abort('enough') }
    await expect(vae.fit(x, { ...endless, signal: controller.signal, callbacks })).rejects.toEqual(aborted)
    expect(vae.history.epochs).toHaveLength(2)
  })

  test('calls no callback after it has rejected', async () => {
    let over = false
    let late = 0
    const called = () => {
      if (over) late++
    }
    const callbacks = { onBatchBegin: called, onBatchEnd: called, onEpochEnd: called, onTrainEnd: called }
    await abortAndTime((signal) => new VAE(small).fit(x, { ...endless, signal, callbacks }))
    over = true
    await setTimeout(50)
    expect(late).toBe(0)
  })
})

describe('other work that is aborted', () => {
  test('rejects within 100 ms', async () => {
    const vae = new VAE({ input: 400, encoder: [1000], latent: 20, decoder: [1000] })
    const data = curve(2000, 400)
    const { error, ms } = await abortAndTime((signal) => vae.logLikelihood(data, { samples: 1_000_000, signal }))
    expect(error).toEqual(aborted)
    expect(ms).toBeLessThan(100)
    // The core is free for the next call.
    const start = performance.now()
    await vae.sample(1)
    await vae.fit(data, { epochs: 1, verbose: false })
    expect(performance.now() - start).toBeLessThan(10_000)
  })
})

describe('work of many passes for a row that is aborted rejects within 100 ms', () => {
  const config = (units: number) =>
    ({ input: 400, encoder: [300], latent: { type: 'bernoulli', units }, decoder: [300] }) as const
  test.each<[string, number, (vae: VAE, signal: AbortSignal) => Promise<unknown>]>([
    ['refine of many switches', 64, (vae, signal) => vae.refine(curve(200, 400), { signal })],
    ['refine over all states', 12, (vae, signal) => vae.refine(curve(2000, 400), { signal })],
    ['an exact sum', 20, (vae, signal) => vae.logLikelihood(curve(10, 400), { signal, method: 'exact' })],
    ['a refined proposal', 64, (vae, signal) => vae.logLikelihood(curve(200, 400), { signal, proposal: 'refined' })],
  ])('%s', async (_name, units, call) => {
    const vae = new VAE(config(units))
    const { error, ms } = await abortAndTime((signal) => call(vae, signal))
    expect(error).toEqual(aborted)
    expect(ms).toBeLessThan(100)
    // The core is free for the next call.
    const start = performance.now()
    await vae.sample(1)
    expect(performance.now() - start).toBeLessThan(2000)
  })
})

describe('a signal', () => {
  const methods: [string, (vae: VAE, signal: AbortSignal) => Promise<unknown>][] = [
    ['fit', (vae, signal) => vae.fit(x, { signal, verbose: false, epochs: 1 })],
    ['evaluate', (vae, signal) => vae.evaluate(x, { signal })],
    ['encode', (vae, signal) => vae.encode(x, { signal })],
    ['decode', (vae, signal) => vae.decode([[0, 0]], { signal })],
    ['reconstruct', (vae, signal) => vae.reconstruct(x, { signal })],
    ['sample', (vae, signal) => vae.sample(2, { signal })],
    ['logLikelihood', (vae, signal) => vae.logLikelihood(x, { signal, samples: 5 })],
    ['anomalyScore', (vae, signal) => vae.anomalyScore(x, { signal })],
    ['refine', (vae, signal) => vae.refine(x, { signal, steps: 2 })],
  ]

  test.each(methods)('that is aborted already keeps %s from beginning', async (_name, call) => {
    const vae = new VAE(small)
    const before = bits(vae)
    await expect(call(vae, AbortSignal.abort('enough'))).rejects.toEqual(aborted)
    expect(bits(vae)).toEqual(before)
    expect(vae.history.epochs).toHaveLength(0)
  })

  test.each(methods)('that is never aborted lets %s end, and is released', async (_name, call) => {
    const { signal } = new AbortController()
    await call(new VAE(small), signal)
    expect(getEventListeners(signal, 'abort')).toHaveLength(0)
  })

  test('that is aborted is released too', async () => {
    const controller = new AbortController()
    const work = new VAE(small).fit(x, { ...endless, signal: controller.signal })
    await setTimeout(20)
    controller.abort()
    await expect(work).rejects.toBeInstanceOf(AbortError)
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
  })

  test('may be a timeout', async () => {
    const signal = AbortSignal.timeout(30)
    const error = await new VAE(small).fit(x, { ...endless, signal }).catch((error: unknown) => error)
    expect(error).toMatchObject({ name: 'AbortError', cause: { name: 'TimeoutError' } })
  })
})
