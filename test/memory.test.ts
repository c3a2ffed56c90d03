/** Asking for more memory than there is. */

import { expect, test } from 'vitest'
import { VAE } from '../src/index.js'

test('more samples than fit into memory are refused without a crash', async () => {
  const vae = new VAE({ latent: 1, decoder: [] })
  await expect(vae.sample(2 ** 31 - 1)).rejects.toMatchObject({ name: 'VAEError', code: 'OUT_OF_MEMORY' })
  expect((await vae.sample(1)).shape).toEqual([1, 784])
})
