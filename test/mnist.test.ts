/** The main job: `new VAE().fit()` trains the reference model on MNIST. */

import { expect, test } from 'vitest'
import { mnist, VAE } from '../src/index.js'

test('fit without data trains on MNIST’s training images', async () => {
  const alone = await new VAE().fit(undefined, { epochs: 1, verbose: false })
  const { train } = await mnist()
  const given = await new VAE().fit(train.images, { epochs: 1, verbose: false })
  expect(alone.epochs[0]?.loss).toBe(given.epochs[0]?.loss)
  // The notebook's first epoch has 147.48.
  expect(alone.epochs[0]?.loss).toBeGreaterThan(140)
  expect(alone.epochs[0]?.loss).toBeLessThan(152)
})
