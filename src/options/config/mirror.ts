/** A decoder that is the reverse of an encoder. */

import { expected } from '../../errors.js'
import type { ConvLayer, Layer, LayerOptions, LikelihoodHead, Pool, Sizes } from './layers.js'

export interface Mirrored {
  readonly decoder: readonly Layer[]
  /** What the reverse of the first convolution becomes. */
  readonly head: LikelihoodHead | undefined
}

/** A convolution, the parts behind it that belong to it, and the shape that it begins with. */
interface Stage {
  readonly conv: ConvLayer
  /** What its output is reduced by, in each dimension. */
  readonly reduction: readonly number[]
  readonly input: readonly number[]
}

/**
 * `shapeBehind(n)`: what the first n layers of the encoder make of a row of data, [channels, ...spatial], which the core
 * works out. A convolution becomes one to its input's channels, behind an enlargement by what its stride and its pooling
 * have reduced; its normalisation and activation go with it. Dense layers come in reverse order.
 */
export function mirror(
  encoder: readonly Layer[],
  inputShape: readonly number[],
  shapeBehind: (layers: number) => readonly number[],
): Mirrored {
  const stages: Stage[] = []
  const dense: Layer[] = []
  let imageEnd: readonly number[] | undefined
  encoder.forEach((layer, i) => {
    const input = i === 0 ? inputShape : shapeBehind(i)
    if (typeof layer === 'number' || layer.type === 'dense') {
      if (stages.length > 0 && !imageEnd) imageEnd = input
      dense.unshift(layer)
      return
    }
    if (layer.type === 'flatten') return
    if (dense.length > 0) throw cannot(layer, i)
    if (layer.type === 'conv' && layer.upsample === undefined) {
      const dimensions = input.length - 1
      const reduction = product(sizes(layer.stride ?? 1, dimensions), poolFactors(layer.pool, dimensions))
      stages.push({ conv: layer, reduction, input })
      return
    }
    const last = stages.at(-1)
    if (!last) throw cannot(layer, i)
    stages[stages.length - 1] = withPart(last, layer, input.length - 1) ?? refuse(layer, i)
  })
  if (stages.length === 0) return { decoder: dense, head: undefined }
  imageEnd ??= shapeBehind(encoder.length)
  const elements = imageEnd.reduce((total, size) => total * size, 1)
  const reversed = stages.toReversed().map(({ conv, reduction, input }): ConvLayer => {
    const { stride: _stride, pool: _pool, padding: _padding, channels: _channels, ...rest } = conv
    const upsample = reduction.some((factor) => factor > 1) ? { upsample: reduction } : {}
    return { ...rest, channels: input[0] as number, padding: 'same', ...upsample }
  })
  const first = reversed.pop() as ConvLayer
  const head: LikelihoodHead = {
    type: 'conv',
    kernel: first.kernel,
    padding: 'same',
    ...(first.dilation === undefined ? {} : { dilation: first.dilation }),
    ...(first.upsample === undefined ? {} : { upsample: first.upsample }),
  }
  return { decoder: [...dense, elements, { type: 'reshape', shape: imageEnd }, ...reversed], head }
}

/** Normalisation, activation, pooling and dropout as layers of their own. */
function withPart(stage: Stage, layer: LayerOptions, dimensions: number): Stage | undefined {
  const { conv } = stage
  switch (layer.type) {
    case 'batchNorm': {
      const { type: _type, ...options } = layer
      return { ...stage, conv: { ...conv, norm: { type: 'batch', ...options } } }
    }
    case 'groupNorm': {
      const { type: _type, ...options } = layer
      return { ...stage, conv: { ...conv, norm: { type: 'group', ...options } } }
    }
    case 'activation':
      return layer.activation === undefined ? stage : { ...stage, conv: { ...conv, activation: layer.activation } }
    case 'maxPool':
    case 'avgPool': {
      if (layer.size === 'global') return undefined
      const factors = sizes(layer.stride ?? layer.size, dimensions)
      return { ...stage, reduction: product(stage.reduction, factors) }
    }
    case 'dropout':
      return stage
    default:
      return undefined
  }
}

function poolFactors(pool: Pool | undefined, dimensions: number): readonly number[] {
  if (pool === undefined) return sizes(1, dimensions)
  if (typeof pool === 'object' && 'size' in pool) return sizes(pool.stride ?? pool.size, dimensions)
  return sizes(pool, dimensions)
}

function sizes(value: Sizes, dimensions: number): readonly number[] {
  return typeof value === 'number' ? new Array<number>(dimensions).fill(value) : value
}

function product(a: readonly number[], b: readonly number[]): readonly number[] {
  return a.map((factor, i) => factor * (b[i] as number))
}

function cannot(layer: Layer, i: number): RangeError {
  const what = "a decoder of its own, because 'mirror' reverses dense layers and convolutions with what belongs to them"
  return new RangeError(expected(what, `decoder beside encoder[${i}]`, layer))
}

function refuse(layer: Layer, i: number): never {
  throw cannot(layer, i)
}
