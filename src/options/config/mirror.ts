/** A decoder that is the reverse of an encoder. */

import { expected } from '../../errors.js'
import type { ConvLayer, Layer, LayerOptions, LikelihoodHead, Pool, Sizes } from './layers.js'

export interface Mirrored {
  readonly decoder: readonly Layer[]
  /** What the reverse of the first convolution becomes. */
  readonly head: LikelihoodHead | undefined
}

/** What a list of layers makes of a row of data, [channels, ...spatial], which the core works out. */
type ShapeBehind = (layers: readonly Layer[]) => readonly number[]

/** A convolution or a residual block, and the parts behind it that belong to it. */
interface Stage {
  readonly layer: ConvLayer | Residual
  /** Normalisations and activations behind a residual block. */
  readonly after: readonly LayerOptions[]
  /** What its output is reduced by, in each dimension. */
  readonly reduction: readonly number[]
  readonly input: readonly number[]
  /** Its place in the encoder. */
  readonly index: number
}
interface Residual {
  readonly type: 'residual'
  readonly stages: readonly Stage[]
}

/**
 * A convolution becomes one to its input's channels, behind an enlargement by what its stride and its pooling have
 * reduced, with as much padding as makes its input's size again; its normalisation and activation go with it. A residual
 * block becomes one of its convolutions in reverse, behind the enlargement. Dense layers come in reverse order.
 */
export function mirror(encoder: readonly Layer[], inputShape: readonly number[], shapeBehind: ShapeBehind): Mirrored {
  const firstDense = encoder.findIndex((layer) => typeof layer === 'number' || layer.type === 'dense')
  const end = firstDense < 0 ? encoder.length : firstDense
  const stages = stagesOf(encoder.slice(0, end), [], inputShape, shapeBehind, (layer, i) => cannot(layer, i))
  const dense: Layer[] = []
  encoder.slice(end).forEach((layer, i) => {
    if (typeof layer === 'number' || layer.type === 'dense') dense.unshift(layer)
    else if (layer.type !== 'flatten') throw cannot(layer, end + i)
  })
  const [first] = stages
  if (!first) return { decoder: dense, head: undefined }
  const image = shapeBehind(encoder.slice(0, end))
  const elements = image.reduce((total, size) => total * size, 1)
  const decoder: Layer[] = [...dense, elements, { type: 'reshape', shape: image }]
  let from = image
  for (const stage of stages.slice(1).toReversed()) {
    decoder.push(...reversed(stage, from, stage.input[0] as number, encoder))
    from = stage.input
  }
  if (first.layer.type === 'residual') {
    // The head follows it, so that it need not come down to the data's channels.
    const channels = first.layer.stages[0]?.layer
    const kept = channels?.type === 'conv' ? channels.channels : (from[0] as number)
    return { decoder: [...decoder, ...reversed(first, from, kept, encoder)], head: undefined }
  }
  const { kernel, padding, dilation, upsample } = reversedConvolution(first, first.layer, from, 1, encoder)
  const head: LikelihoodHead = {
    type: 'conv',
    kernel,
    padding,
    ...(dilation === undefined ? {} : { dilation }),
    ...(upsample === undefined ? {} : { upsample }),
  }
  return { decoder, head }
}

/** `before`: the layers before these. */
function stagesOf(
  layers: readonly Layer[],
  before: readonly Layer[],
  inputShape: readonly number[],
  shapeBehind: ShapeBehind,
  refused: (layer: Layer, i: number) => RangeError,
): Stage[] {
  const stages: Stage[] = []
  layers.forEach((layer, i) => {
    const known = [...before, ...layers.slice(0, i)]
    const input = known.length === 0 ? inputShape : shapeBehind(known)
    const dimensions = input.length - 1
    const after: readonly LayerOptions[] = []
    if (typeof layer === 'number') throw refused(layer, i)
    if (layer.type === 'conv' && layer.upsample === undefined) {
      const reduction = product(sizes(layer.stride ?? 1, dimensions), poolFactors(layer.pool, dimensions))
      stages.push({ layer, after, reduction, input, index: i })
      return
    }
    if (layer.type === 'residual') {
      const inner = stagesOf(layer.layers, known, inputShape, shapeBehind, () => refused(layer, i))
      const none = sizes(1, dimensions)
      const reduction = inner.reduce<readonly number[]>((all, stage) => product(all, stage.reduction), none)
      stages.push({ layer: { type: 'residual', stages: inner }, after, reduction, input, index: i })
      return
    }
    // The head puts out the logits of codes, whatever the encoder has made of them.
    if (layer.type === 'embedding' || layer.type === 'flatten' || layer.type === 'dropout') return
    const last = stages.at(-1)
    const whole = last && withPart(last, layer, input)
    if (!whole) throw refused(layer, i)
    stages[stages.length - 1] = whole
  })
  return stages
}

/** With a normalisation, an activation or pooling that is a layer of its own. */
function withPart(stage: Stage, part: LayerOptions, shape: readonly number[]): Stage | undefined {
  const { layer } = stage
  switch (part.type) {
    case 'batchNorm':
    case 'layerNorm':
    case 'groupNorm': {
      if (layer.type === 'residual') return { ...stage, after: [...stage.after, part] }
      const norms = { batchNorm: 'batch', layerNorm: 'layer', groupNorm: 'group' } as const
      return { ...stage, layer: { ...layer, norm: { ...part, type: norms[part.type] } as ConvLayer['norm'] } }
    }
    case 'activation':
      if (layer.type === 'residual') return { ...stage, after: [...stage.after, part] }
      return part.activation === undefined ? stage : { ...stage, layer: { ...layer, activation: part.activation } }
    case 'maxPool':
    case 'avgPool': {
      const factors = part.size === 'global' ? shape.slice(1) : sizes(part.stride ?? part.size, shape.length - 1)
      return { ...stage, reduction: product(stage.reduction, factors) }
    }
    default:
      return undefined
  }
}

/** From `from`, [channels, ...spatial], to the stage's input, with so many channels. */
function reversed(stage: Stage, from: readonly number[], channels: number, encoder: readonly Layer[]): Layer[] {
  const { layer, input, after, reduction } = stage
  if (layer.type === 'conv') return [reversedConvolution(stage, layer, from, channels, encoder)]
  const spatial = input.slice(1)
  if (spatial.some((size, d) => size !== (from[d + 1] as number) * (reduction[d] as number))) {
    throw unequal(stage, from, encoder)
  }
  const enlarged = reduction.some((factor) => factor > 1)
  const inner = layer.stages.toReversed().flatMap((one): Layer[] => {
    const to = one === layer.stages[0] ? channels : (one.input[0] as number)
    // Within the block the size stays.
    const same = { ...one, input: [to, ...spatial], reduction: spatial.map(() => 1) }
    return reversed(same, [to, ...spatial], to, encoder)
  })
  return [
    ...(enlarged ? [{ type: 'upsample', factor: reduction } as const] : []),
    { type: 'residual', layers: inner },
    ...after,
  ]
}

function reversedConvolution(
  stage: Stage,
  conv: ConvLayer,
  from: readonly number[],
  channels: number,
  encoder: readonly Layer[],
): ConvLayer {
  const { stride: _stride, pool: _pool, ...rest } = conv
  const { input, reduction } = stage
  const dimensions = reduction.length
  const kernel = sizes(conv.kernel, dimensions)
  const dilation = sizes(conv.dilation ?? 1, dimensions)
  // So many zeros around the enlarged image that the result has the size that the encoder's convolution began with.
  const margins = reduction.map((factor, d) => {
    const reach = (dilation[d] as number) * ((kernel[d] as number) - 1)
    return reach + (input[d + 1] as number) - (from[d + 1] as number) * factor
  })
  if (margins.some((margin) => margin < 0)) throw unequal(stage, from, encoder)
  const padding = {
    before: margins.map((margin) => Math.floor(margin / 2)),
    after: margins.map((margin) => Math.ceil(margin / 2)),
  }
  const upsample = reduction.some((factor) => factor > 1) ? { upsample: reduction } : {}
  return { ...rest, channels, padding, ...upsample }
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

function unequal({ input, reduction, index }: Stage, from: readonly number[], encoder: readonly Layer[]): RangeError {
  const enlarged = from.slice(1).map((size, d) => size * (reduction[d] as number))
  const what = `a decoder of its own, because the reverse of this layer makes [${enlarged}] of [${from.slice(1)}], and its input has [${input.slice(1)}]`
  return new RangeError(expected(what, `decoder beside encoder[${index}]`, encoder[index]))
}
