/** Every caller that waits for a model gets a turn. */

import { expect, test } from 'vitest'
import { Dataset, VAE } from '../src/index.js'
import { curve, small } from './helpers/data.js'

/** Callers that each have a pending call of encode until the test is over. */
function callersOf(vae: VAE, count: number): { served: () => number; stop: () => Promise<unknown> } {
  const data = new Dataset(curve(100))
  let open = true
  let served = 0
  const caller = async () => {
    for (; open; served++) await vae.encode(data)
  }
  const callers = Array.from({ length: count }, caller)
  return {
    served: () => served,
    stop: () => {
      open = false
      return Promise.all(callers)
    },
  }
}

test('a fit begins, and ends, while others encode without a pause', async () => {
  const vae = new VAE(small)
  const callers = callersOf(vae, 3)
  await vae.encode(curve(1))
  const before = callers.served()
  let begun = -1
  const callbacks = { onTrainBegin: () => (begun = callers.served()) }
  await vae.fit(curve(400), { epochs: 3, batchSize: 16, verbose: false, callbacks })
  // Calls that came while the fit's rows were checked are served before it, but not an endless sequence of them.
  expect(begun - before).toBeGreaterThanOrEqual(0)
  expect(begun - before).toBeLessThan(300)
  expect(callers.served()).toBeGreaterThan(begun)
  await callers.stop()
})

test('calls that come while a fit waits to begin are served as soon as it has', async () => {
  const vae = new VAE(small)
  const order: string[] = []
  const long = vae.logLikelihood(curve(200), { samples: 2000 }).then(() => order.push('before'))
  const data = new Dataset(curve(20))
  await vae.encode(data)
  const fit = vae.fit(data, { epochs: 1, verbose: false, callbacks: { onTrainBegin: () => order.push('begun') } })
  const reads = vae.encode(data).then(() => order.push('after'))
  await Promise.all([long, fit, reads])
  expect(order.indexOf('before')).toBeLessThan(order.indexOf('begun'))
  expect(order).toContain('after')
})

test('a fit that is aborted while it waits to begin delays no other call', async () => {
  const vae = new VAE(small)
  const controller = new AbortController()
  const long = vae.logLikelihood(curve(400), { samples: 5000 })
  const fit = vae.fit(curve(20), { epochs: 1, verbose: false, signal: controller.signal })
  setTimeout(() => controller.abort(), 5)
  await expect(fit).rejects.toMatchObject({ name: 'AbortError' })
  expect((await vae.encode(curve(2))).mean.shape).toEqual([2, 2])
  await long
})
