/** Training leaves the event loop free. */

import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Dataset, mnist, VAE } from '../src/index.js'

test('the event loop is never late by 20 ms at the 99th percentile while the reference model trains', async () => {
  const { train } = await mnist()
  const data = new Dataset(train.images)
  const vae = new VAE()
  const delay = monitorEventLoopDelay({ resolution: 1 })
  let batches = 0
  // The delays before training, in which 55 MB are read, do not count.
  await setTimeout(50)
  delay.enable()
  await vae.fit(data, { epochs: 2, verbose: false, callbacks: { onBatchEnd: () => ++batches } })
  delay.disable()
  expect(batches).toBe(2 * Math.ceil(60000 / 128))
  expect(delay.count).toBeGreaterThan(100)
  expect(delay.percentile(99) / 1e6).toBeLessThan(20)
})
