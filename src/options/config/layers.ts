/** The layers of encoder and decoder: what a user may write, and what the core takes. */

import { type ActivationName, activationNames, interpolationNames } from '../../names.js'
import {
  boolean,
  byType,
  limited,
  list,
  number,
  oneOf,
  optional,
  options,
  pick,
  positiveInteger,
  type Schema,
} from '../../schema.js'
import { positive } from './numbers.js'

/** One size for every spatial dimension, or one for each: [width], [height, width] or [depth, height, width]. */
export type Sizes = number | readonly number[]

/** A fully connected layer: activation(weight · x + bias). An image before it is flattened, channel after channel. */
export interface DenseLayer {
  readonly type: 'dense'
  /** Outputs, a positive integer. */
  readonly units: number
  /** Default: the model's `activation`; none if a normalisation or an activation follows. */
  readonly activation?: ActivationName | undefined
}

/** Normalisation of a block, by its name or with its own options. */
export type Norm =
  | 'batch'
  | 'layer'
  | { readonly type: 'batch'; readonly momentum?: number | undefined; readonly epsilon?: number | undefined }
  | { readonly type: 'layer'; readonly epsilon?: number | undefined }
  | { readonly type: 'group'; readonly groups: number; readonly epsilon?: number | undefined }

/** Pooling of a block: windows of so many positions, of which the largest number is kept, or with its own options. */
export type Pool = Sizes | PoolOptions

export interface PoolOptions {
  /** Default: 'max'. */
  readonly type?: 'max' | 'avg' | undefined
  readonly size: Sizes
  /** Default: `size`. */
  readonly stride?: Sizes | undefined
  /** Positions around the image, less than `size`. Default: 0. */
  readonly padding?: Sizes | undefined
}

/** Enlargement of a block's input by whole factors: each position repeated, or interpolated linearly. */
export type Upsample = Sizes | UpsampleOptions

export interface UpsampleOptions {
  readonly factor: Sizes
  /** Default: 'nearest'. */
  readonly mode?: 'nearest' | 'linear' | undefined
}

/** Zeros around an image. */
export type Padding = 'same' | 'valid' | Sizes | { readonly before: Sizes; readonly after: Sizes }

interface Convolution {
  /** Outputs at each position, a positive integer. */
  readonly channels: number
  readonly kernel: Sizes
  /** Default: 1. */
  readonly stride?: Sizes | undefined
  /**
   * Zeros around the image: 'same', so many that the output has as many positions as the input (divided by the stride,
   * rounded up; for a transposed convolution multiplied); 'valid', none; a number for both ends; or one for each end.
   * Default: 'valid'.
   */
  readonly padding?: Padding | undefined
  /** Distance of the kernel's elements. Default: 1. */
  readonly dilation?: Sizes | undefined
  /** Groups of channels that do not see each other; the number of channels is a depthwise convolution. Default: 1. */
  readonly groups?: number | undefined
  /** Default: true; false if batch normalisation follows, which would take it away. */
  readonly bias?: boolean | undefined
  /** Default: none. */
  readonly norm?: Norm | undefined
  /** Default: the model's `activation`; none if a normalisation or an activation follows as a layer of its own. */
  readonly activation?: ActivationName | undefined
  /** Default: none. */
  readonly pool?: Pool | undefined
}

/**
 * A convolution in as many dimensions as the data have, as torch.nn.Conv1d to Conv3d. What is given with it applies in
 * this order: upsampling, convolution, normalisation, activation, pooling.
 */
export interface ConvLayer extends Convolution {
  readonly type: 'conv'
  /** Default: none. */
  readonly upsample?: Upsample | undefined
}

/** A transposed convolution, as torch.nn.ConvTranspose1d to 3d; then normalisation, activation and pooling. */
export interface ConvTransposeLayer extends Convolution {
  readonly type: 'convTranspose'
  /** Positions added at the end of the output, less than the stride. Default: 0. */
  readonly outputPadding?: Sizes | undefined
}

/** Ioffe and Szegedy 2015, as torch.nn.BatchNorm: the batch's statistics in training, running ones elsewhere. */
export interface BatchNormLayer {
  readonly type: 'batchNorm'
  /** How much a batch changes the running statistics, in [0, 1]. Default: 0.1. */
  readonly momentum?: number | undefined
  /** Added to the variance, above 0. Default: 1e-5. */
  readonly epsilon?: number | undefined
}

/** Ba et al. 2016, as torch.nn.LayerNorm over all of a row. */
export interface LayerNormLayer {
  readonly type: 'layerNorm'
  readonly epsilon?: number | undefined
}

/** Wu and He 2018, as torch.nn.GroupNorm. */
export interface GroupNormLayer {
  readonly type: 'groupNorm'
  /** Groups of channels, which the channels are a multiple of. */
  readonly groups: number
  readonly epsilon?: number | undefined
}

/** An elementwise function. */
export interface ActivationLayer {
  readonly type: 'activation'
  /** Default: the model's `activation`. */
  readonly activation?: ActivationName | undefined
}

/** The largest number of each window, as torch.nn.MaxPool1d to 3d. */
export interface MaxPoolLayer {
  readonly type: 'maxPool'
  readonly size: Sizes
  readonly stride?: Sizes | undefined
  readonly padding?: Sizes | undefined
  readonly dilation?: Sizes | undefined
}

/** The average of each window, as torch.nn.AvgPool1d to 3d; 'global': of all positions. */
export interface AvgPoolLayer {
  readonly type: 'avgPool'
  readonly size: Sizes | 'global'
  readonly stride?: Sizes | undefined
  readonly padding?: Sizes | undefined
}

/** Enlargement by whole factors, as torch.nn.Upsample. */
export interface UpsampleLayer extends UpsampleOptions {
  readonly type: 'upsample'
}

/** In training each number, or with `channels` each channel, is 0 with probability `rate` and else divided by 1 − rate. */
export interface DropoutLayer {
  readonly type: 'dropout'
  /** In [0, 1). */
  readonly rate: number
  /** Default: false. */
  readonly channels?: boolean | undefined
}

/** x + layers(x), with a convolution of single positions on x if the layers change its shape (He et al. 2016). */
export interface ResidualLayer {
  readonly type: 'residual'
  readonly layers: readonly Layer[]
}

/** The channels of each position after each other: [channels · positions]. Dense layers do it by themselves. */
export interface FlattenLayer {
  readonly type: 'flatten'
}

/** Rows of numbers as images. */
export interface ReshapeLayer {
  readonly type: 'reshape'
  /** [channels, ...spatial]. */
  readonly shape: readonly number[]
}

/** Each code as a vector of learned numbers, one channel for each: the first layer of codes, as torch.nn.Embedding. */
export interface EmbeddingLayer {
  readonly type: 'embedding'
  /** Numbers of a code, a positive integer. */
  readonly units: number
}

/** A layer with options. */
export type LayerOptions =
  | EmbeddingLayer
  | DenseLayer
  | ConvLayer
  | ConvTransposeLayer
  | BatchNormLayer
  | LayerNormLayer
  | GroupNormLayer
  | ActivationLayer
  | MaxPoolLayer
  | AvgPoolLayer
  | UpsampleLayer
  | DropoutLayer
  | ResidualLayer
  | FlattenLayer
  | ReshapeLayer

/** A layer between the data and the latent space. A number is a dense layer of so many units. */
export type Layer = number | LayerOptions

/** What a head of the likelihood is, in place of a dense layer: upsampling, then a convolution to the data's channels. */
export type LikelihoodHead = Omit<ConvLayer, 'channels' | 'norm' | 'activation' | 'pool' | 'stride'>

export const activationSchema = oneOf(activationNames)

/** Kernels, strides, paddings and factors. Sums and products of three of them stay exact. */
const LARGEST_SIZE = 2 ** 16
const atLeast0 = limited('an integer of at least 0', 0, LARGEST_SIZE)
const size = positiveInteger(LARGEST_SIZE)
const above0 = number('a finite number above 0', (n) => n > 0)
const sizesOf = (what: string, size: Schema<number>) => {
  const several = list(what, size)
  return pick((value) => (typeof value === 'number' ? size : several)) as Schema<Sizes>
}
const sizes = sizesOf('a positive integer or one for each spatial dimension', size)
const margins = sizesOf('an integer of at least 0 or one for each spatial dimension', atLeast0)
const same = oneOf(['same', 'valid'])
const ends = options<{ before: Sizes; after: Sizes }>('a padding', { before: margins, after: margins })
const padding = pick((value) => {
  if (typeof value === 'string') return same
  return typeof value === 'object' && !Array.isArray(value) ? ends : margins
}) as Schema<Padding>
const activation = optional(activationSchema)
const epsilon = optional(above0)
const momentum = optional(number('a number from 0 to 1', (n) => n >= 0 && n <= 1))

const normNames = oneOf(['batch', 'layer'])
const normKinds = byType<Exclude<Norm, string>>("'batch', 'layer' or an object with a type", {
  batch: options('a normalisation', { type: oneOf(['batch']), momentum, epsilon }),
  layer: options('a normalisation', { type: oneOf(['layer']), epsilon }),
  group: options('a normalisation', { type: oneOf(['group']), groups: positive, epsilon }),
})
const norm = optional(pick((value) => (typeof value === 'string' ? normNames : normKinds)) as Schema<Norm>)
const poolOptions = options<PoolOptions>('a pooling', {
  type: optional(oneOf(['max', 'avg'])),
  size: sizes,
  stride: optional(sizes),
  padding: optional(margins),
})
const isSizes = (value: unknown) => typeof value === 'number' || Array.isArray(value)
const pool = optional(pick((value) => (isSizes(value) ? sizes : poolOptions)) as Schema<Pool>)
const mode = optional(oneOf(interpolationNames))
const upsampleOptions = options<UpsampleOptions>('an upsampling', { factor: sizes, mode })
const upsample = optional(pick((value) => (isSizes(value) ? sizes : upsampleOptions)) as Schema<Upsample>)

const convolution = {
  channels: positive,
  kernel: sizes,
  stride: optional(sizes),
  padding: optional(padding),
  dilation: optional(sizes),
  groups: optional(positive),
  bias: optional(boolean()),
  norm,
  activation,
  pool,
}
const what = 'a layer'
const kinds: Schema<LayerOptions> = byType<LayerOptions>(
  "a layer: a number of units or an object with a type, such as { type: 'dense', units }",
  {
    dense: options<DenseLayer>(what, { type: oneOf(['dense']), units: positive, activation }),
    conv: options<ConvLayer>(what, { type: oneOf(['conv']), ...convolution, upsample }),
    convTranspose: options<ConvTransposeLayer>(what, {
      type: oneOf(['convTranspose']),
      ...convolution,
      outputPadding: optional(margins),
    }),
    batchNorm: options<BatchNormLayer>(what, { type: oneOf(['batchNorm']), momentum, epsilon }),
    layerNorm: options<LayerNormLayer>(what, { type: oneOf(['layerNorm']), epsilon }),
    groupNorm: options<GroupNormLayer>(what, { type: oneOf(['groupNorm']), groups: positive, epsilon }),
    activation: options<ActivationLayer>(what, { type: oneOf(['activation']), activation }),
    maxPool: options<MaxPoolLayer>(what, {
      type: oneOf(['maxPool']),
      size: sizes,
      stride: optional(sizes),
      padding: optional(margins),
      dilation: optional(sizes),
    }),
    avgPool: options<AvgPoolLayer>(what, {
      type: oneOf(['avgPool']),
      size: pick((value) => (typeof value === 'string' ? oneOf(['global']) : sizes)) as Schema<Sizes | 'global'>,
      stride: optional(sizes),
      padding: optional(margins),
    }),
    upsample: options<UpsampleLayer>(what, { type: oneOf(['upsample']), factor: sizes, mode }),
    dropout: options<DropoutLayer>(what, {
      type: oneOf(['dropout']),
      rate: number('a number of at least 0 and below 1', (n) => n >= 0 && n < 1),
      channels: optional(boolean()),
    }),
    residual: options<ResidualLayer>(what, {
      type: oneOf(['residual']),
      layers: pick(() => layersSchema) as Schema<readonly Layer[]>,
    }),
    embedding: options<EmbeddingLayer>(what, { type: oneOf(['embedding']), units: positive }),
    flatten: options<FlattenLayer>(what, { type: oneOf(['flatten']) }),
    reshape: options<ReshapeLayer>(what, {
      type: oneOf(['reshape']),
      shape: list('a shape [channels, ...spatial]', positive),
    }),
  },
)
const layer = pick((input) => (typeof input === 'number' ? positive : kinds)) as Schema<Layer>

export const layersSchema: Schema<readonly Layer[]> = list('an array of layers', layer)

export const likelihoodHeadSchema = options<LikelihoodHead>("{ type: 'conv', kernel }", {
  type: oneOf(['conv']),
  kernel: sizes,
  padding: optional(padding),
  dilation: optional(sizes),
  groups: optional(positive),
  bias: optional(boolean()),
  upsample,
})
