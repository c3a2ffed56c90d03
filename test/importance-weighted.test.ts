/** What the importance-weighted bound is for: training with it gives a better model than training with the ELBO. */

import { expect, test } from 'vitest'
import { mnist, type Objective, VAE } from '../src/index.js'
import { rowsOf } from './helpers/data.js'

/** log p(x) of a hundred test images, on stochastically binarised MNIST (Burda et al. 2016, section 5). */
async function logLikelihoods(objective: Objective): Promise<Float64Array> {
  const { train, test: held } = await mnist()
  const vae = new VAE({ latent: 20, likelihood: { type: 'bernoulli', binarize: 'stochastic' }, objective })
  const options = { epochs: 4, batchSize: 50, learningRate: 0.003, schedule: 'cosine', verbose: false } as const
  await vae.fit(rowsOf(train.images, 0, 10_000), options)
  return (await vae.logLikelihood(rowsOf(held.images, 0, 100), { samples: 1000 })).perExample
}

test('on MNIST training with the importance-weighted bound of ten draws gives a higher log p(x) than the ELBO', {
  timeout: 120_000,
}, async () => {
  const elbo = await logLikelihoods({})
  const iwae = await logLikelihoods({ bound: 'iwae', samples: 10 })
  const differences = iwae.map((value, i) => value - (elbo[i] as number))
  const mean = differences.reduce((sum, value) => sum + value) / differences.length
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (differences.length - 1)
  const standardError = Math.sqrt(variance / differences.length)
  console.log(`log p(x) is higher by ${mean.toFixed(2)} ± ${standardError.toFixed(2)} nats`)
  // A difference this large happens by chance once in a thousand runs.
  expect(mean).toBeGreaterThan(3 * standardError)
})
