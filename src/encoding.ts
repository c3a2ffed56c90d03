/** What the encoder says of each row, named as the posterior's family names it. */

import type { LatentSpec, Posteriors } from './native.js'
import type { Tensor } from './tensor.js'

/**
 * The parameters of q(z|x) of one group of latent variables, [rows, units] unless said otherwise; those that its family
 * has.
 */
export interface GroupEncoding {
  /**
   * The posterior's mean; of discrete variables the probability of each class (categorical, [rows, units · classes]) or of
   * 1 (bernoulli).
   */
  readonly mean: Tensor<Float32Array>
  /** gaussian: log σ². With a full covariance L Lᵀ, the log of L's squared diagonal. */
  readonly logVariance?: Tensor<Float32Array>
  /**
   * gaussian with a full covariance, of more than one unit: the entries of L below its diagonal, row by row, [rows,
   * units (units − 1) / 2].
   */
  readonly cholesky?: Tensor<Float32Array>
  /** laplace, logistic: the log of the scale. The standard deviation is √2 (laplace) or π/√3 (logistic) times the scale. */
  readonly logScale?: Tensor<Float32Array>
  /** categorical [rows, units · classes], bernoulli. */
  readonly logits?: Tensor<Float32Array>
}

/**
 * q(z|x) of each row. Of a model with a single group its parameters stand here; `mean` is that of all of z in any case,
 * [rows, columns of z].
 */
export interface Encoding extends GroupEncoding {
  /** One for each group of latent variables, in the order of the config. */
  readonly groups: readonly GroupEncoding[]
}

type HeadName = 'mean' | 'logVariance' | 'cholesky' | 'logScale' | 'logits'

/** As latent_heads in native/core/latent/latent.h. */
function headsOf({ type, units, fullCovariance, classes }: LatentSpec): readonly [HeadName, number][] {
  switch (type) {
    case 'gaussian': {
      const below = (units * (units - 1)) / 2
      const diagonal: [HeadName, number][] = [
        ['mean', units],
        ['logVariance', units],
      ]
      return fullCovariance && below > 0 ? [...diagonal, ['cholesky', below]] : diagonal
    }
    case 'laplace':
    case 'logistic':
      return [
        ['mean', units],
        ['logScale', units],
      ]
    case 'categorical':
      return [['logits', units * classes]]
    case 'bernoulli':
      return [['logits', units]]
  }
}

/** Arrays for the core to write to; no mean where the only group's head is just that. */
export function headsFor(latents: readonly LatentSpec[], rows: number, latentWidth: number) {
  const heads = latents.flatMap((latent) => headsOf(latent).map(([, units]) => new Float32Array(rows * units)))
  const isMean = latents.length === 1 && headsOf(latents[0] as LatentSpec)[0]?.[0] === 'mean'
  return { heads, mean: isMean ? null : new Float32Array(rows * latentWidth) }
}

export function encodingOf(latents: readonly LatentSpec[], { heads, mean }: Posteriors, rows: number): Encoding {
  const width = mean.length / rows
  const whole = { data: mean, shape: [rows, width] }
  let next = 0
  let first = 0
  const groups = latents.map((latent): GroupEncoding => {
    const named = headsOf(latent).map(([name, units]) => {
      const tensor = { data: heads[next++] as Float32Array, shape: [rows, units] }
      return [name, tensor] as const
    })
    const group = Object.fromEntries(named) as Partial<GroupEncoding>
    const units = latent.type === 'categorical' ? latent.units * latent.classes : latent.units
    const own = group.mean ?? (latents.length === 1 ? whole : columns(mean, rows, width, first, units))
    first += units
    return { ...group, mean: own }
  })
  return {
    ...(groups.length === 1 ? groups[0] : {}),
    mean: groups.length === 1 ? (groups[0] as GroupEncoding).mean : whole,
    groups,
  }
}

/** Columns [first, first + count) of a row-major matrix: a few numbers a row, row by row. */
function columns(all: Float32Array, rows: number, width: number, first: number, count: number): Tensor<Float32Array> {
  const data = new Float32Array(rows * count)
  for (let row = 0; row < rows; row++) {
    data.set(all.subarray(row * width + first, row * width + first + count), row * count)
  }
  return { data, shape: [rows, count] }
}
