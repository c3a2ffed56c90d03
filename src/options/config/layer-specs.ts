/** From the layers of a config to those of the core: blocks become single layers, defaults are filled in. */

import { expected } from '../../errors.js'
import type { ActivationName } from '../../names.js'
import type { ExtentSpec, LayerSpec, WindowSpec } from '../../native.js'
import type {
  ConvLayer,
  ConvTransposeLayer,
  Layer,
  LayerOptions,
  LikelihoodHead,
  Norm,
  Pool,
  Sizes,
  Upsample,
} from './layers.js'

/** What layers are made for. */
export interface LayerContext {
  /** Spatial dimensions of the data: 0 to 3. */
  readonly dimensions: number
  /** The activation of layers that name none. */
  readonly activation: ActivationName
  /** Classes of codes with a spatial shape; else 0. */
  readonly codes: number
}

const EPSILON = 1e-5
const MOMENTUM = 0.1

/** `path` names the list in errors: 'encoder'. */
export function layerSpecs(layers: readonly Layer[], context: LayerContext, path: string): LayerSpec[] {
  return layers.flatMap((layer, i) => specsOf(layer, i, layers[i + 1], context, `${path}[${i}]`))
}

/** The head's channels are the data's: the core fills them in. */
export function headSpecs(head: LikelihoodHead | undefined, context: LayerContext): LayerSpec[] {
  if (!head) return []
  const conv = { padding: 'same' as const, ...head, channels: 1, activation: 'identity' as const }
  return convolutionSpecs(conv, '', undefined, context, 'likelihood.head')
}

function specsOf(layer: Layer, i: number, next: Layer | undefined, context: LayerContext, path: string): LayerSpec[] {
  const name = String(i)
  if (typeof layer === 'number') {
    return [{ type: 'dense', name, units: layer, activation: activationOf(undefined, next, context) }]
  }
  const { dimensions } = context
  const at = (sizes: Sizes, field: string, fill = 1) => extent(sizes, dimensions, `${path}.${field}`, fill)
  switch (layer.type) {
    case 'dense':
      return [{ type: 'dense', name, units: layer.units, activation: activationOf(layer.activation, next, context) }]
    case 'conv':
    case 'convTranspose':
      return convolutionSpecs(layer, name, next, context, path)
    case 'batchNorm':
      return [{ type: 'batchNorm', name, momentum: layer.momentum ?? MOMENTUM, epsilon: layer.epsilon ?? EPSILON }]
    case 'layerNorm':
      return [{ type: 'layerNorm', name, epsilon: layer.epsilon ?? EPSILON, dimensions }]
    case 'groupNorm':
      return [{ type: 'groupNorm', name, groups: layer.groups, epsilon: layer.epsilon ?? EPSILON }]
    case 'activation':
      return [{ type: 'activation', name, activation: layer.activation ?? context.activation }]
    case 'maxPool': {
      const dilation = at(layer.dilation ?? 1, 'dilation')
      return [{ type: 'maxPool', name, window: { ...poolWindow(layer, context, path), dilation }, global: false }]
    }
    case 'avgPool': {
      const global = layer.size === 'global'
      const size = layer.size === 'global' ? 1 : layer.size
      return [{ type: 'avgPool', name, window: poolWindow({ ...layer, size }, context, path), global }]
    }
    case 'upsample':
      return [{ type: 'upsample', name, extent: at(layer.factor, 'factor'), interpolation: layer.mode ?? 'nearest' }]
    case 'dropout':
      return [{ type: 'dropout', name, rate: layer.rate, wholeChannels: layer.channels ?? false }]
    case 'embedding':
      if (context.codes === 0) {
        const data =
          "codes with a shape: a categorical likelihood with coding 'codes', one number of classes and input [1, ...]"
        throw new RangeError(expected(data, `${path} (embedding)`, layer))
      }
      return [{ type: 'embedding', name, codes: context.codes, units: layer.units }]
    case 'residual':
      return [
        {
          type: 'residual',
          name,
          layers: layerSpecs(layer.layers, context, `${path}.layers`),
          dimensions,
        },
      ]
    case 'flatten':
      return [{ type: 'flatten', name }]
    case 'reshape': {
      const [channels = 1, ...spatial] = layer.shape
      if (spatial.length !== dimensions) {
        const wanted = `channels and ${dimensions} spatial sizes, as the data have`
        throw new RangeError(expected(wanted, `${path}.shape`, layer.shape))
      }
      return [{ type: 'reshape', name, channels, extent: extent(spatial, dimensions, `${path}.shape`), dimensions }]
    }
  }
}

/** A layer before a normalisation or an activation has none of its own unless it names one. */
function activationOf(
  named: ActivationName | undefined,
  next: Layer | undefined,
  { activation }: LayerContext,
): ActivationName {
  if (named) return named
  const parts: readonly LayerOptions['type'][] = ['batchNorm', 'layerNorm', 'groupNorm', 'activation']
  return typeof next === 'object' && parts.includes(next.type) ? 'identity' : activation
}

function convolutionSpecs(
  layer: ConvLayer | ConvTransposeLayer,
  name: string,
  next: Layer | undefined,
  context: LayerContext,
  path: string,
): LayerSpec[] {
  const { dimensions } = context
  if (dimensions === 0) {
    throw new RangeError(
      expected('data with a shape [channels, ...spatial], which `input` gives', `${path} (${layer.type})`, layer),
    )
  }
  const at = (sizes: Sizes, field: string, fill = 1) => extent(sizes, dimensions, `${path}.${field}`, fill)
  const kernel = at(layer.kernel, 'kernel')
  const stride = at(layer.stride ?? 1, 'stride')
  const dilation = at(layer.dilation ?? 1, 'dilation')
  const transposed = layer.type === 'convTranspose'
  let outputPadding = at((layer.type === 'convTranspose' && layer.outputPadding) || 0, 'outputPadding', 0)
  const reach = kernel.map((size, i) => (dilation[i] as number) * (size - 1) + 1)
  let around: { paddingBefore: ExtentSpec; paddingAfter: ExtentSpec }
  if (layer.padding === 'same') {
    // A transposed convolution's output is then as large as its input times the stride.
    const total = reach.map((size, i) => (transposed ? size - (stride[i] as number) : size - 1))
    if (transposed) outputPadding = triple(total.map((sum, i) => Math.max(0, -sum) + (outputPadding[i] as number)))
    around = {
      paddingBefore: triple(total.map((sum) => Math.floor(Math.max(0, sum) / 2))),
      paddingAfter: triple(total.map((sum) => Math.ceil(Math.max(0, sum) / 2))),
    }
  } else {
    const padding = layer.padding === undefined || layer.padding === 'valid' ? 0 : layer.padding
    const ends = typeof padding === 'object' && 'before' in padding ? padding : { before: padding, after: padding }
    around = { paddingBefore: at(ends.before, 'padding', 0), paddingAfter: at(ends.after, 'padding', 0) }
  }
  const nextIsBatchNorm = typeof next === 'object' && next.type === 'batchNorm'
  const batch = isBatch(layer.norm) || (layer.norm === undefined && nextIsBatchNorm && !layer.activation && !layer.pool)
  const specs: LayerSpec[] = []
  if (layer.type === 'conv' && layer.upsample !== undefined) {
    specs.push(upsampleSpec(layer.upsample, name, context, `${path}.upsample`))
  }
  specs.push({
    type: layer.type,
    name,
    channels: layer.channels,
    window: { kernel, stride, dilation, ...around, dimensions },
    outputPadding,
    groups: layer.groups ?? 1,
    bias: layer.bias ?? !batch,
  })
  if (layer.norm !== undefined) specs.push(normSpec(layer.norm, `${name}.norm`, context))
  const activation = activationOf(layer.activation, next, context)
  if (activation !== 'identity') specs.push({ type: 'activation', name: `${name}.activation`, activation })
  if (layer.pool !== undefined) specs.push(poolSpec(layer.pool, `${name}.pool`, context, `${path}.pool`))
  return specs
}

function isBatch(norm: Norm | undefined): boolean {
  return norm === 'batch' || (typeof norm === 'object' && norm.type === 'batch')
}

function normSpec(norm: Norm, name: string, { dimensions }: LayerContext): LayerSpec {
  const options = typeof norm === 'string' ? { type: norm } : norm
  const epsilon = ('epsilon' in options ? options.epsilon : undefined) ?? EPSILON
  switch (options.type) {
    case 'batch':
      return { type: 'batchNorm', name, momentum: ('momentum' in options && options.momentum) || MOMENTUM, epsilon }
    case 'layer':
      return { type: 'layerNorm', name, epsilon, dimensions }
    case 'group':
      return { type: 'groupNorm', name, groups: options.groups, epsilon }
  }
}

function poolSpec(pool: Pool, name: string, context: LayerContext, path: string): LayerSpec {
  const options = typeof pool === 'object' && 'size' in pool ? pool : { size: pool }
  const type = 'type' in options && options.type === 'avg' ? 'avgPool' : 'maxPool'
  return { type, name, window: poolWindow(options, context, path), global: false }
}

function poolWindow(
  { size, stride, padding }: { size: Sizes; stride?: Sizes | undefined; padding?: Sizes | undefined },
  { dimensions }: LayerContext,
  path: string,
): WindowSpec {
  const kernel = extent(size, dimensions, `${path}.size`)
  const margin = extent(padding ?? 0, dimensions, `${path}.padding`, 0)
  return {
    kernel,
    stride: stride === undefined ? kernel : extent(stride, dimensions, `${path}.stride`),
    dilation: [1, 1, 1],
    paddingBefore: margin,
    paddingAfter: margin,
    dimensions,
  }
}

function upsampleSpec(upsample: Upsample, name: string, { dimensions }: LayerContext, path: string): LayerSpec {
  const { factor, mode = 'nearest' } =
    typeof upsample === 'object' && 'factor' in upsample ? upsample : { factor: upsample }
  return { type: 'upsample', name: `${name}.upsample`, extent: extent(factor, dimensions, path), interpolation: mode }
}

/** [depth, height, width], with `fill` for those that the data lack. */
function extent(sizes: Sizes, dimensions: number, path: string, fill = 1): ExtentSpec {
  const all = typeof sizes === 'number' ? new Array<number>(dimensions).fill(sizes) : sizes
  if (all.length !== dimensions) {
    const wanted = `a number or ${dimensions} numbers, one for each spatial dimension of the data`
    throw new RangeError(expected(wanted, path, sizes))
  }
  return triple([...new Array<number>(3 - dimensions).fill(fill), ...all])
}

function triple([depth = 1, height = 1, width = 1]: readonly number[]): ExtentSpec {
  return [depth, height, width]
}
