/** One signal for many calls, and signals that are not AbortSignals. */

import { getEventListeners } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { AbortError, VAE } from '../src/index.js'
import { bits } from './helpers/data.js'

const vae = new VAE({ input: 4, encoder: [3], latent: 2, decoder: [3] })
const rows = [[0, 1, 0, 1]]
const warnings: string[] = []
const note = (warning: Error) => warnings.push(warning.message)
beforeEach(() => {
  warnings.length = 0
  process.on('warning', note)
})
afterEach(() => {
  process.off('warning', note)
})

test('a hundred calls on a signal leave one listener while they run, none afterwards, and no warning', async () => {
  const { signal } = new AbortController()
  const calls = Promise.all(Array.from({ length: 100 }, () => vae.encode(rows, { signal })))
  await vae.encode(rows, { signal })
  expect(getEventListeners(signal, 'abort').length).toBeLessThanOrEqual(1)
  await calls
  await vae.fit(rows, { signal, epochs: 20, verbose: false, callbacks: [{ onEpochEnd: () => Promise.resolve() }] })
  await new Promise(setImmediate)
  expect(getEventListeners(signal, 'abort')).toEqual([])
  expect(warnings).toEqual([])
})

test('all calls on a signal end when it is aborted, those that run and those that wait', async () => {
  const controller = new AbortController()
  const { signal } = controller
  const x = new Float32Array(4 * 20_000)
  const calls = [
    vae.fit(x, { signal, epochs: 1e6, verbose: false }),
    ...Array.from({ length: 20 }, () => vae.logLikelihood(x, { signal, samples: 1e5 })),
  ]
  setTimeout(() => controller.abort('enough'), 30)
  const answers = await Promise.allSettled(calls)
  for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason: expect.any(AbortError) })
  expect(getEventListeners(signal, 'abort')).toEqual([])
  await expect(vae.encode(rows, { signal })).rejects.toMatchObject({ code: 'ABORT_ERR', cause: 'enough' })
})

test('a signal that is no AbortSignal needs every member that is used, and is checked before anything is done', async () => {
  const before = bits(vae)
  const whole = { aborted: false, addEventListener() {}, removeEventListener() {} }
  for (const missing of Object.keys(whole)) {
    const signal = { ...whole, [missing]: undefined } as unknown as AbortSignal
    await expect(vae.fit(rows, { signal, verbose: false })).rejects.toThrow('Expected an AbortSignal for signal')
    await expect(vae.encode(rows, { signal })).rejects.toThrow('Expected an AbortSignal for signal')
  }
  expect(bits(vae)).toEqual(before)
  await expect(vae.encode(rows, { signal: whole as unknown as AbortSignal })).resolves.toBeDefined()
})
