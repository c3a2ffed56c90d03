// The evidence lower bound beside what it bounds. In a linear-Gaussian model, p(z) = N(0, I) and p(x|z) = N(W z + b, v I),
// both the evidence and the true posterior are known:
//
//   p(x) = N(b, W Wᵀ + v I),   p(z|x) = N(P⁻¹ Wᵀ (x − b) / v, P⁻¹)   with   P = I + Wᵀ W / v
//
// so −log p(x) can be drawn beside −ELBO = −log p(x) + KL(q(z|x) ‖ p(z|x)). The data are MNIST's images with each block of
// 4×4 pixels averaged: 7×7 = 49 numbers between 0 and 1.
//
// 1. A model with a full covariance and one with a diagonal one are trained, and both numbers are followed.
// 2. The decoder of the first is held, and q moves on a straight line through the best of its family: with a full
//    covariance that is the true posterior, and the bound touches; with a diagonal one it stays the gap
//    ½ (Σ log P_ii − log det P) away, whose only cause is what the posterior's dimensions have to do with each other.

import { mnist, VAE } from 'aevb'
import { colours, svg } from './lib/chart.mjs'
import { done, firstRows, picture, size, step, table, willDraw } from './lib/example.mjs'
import { modelWith } from './lib/parameters.mjs'

await willDraw('bound.svg')

const UNITS = 6
const VARIANCE = 0.01
const FEATURES = 49

/** 7×7 means of blocks of 4×4 pixels, in [0, 1]. */
function coarse({ data, shape: [rows] }) {
  const means = new Float32Array(rows * FEATURES)
  for (let i = 0; i < data.length; i++) {
    const [row, pixel] = [Math.floor(i / 784), i % 784]
    const block = 7 * Math.floor(pixel / 112) + Math.floor((pixel % 28) / 4)
    means[row * FEATURES + block] += data[i] / (255 * 16)
  }
  return { data: means, shape: [rows, FEATURES] }
}

// Matrices are arrays of rows.

/** The lower triangular C with C Cᵀ = m. */
function cholesky(m) {
  const c = m.map((row) => row.map(() => 0))
  for (let i = 0; i < m.length; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = m[i][j]
      for (let k = 0; k < j; k++) sum -= c[i][k] * c[j][k]
      c[i][j] = i === j ? Math.sqrt(sum) : sum / c[j][j]
    }
  }
  return c
}

/** C y = x for y. */
function solveLower(c, x) {
  const y = []
  for (let i = 0; i < x.length; i++) {
    let sum = x[i]
    for (let k = 0; k < i; k++) sum -= c[i][k] * y[k]
    y.push(sum / c[i][i])
  }
  return y
}

const logDeterminant = (c) => 2 * c.reduce((sum, row, i) => sum + Math.log(row[i]), 0)
const identity = (n) => Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => (i === j ? 1 : 0)))

/** The inverse of C Cᵀ, column by column of C⁻¹. */
function inverse(c) {
  const columns = identity(c.length).map((unit) => solveLower(c, unit))
  return columns.map((a) => columns.map((b) => a.reduce((sum, value, i) => sum + value * b[i], 0)))
}

/** W as rows, and b. */
function decoderOf(vae) {
  const { 'likelihood.mean.weight': weight, 'likelihood.mean.bias': bias } = vae.parameters()
  const w = Array.from({ length: FEATURES }, (_, d) => [...weight.data.subarray(d * UNITS, (d + 1) * UNITS)])
  return { w, b: bias.data }
}

/** The mean of −log p(x) over the rows, exactly. */
function exactLoss({ w, b }, { data, shape: [rows] }) {
  const c = cholesky(
    w.map((a, i) => w.map((o, j) => a.reduce((sum, value, k) => sum + value * o[k], i === j ? VARIANCE : 0))),
  )
  let squares = 0
  for (let row = 0; row < rows; row++) {
    const difference = Array.from(b, (mean, d) => data[row * FEATURES + d] - mean)
    for (const y of solveLower(c, difference)) squares += y * y
  }
  return 0.5 * (FEATURES * Math.log(2 * Math.PI) + logDeterminant(c) + squares / rows)
}

/** P. */
function precisionOf({ w }) {
  return identity(UNITS).map((row, i) =>
    row.map((one, j) => one + w.reduce((sum, feature) => sum + feature[i] * feature[j], 0) / VARIANCE),
  )
}

/**
 * An encoder whose parameters are t times those of the best one, W and b being held: 0 is the prior, and 1, with a full
 * covariance, the true posterior. The best diagonal one has the same mean, and the variances 1 / P_ii.
 */
async function modelAt(t, covariance, decoder) {
  const { w, b } = decoder
  const p = precisionOf(decoder)
  const s = inverse(cholesky(p))
  const a = s.map((row) => w.map((feature) => row.reduce((sum, value, j) => sum + (value * feature[j]) / VARIANCE, 0)))
  const c = cholesky(s)
  const tensor = (values, shape) => ({ data: Float32Array.from(values), shape })
  const below = c.flatMap((row, i) => row.slice(0, i))
  const logVariance = p.map((row, i) => (covariance === 'full' ? 2 * Math.log(c[i][i]) : -Math.log(row[i])))
  const constant = (name, values) => ({
    [`latent.${name}.weight`]: tensor(new Float32Array(values.length * FEATURES), [values.length, FEATURES]),
    [`latent.${name}.bias`]: tensor(
      values.map((value) => t * value),
      [values.length],
    ),
  })
  return modelWith(configOf(covariance), {
    'latent.mean.weight': tensor(
      a.flat().map((value) => t * value),
      [UNITS, FEATURES],
    ),
    'latent.mean.bias': tensor(
      a.map((row) => -t * row.reduce((sum, value, d) => sum + value * b[d], 0)),
      [UNITS],
    ),
    ...constant('logVariance', logVariance),
    ...(covariance === 'full' ? constant('cholesky', below) : {}),
    'likelihood.mean.weight': tensor(w.flat(), [FEATURES, UNITS]),
    'likelihood.mean.bias': tensor(b, [FEATURES]),
  })
}

const configOf = (covariance) => ({
  input: FEATURES,
  encoder: [],
  latent: { type: 'gaussian', units: UNITS, covariance },
  decoder: [],
  likelihood: { type: 'gaussian', variance: VARIANCE },
  scale: 'none', // the mathematics above is of the pixels as they are
})

const images = await mnist()
const train = coarse(firstRows(images.train.images, size(60000, 5000)))
const test = coarse(firstRows(images.test.images, size(10000, 500)))
const samples = size(64, 16)

const curves = []
const trained = {}
for (const covariance of ['full', 'diagonal']) {
  step(`Training with a ${covariance} covariance`)
  const vae = new VAE(configOf(covariance))
  const follow = async (epoch) => {
    const { loss } = await vae.evaluate(test, { samples })
    const exact = exactLoss(decoderOf(vae), test)
    trained[covariance] = { vae, loss, exact }
    curves.push({ epoch, curve: `−ELBO, ${covariance}`, nats: loss })
    curves.push({ epoch, curve: `−log p(x), ${covariance}`, nats: exact })
  }
  await vae.fit(train, { epochs: size(30, 2), schedule: 'cosine', callbacks: { onEpochEnd: follow } })
}
table(
  ['trained with', '−ELBO', '−log p(x), exact', 'gap'],
  Object.entries(trained).map(([covariance, { loss, exact }]) => [
    `${covariance} covariance`,
    loss.toFixed(3),
    exact.toFixed(3),
    (loss - exact).toFixed(3),
  ]),
)

step('Moving q along a line, the decoder of the full one held')
const decoder = decoderOf(trained.full.vae)
const exact = exactLoss(decoder, test)
const line = []
const best = {}
for (const covariance of ['full', 'diagonal']) {
  for (let i = 0; i <= 16; i++) {
    const t = 0.9 + i / 80
    const vae = await modelAt(t, covariance, decoder)
    const { loss } = await vae.evaluate(test, { samples })
    line.push({ t, curve: `−ELBO, ${covariance}`, nats: loss })
    if (i === 8) best[covariance] = { vae, loss }
  }
}
const p = precisionOf(decoder)
const gap = 0.5 * (p.reduce((sum, row, i) => sum + Math.log(row[i]), 0) - logDeterminant(cholesky(p)))
table(
  ['at the best of its family', '−ELBO', '−log p(x), exact', 'gap', 'gap in theory'],
  ['full', 'diagonal'].map((covariance) => [
    `${covariance} covariance`,
    best[covariance].loss.toFixed(3),
    exact.toFixed(3),
    (best[covariance].loss - exact).toFixed(3),
    (covariance === 'full' ? 0 : gap).toFixed(3),
  ]),
)
const rows = firstRows(test, size(1000, 100))
const ofRows = exactLoss(decoder, rows)
for (const covariance of ['full', 'diagonal']) {
  const { mean, standardError, reliable } = await best[covariance].vae.logLikelihood(rows, { samples: size(1000, 100) })
  console.log(
    `${covariance === 'full' ? '\n' : ''}logLikelihood of ${rows.shape[0]} rows, q ${covariance}: ` +
      `${mean.toFixed(4)}, standard error ${standardError.toExponential(1)}${reliable ? '' : ' (not for all rows)'}, ` +
      `exact ${(-ofRows).toFixed(4)}`,
  )
}

const keys = ['−ELBO, full', '−log p(x), full', '−ELBO, diagonal', '−log p(x), diagonal'].map((name, i) => ({
  name,
  mark: 'line',
  colour: colours[i],
  dash: name.startsWith('−log') ? '5 3' : undefined,
}))
/** A chart of the curves whose points these are. */
const chart = (plot, x, points) => ({
  width: 440,
  height: 340,
  marginLeft: 50,
  marginBottom: 40,
  grid: true,
  x: { labelAnchor: 'center', labelArrow: 'none', ...x },
  y: { label: 'nats per image', labelArrow: 'none', nice: true },
  marks: [
    plot.frame({ stroke: '#bbb' }),
    keys.map(({ name, colour, dash }) =>
      plot.line(
        points.filter(({ curve }) => curve === name),
        { x: x.label, y: 'nats', stroke: colour, strokeWidth: 2, strokeDasharray: dash },
      ),
    ),
  ],
})
// The first epochs lie far above what is to be seen.
const last = Math.max(trained.full.loss, trained.diagonal.loss)
await picture(
  'bound.svg',
  await svg({
    title: 'q on a line through the best of its family, decoder held (t: 1 is the best, 0 the prior), and in training',
    keys,
    charts: (plot) => [
      chart(plot, { label: 't' }, [
        ...line,
        ...line.filter((_, i) => i < 17).map(({ t }) => ({ t, curve: '−log p(x), full', nats: exact })),
      ]),
      chart(
        plot,
        { label: 'epoch', tickFormat: 'd', interval: 1 },
        curves.map((point) => ({ ...point, nats: Math.min(point.nats, last + 8) })),
      ),
    ],
  }),
  'the bound and what it bounds: on a line through the posterior, and in training',
)
done()
