// Trains every model of test/fixtures/bits/cases.json for a short time, on the instruction set that AEVB_ISA names.
// Prints, as JSON, a digest of the bits of each model's parameters and one of its results.

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { backend, VAE } from 'aevb'

const { cases } = JSON.parse(readFileSync(new URL('../fixtures/bits/cases.json', import.meta.url), 'utf8'))

/** mulberry32: uniform in [0, 1). */
function generator(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

/** [rows, columns] within a likelihood's domain, made without the mathematical functions of any library. */
function matrix({ domain, classes }, rows, columns, random) {
  const integer = (below) => Math.floor(random() * below)
  const cell = {
    // Mostly zeros, as pictures are.
    unit: () => (random() < 0.6 ? 0 : random() < 0.3 ? 1 : random()),
    real: () => 3 * (random() + random() + random()) - 4.5,
    counts: () => (random() < 0.5 ? 0 : integer(7)),
  }[domain]
  const row = () => {
    if (cell) return Array.from({ length: columns }, cell)
    if (domain === 'codes') return classes.map(integer)
    return classes.flatMap((count) => {
      const chosen = integer(count)
      return Array.from({ length: count }, (_, i) => (i === chosen ? 1 : 0))
    })
  }
  return { data: Float32Array.from(Array.from({ length: rows }, row).flat()), shape: [rows, columns] }
}

function digest(values) {
  const hash = createHash('sha256')
  const add = (value) => {
    if (ArrayBuffer.isView(value)) hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    else if (typeof value === 'number') hash.update(new Uint8Array(Float64Array.of(value).buffer))
    else if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) add(part)
  }
  add(values)
  return hash.digest('hex').slice(0, 16)
}

async function digests({ config, fit, rows, data, condition }, i) {
  const random = generator(1000 + i)
  const x = matrix(data, rows, data.columns, random)
  const known = condition && matrix(condition, rows, condition.columns, random)
  const options = known ? { condition: known, threads: 2 } : { threads: 2 }
  const vae = new VAE(config)
  const losses = []
  const callbacks = { onBatchEnd: (_, { loss, kl }) => losses.push(loss, kl) }
  const diverged = await vae.fit(x, { ...fit, ...options, callbacks, verbose: false }).then(
    () => false,
    ({ code }) => code === 'DIVERGED',
  )
  const parameters = digest([vae.parameters(), losses])
  if (diverged) return [parameters, 'diverged']
  const bayesian = config.objective?.deterministic !== true
  const seeded = { ...options, seed: 3 }
  const answers = digest([
    await vae.encode(x, { ...seeded, draw: bayesian }),
    await vae.evaluate(x, { ...seeded, samples: 3 }),
    await vae.reconstruct(x, options),
    await vae.reconstruct(x, { ...seeded, draw: true }),
    (await vae.sample(rows, { ...seeded, draw: true, latent: true })).z,
    await vae.sample(rows, seeded),
    await vae.anomalyScore(x, options),
    bayesian && (await vae.logLikelihood(x, { ...seeded, samples: 150 })),
    bayesian && (await vae.refine(x, { ...seeded, steps: 2 })),
  ])
  return [parameters, answers]
}

const all = []
for (const [i, each] of cases.entries()) {
  all.push(each.fit.precision === 'bfloat16' && !backend().bfloat16 ? null : await digests(each, i))
}
console.log(JSON.stringify(all))
