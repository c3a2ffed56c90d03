// How far off an estimate of log p(x) is, what it says of that itself, and what a better proposal does: the reference
// model on MNIST, the same test images with several seeds. An estimate is low if a few draws hold most of the weight,
// which the shape k̂ of the weights' tail tells: above 0.7 the standard error does not hold.

import { mnist, VAE } from 'aevb'
import { done, firstRows, size, step, table } from './lib/example.mjs'

const SEEDS = 8
const samples = size(5000, 100)
const { train, test } = await mnist()
const rows = firstRows(train.images, size(60000, 1000))
const held = firstRows(test.images, size(100, 10))

step('Training')
const vae = new VAE()
await vae.fit(rows, { epochs: size(5, 1) })

const ways = {
  posterior: { samples },
  defensive: { samples, proposal: 'defensive' },
  refined: { samples, proposal: 'refined' },
  'posterior, adaptive': { samples: 'adaptive', maxSamples: size(40_000, 200) },
  'refined, adaptive': { samples: 'adaptive', maxSamples: size(40_000, 200), proposal: 'refined' },
}

const lines = []
for (const [name, options] of Object.entries(ways)) {
  step(name)
  const begin = performance.now()
  const runs = []
  for (let seed = 0; seed < SEEDS; seed++) runs.push(await vae.logLikelihood(held, { ...options, seed }))
  const seconds = (performance.now() - begin) / 1000 / SEEDS
  const average = (of) => runs.reduce((sum, run) => sum + of(run), 0) / SEEDS
  const mean = average((run) => run.mean)
  lines.push([
    name,
    mean.toFixed(2),
    average(({ standardError }) => standardError).toFixed(3),
    Math.sqrt((average((run) => (run.mean - mean) ** 2) * SEEDS) / (SEEDS - 1)).toFixed(3),
    average(({ paretoK }) => paretoK.filter((k) => k <= 0.7).length).toFixed(0),
    seconds.toFixed(1),
  ])
}
table(['proposal', 'log p(x)', 'standard error', `spread over ${SEEDS} seeds`, 'images with k̂ ≤ 0.7', 'seconds'], lines)
done()
