/** What the encoder says of each row, named as the posterior's family names it. */

import type { LatentSpec } from './native.js'
import type { Latent, LatentConfig } from './options/config/latent.js'
import type { Tensor } from './tensor.js'

type Floats = Tensor<Float32Array<ArrayBuffer>>

/** The parameters of a Gaussian q(z|x), [rows, units] unless said otherwise. */
export interface GaussianEncoding {
  readonly type: 'gaussian'
  readonly mean: Floats
  /** log σ². With a full covariance L Lᵀ, the log of L's squared diagonal. */
  readonly logVariance: Floats
  /**
   * With a full covariance, of more than one unit: the entries of L below its diagonal, row by row, [rows,
   * units (units − 1) / 2].
   */
  readonly cholesky?: Floats
  readonly logScale?: undefined
  readonly logits?: undefined
}

/** The parameters of a q(z|x) with a location and a scale, [rows, units]. */
export interface LocationScaleEncoding<Type extends 'laplace' | 'logistic'> {
  readonly type: Type
  readonly mean: Floats
  /** The log of the scale. The standard deviation is √2 (laplace) or π/√3 (logistic) times the scale. */
  readonly logScale: Floats
  readonly logVariance?: undefined
  readonly cholesky?: undefined
  readonly logits?: undefined
}

/** The parameters of a discrete q(z|x), [rows, units · classes] if it is categorical, else [rows, units]. */
export interface DiscreteEncoding<Type extends 'categorical' | 'bernoulli'> {
  readonly type: Type
  /** The probability of each class (categorical), or of 1 (bernoulli). */
  readonly mean: Floats
  readonly logits: Floats
  readonly logVariance?: undefined
  readonly cholesky?: undefined
  readonly logScale?: undefined
}

/** The parameters of q(z|x) of one group of latent variables; `type` tells which they are. */
export type GroupEncoding =
  | GaussianEncoding
  | LocationScaleEncoding<'laplace'>
  | LocationScaleEncoding<'logistic'>
  | DiscreteEncoding<'categorical'>
  | DiscreteEncoding<'bernoulli'>

type EncodingOfGroup<L> = L extends { readonly type: infer Type }
  ? Extract<GroupEncoding, { readonly type: Type }>
  : never

/** The encoding of any model. */
interface AllOfZ {
  /** That of all of z, [rows, columns of z]. */
  readonly mean: Floats
  /** One for each group of latent variables, in the order of the config. */
  readonly groups: readonly GroupEncoding[]
}

/**
 * q(z|x) of each row. The parameters of a single group of latent variables stand here; `mean` is that of all
 * of z in any case, [rows, columns of z].
 */
export interface Encoding extends AllOfZ {
  readonly type?: GroupEncoding['type']
  readonly logVariance?: Floats | undefined
  readonly cholesky?: Floats | undefined
  readonly logScale?: Floats | undefined
  readonly logits?: Floats | undefined
}

/** The encoding of a single group: its parameters stand here and, as those of several do, in `groups`. */
type SingleEncoding<Group extends GroupEncoding> = Group & { readonly groups: readonly [Group] }

/** The {@link Encoding} of a model whose config has this `latent`, with what is known of it. */
export type EncodingOf<L extends LatentConfig | undefined> = [LatentConfig] extends [L]
  ? Encoding
  : L extends number | undefined
    ? SingleEncoding<GaussianEncoding>
    : L extends Latent
      ? SingleEncoding<EncodingOfGroup<L>>
      : L extends readonly [infer Only]
        ? SingleEncoding<EncodingOfGroup<Only>>
        : L extends readonly [Latent, Latent, ...Latent[]]
          ? AllOfZ & { readonly groups: { readonly [I in keyof L]: EncodingOfGroup<L[I]> } }
          : Encoding

/** An encoding with a draw from each row's posterior, discrete variables one-hot, or 0 and 1. */
export type DrawnEncoding<Of = Encoding> = Of & {
  /** [rows, columns of z], as `decode` takes it. */
  readonly z: Floats
}

type HeadName = 'mean' | 'logVariance' | 'cholesky' | 'logScale' | 'logits'

interface Head {
  readonly name: HeadName
  readonly units: number
}

interface Group {
  readonly type: GroupEncoding['type']
  readonly heads: readonly Head[]
  /** Columns of z: where they begin, and how many. */
  readonly first: number
  readonly width: number
}

interface Written {
  readonly heads: readonly Float32Array<ArrayBuffer>[]
  readonly mean: Float32Array<ArrayBuffer> | null
  /** A draw of z. */
  readonly z?: Float32Array<ArrayBuffer> | undefined
}

/** How the encodings of one model are made: worked out once, for a row's encoding takes only microseconds. */
export class Encodings {
  readonly #groups: readonly Group[]
  readonly #width: number
  /** Whether there is a single group whose first head is the mean of all of z. */
  readonly #meanIsHead: boolean
  #row: Written | undefined

  constructor(latents: readonly LatentSpec[]) {
    let first = 0
    this.#groups = latents.map((latent) => {
      const width = latent.type === 'categorical' ? latent.units * latent.classes : latent.units
      const group = { type: latent.type, heads: headsOf(latent), first, width }
      first += width
      return group
    })
    this.#width = first
    this.#meanIsHead = latents.length === 1 && this.#groups[0]?.heads[0]?.name === 'mean'
  }

  /**
   * Arrays for the core to write to at once; no mean if a head is just that. For a single row they are the same each
   * time: `wrap` copies them, which for so few numbers costs less than arrays that the core can reach.
   */
  arraysNow(rows: number): Written {
    if (rows > 1) return this.#arrays(rows)
    this.#row ??= this.#arrays(1)
    return this.#row
  }

  #arrays(rows: number): Written {
    const heads: Float32Array<ArrayBuffer>[] = []
    for (const group of this.#groups) {
      for (const { units } of group.heads) heads.push(new Float32Array(rows * units))
    }
    return { heads, mean: this.#meanIsHead ? null : new Float32Array(rows * this.#width) }
  }

  /** Memory for a draw of z for each row. */
  drawsNow(rows: number): Float32Array<ArrayBuffer> {
    return new Float32Array(rows * this.#width)
  }

  /** What the core has written, by its names. */
  wrap(written: Written, rows: number, z = written.z): Encoding & { readonly z?: Floats } {
    const encoding = this.#named(written, rows)
    return z === undefined ? encoding : { ...encoding, z: { data: z, shape: [rows, this.#width] } }
  }

  #named(written: Written, rows: number): Encoding {
    const { heads, mean } = written === this.#row ? copied(written) : written
    const groups: GroupEncoding[] = []
    let next = 0
    for (const { type, heads: named, first, width } of this.#groups) {
      const group: { type: GroupEncoding['type'] } & { [Name in HeadName]?: Floats } = { type }
      for (const { name, units } of named) {
        group[name] = { data: heads[next++] as Float32Array<ArrayBuffer>, shape: [rows, units] }
      }
      group.mean ??= columns(mean as Float32Array<ArrayBuffer>, rows, this.#width, first, width)
      groups.push(group as unknown as GroupEncoding)
    }
    const [only, ...others] = groups as [GroupEncoding, ...GroupEncoding[]]
    if (others.length === 0) return { ...only, groups }
    return { mean: { data: mean as Float32Array<ArrayBuffer>, shape: [rows, this.#width] }, groups }
  }
}

function copied({ heads, mean }: Written): Written {
  return { heads: heads.map((head) => head.slice()), mean: mean?.slice() ?? null }
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

/** Columns [first, first + count) of a row-major matrix: the matrix itself if that is all of it, else row by row. */
function columns(
  all: Float32Array<ArrayBuffer>,
  rows: number,
  width: number,
  first: number,
  count: number,
): Tensor<Float32Array<ArrayBuffer>> {
  if (count === width) return { data: all, shape: [rows, width] }
  const data = new Float32Array(rows * count)
  for (let row = 0; row < rows; row++) {
    data.set(all.subarray(row * width + first, row * width + first + count), row * count)
  }
  return { data, shape: [rows, count] }
}
