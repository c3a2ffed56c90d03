/** What the encoder says of each row, named as the posterior's family names it. */

import type { LatentSpec } from './native.js'
import type { Tensor } from './tensor.js'

/** The parameters of q(z|x) of one group of latent variables, each [rows, units]; those that its family has. */
export interface GroupEncoding {
  /** The posterior's mean; of discrete variables, the probability of each class (categorical) or of 1 (bernoulli). */
  readonly mean: Tensor<Float32Array>
  /** gaussian: log σ². With a full covariance L Lᵀ, the log of L's squared diagonal. */
  readonly logVariance?: Tensor<Float32Array>
  /** gaussian with a full covariance: the entries of L below its diagonal, row by row, [rows, units (units − 1) / 2]. */
  readonly cholesky?: Tensor<Float32Array>
  /** laplace, logistic: the log of the scale. */
  readonly logScale?: Tensor<Float32Array>
  /** categorical [rows, units · classes], bernoulli. */
  readonly logits?: Tensor<Float32Array>
}

/** q(z|x) of each row. Of a model with a single group its parameters stand here; `mean` is that of all of z in any case. */
export interface Encoding extends GroupEncoding {
  /** One for each group of latent variables. */
  readonly groups: readonly GroupEncoding[]
}

type HeadName = 'mean' | 'logVariance' | 'cholesky' | 'logScale' | 'logits'

interface Head {
  readonly name: HeadName
  readonly units: number
}

interface Group {
  readonly heads: readonly Head[]
  /** Columns of z: where they begin, and how many. */
  readonly first: number
  readonly width: number
}

/** How the encodings of one model are made: worked out once, for a row's encoding takes only microseconds. */
export class Encodings {
  readonly #groups: readonly Group[]
  readonly #width: number
  /** Of a single group whose first head is its mean, that is all of z. */
  readonly #meanIsHead: boolean

  constructor(latents: readonly LatentSpec[]) {
    let first = 0
    this.#groups = latents.map((latent) => {
      const width = latent.type === 'categorical' ? latent.units * latent.classes : latent.units
      const group = { heads: headsOf(latent), first, width }
      first += width
      return group
    })
    this.#width = first
    this.#meanIsHead = latents.length === 1 && this.#groups[0]?.heads[0]?.name === 'mean'
  }

  /** Arrays for the core to write to; no mean where a head is just that. */
  arrays(rows: number): { heads: Float32Array[]; mean: Float32Array | null } {
    const heads: Float32Array[] = []
    for (const group of this.#groups) {
      for (const { units } of group.heads) heads.push(new Float32Array(rows * units))
    }
    return { heads, mean: this.#meanIsHead ? null : new Float32Array(rows * this.#width) }
  }

  /** What the core has written, by its names. */
  wrap({ heads, mean }: { heads: readonly Float32Array[]; mean: Float32Array | null }, rows: number): Encoding {
    const groups: GroupEncoding[] = []
    let next = 0
    for (const { heads: named, first, width } of this.#groups) {
      const group: { -readonly [Name in keyof GroupEncoding]?: GroupEncoding[Name] } = {}
      for (const { name, units } of named) {
        group[name] = { data: heads[next++] as Float32Array, shape: [rows, units] }
      }
      group.mean ??= columns(mean as Float32Array, rows, this.#width, first, width)
      groups.push(group as GroupEncoding)
    }
    const [only, ...others] = groups as [GroupEncoding, ...GroupEncoding[]]
    if (others.length === 0) return { ...only, groups }
    return { mean: { data: mean as Float32Array, shape: [rows, this.#width] }, groups }
  }
}

/** As latent_heads in native/core/latent/latent.h. */
function headsOf({ type, units, fullCovariance, classes }: LatentSpec): readonly Head[] {
  const below = (units * (units - 1)) / 2
  switch (type) {
    case 'gaussian':
      return [
        { name: 'mean', units },
        { name: 'logVariance', units },
        ...(fullCovariance && below > 0 ? [{ name: 'cholesky', units: below } as const] : []),
      ]
    case 'laplace':
    case 'logistic':
      return [
        { name: 'mean', units },
        { name: 'logScale', units },
      ]
    case 'categorical':
      return [{ name: 'logits', units: units * classes }]
    case 'bernoulli':
      return [{ name: 'logits', units }]
  }
}

/** Columns [first, first + count) of a row-major matrix: the matrix itself where that is all of it, else row by row. */
function columns(all: Float32Array, rows: number, width: number, first: number, count: number): Tensor<Float32Array> {
  if (count === width) return { data: all, shape: [rows, width] }
  const data = new Float32Array(rows * count)
  for (let row = 0; row < rows; row++) {
    data.set(all.subarray(row * width + first, row * width + first + count), row * count)
  }
  return { data, shape: [rows, count] }
}
