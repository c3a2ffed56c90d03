/** A model with known log p(x) and posterior: x = W z + b + σ ε with z and ε standard normal. Double, plain loops. */

import type { Tensor, VAE, VAEConfig } from '../../src/index.js'
import { vaeWith } from './vae-with.js'

type Vector = readonly number[]
type Matrix = readonly Vector[]

const at = (a: Matrix, i: number, j: number) => (a[i] as Vector)[j] as number
const square = (n: number, f: (i: number, j: number) => number): number[][] =>
  Array.from({ length: n }, (_, i) => Array.from({ length: n }, (_, j) => f(i, j)))
const dot = (a: Vector, b: Vector) => a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
export const transpose = (a: Matrix): number[][] => (a[0] as Vector).map((_, j) => a.map((row) => row[j] as number))
export const times = (a: Matrix, b: Matrix): number[][] => {
  const columns = transpose(b)
  return a.map((row) => columns.map((column) => dot(row, column)))
}
const apply = (a: Matrix, x: Vector): number[] => a.map((row) => dot(row, x))

/** The lower triangular L of A = L Lᵀ. */
export function cholesky(a: Matrix): number[][] {
  const l = a.map((row) => row.map(() => 0))
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = at(a, i, j) - dot((l[i] as Vector).slice(0, j), (l[j] as Vector).slice(0, j))
      ;(l[i] as number[])[j] = i === j ? Math.sqrt(rest) : rest / at(l, j, j)
    }
  }
  return l
}

/** L⁻¹ b by forward substitution. */
function forward(l: Matrix, b: Vector): number[] {
  const x: number[] = []
  for (let i = 0; i < b.length; i++) x.push(((b[i] as number) - dot((l[i] as Vector).slice(0, i), x)) / at(l, i, i))
  return x
}

/** The inverse of a symmetric positive definite matrix. */
function inverse(a: Matrix): number[][] {
  const l = cholesky(a)
  // Columns of L⁻¹: A⁻¹ = L⁻ᵀ L⁻¹.
  const columns = a.map((_, j) =>
    forward(
      l,
      a.map((_, i) => (i === j ? 1 : 0)),
    ),
  )
  return square(a.length, (i, j) => dot(columns[i] as Vector, columns[j] as Vector))
}

export const logDeterminant = (a: Matrix) =>
  2 * cholesky(a).reduce((sum, row, i) => sum + Math.log(row[i] as number), 0)

/** log N(x; mean, covariance) */
export function logNormal(x: Vector, mean: Vector, covariance: Matrix): number {
  const l = cholesky(covariance)
  const white = forward(
    l,
    x.map((value, i) => value - (mean[i] as number)),
  )
  return -0.5 * (dot(white, white) + x.length * Math.log(2 * Math.PI) + logDeterminant(covariance))
}

/** p(x|z) = N(W z + b, variance I). */
export class LinearGaussian {
  /** [D, U], rounded to float32: the numbers that the model computes with. */
  readonly w: Matrix
  readonly b: Vector
  readonly variance: number
  /** The covariance of x, W Wᵀ + σ² I. */
  readonly covariance: Matrix
  /** The precision of the posterior, I + Wᵀ W / σ², which is the same for every x. */
  readonly precision: Matrix
  /** The covariance of the posterior. */
  readonly posterior: Matrix
  /** [U, D]: the posterior's mean is this times x − b. */
  readonly gain: Matrix

  constructor(w: Matrix, b: Vector, variance: number) {
    this.w = w.map((row) => row.map(Math.fround))
    this.b = b.map(Math.fround)
    this.variance = variance
    const wt = transpose(this.w)
    const identity = (i: number, j: number) => (i === j ? 1 : 0)
    const outer = times(this.w, wt)
    const inner = times(wt, this.w)
    this.covariance = square(b.length, (i, j) => at(outer, i, j) + variance * identity(i, j))
    this.precision = square(wt.length, (i, j) => identity(i, j) + at(inner, i, j) / variance)
    this.posterior = inverse(this.precision)
    this.gain = times(this.posterior, wt).map((row) => row.map((value) => value / variance))
  }

  logLikelihood(x: Vector): number {
    return logNormal(x, this.b, this.covariance)
  }

  /** Rows that are drawn from the model itself. */
  rows(count: number, random: () => number): Tensor<Float32Array> {
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
    const rows = Array.from({ length: count }, () => {
      const mean = apply(
        this.w,
        (this.w[0] as Vector).map(() => normal()),
      )
      return mean.map((value, d) => value + (this.b[d] as number) + Math.sqrt(this.variance) * normal())
    })
    return { data: Float32Array.from(rows.flat()), shape: [count, this.b.length] }
  }

  /** log p(x) of each row of a tensor. */
  logLikelihoods({ data }: Tensor): number[] {
    const D = this.b.length
    const row = (i: number) => Array.from(data.slice(i * D, (i + 1) * D))
    return Array.from({ length: data.length / D }, (_, i) => this.logLikelihood(row(i)))
  }

  /** Without hidden layers, and with the decoder's parameters those of this model. */
  async vae(posterior: LinearPosterior, objective: VAEConfig['objective'] = {}): Promise<VAE> {
    const config = this.config(posterior.cholesky === undefined ? 'diagonal' : 'full', objective)
    return vaeWith(config, this.parameters(posterior))
  }

  config(covariance: 'diagonal' | 'full', objective: VAEConfig['objective'] = {}): VAEConfig {
    return {
      input: this.b.length,
      encoder: [],
      latent: { type: 'gaussian', units: this.gain.length, covariance },
      decoder: [],
      likelihood: { type: 'gaussian', variance: this.variance },
      objective,
    }
  }

  parameters({ gain, shift, logVariance, cholesky }: LinearPosterior): Record<string, Float32Array> {
    const none = (rows: number) => new Float32Array(rows * this.b.length)
    const below = cholesky?.flatMap((row, i) => row.slice(0, i)) ?? []
    return {
      'latent.mean.weight': Float32Array.from(gain.flat()),
      'latent.mean.bias': Float32Array.from(shift),
      'latent.logVariance.weight': none(logVariance.length),
      'latent.logVariance.bias': Float32Array.from(logVariance),
      ...(below.length > 0
        ? { 'latent.cholesky.weight': none(below.length), 'latent.cholesky.bias': Float32Array.from(below) }
        : {}),
      'likelihood.mean.weight': Float32Array.from(this.w.flat()),
      'likelihood.mean.bias': Float32Array.from(this.b),
    }
  }

  /** p(z|x) itself. */
  exact(): LinearPosterior {
    const l = cholesky(this.posterior)
    const logVariance = l.map((row, i) => 2 * Math.log(row[i] as number))
    return { gain: this.gain, shift: apply(this.gain, this.b).map((value) => -value), logVariance, cholesky: l }
  }

  /** The diagonal Gaussian nearest to p(z|x): its mean, and variances 1 / precision_ii (Bishop 2006, section 10.1.2). */
  bestDiagonal(): LinearPosterior {
    const { gain, shift } = this.exact()
    return { gain, shift, logVariance: this.precision.map((row, i) => -Math.log(row[i] as number)) }
  }

  /** KL(bestDiagonal ‖ p(z|x)) = ½ (log |Σ| + Σ log precision_ii); the trace is U. */
  get diagonalGap(): number {
    const logPrecisions = this.precision.reduce((sum, row, i) => sum + Math.log(row[i] as number), 0)
    return 0.5 * (logDeterminant(this.posterior) + logPrecisions)
  }

  /** KL(q ‖ p(z|x)) if q differs from p(z|x) in the mean alone. */
  gapOfShift(shift: Vector): number {
    return 0.5 * dot(shift, apply(this.precision, shift))
  }
}

/** q(z|x) = N(gain x + shift, L Lᵀ), L having the square roots of the variances on its diagonal. */
export interface LinearPosterior {
  readonly gain: Matrix
  readonly shift: Vector
  readonly logVariance: Vector
  /** L, whose entries below the diagonal count; without it they are 0. */
  readonly cholesky?: Matrix
}
