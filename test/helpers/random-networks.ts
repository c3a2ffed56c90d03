/** Networks drawn from all layers, each of which fits its data; and data for them. */

import type { ConvLayer } from '../../src/options/config/layers.js'
import type { Layer, Likelihood, VAEConfig } from '../../src/options/config.js'
import type { Tensor } from '../../src/tensor.js'
import { type Random, randomLatentAndObjective, randomObjective } from './random-configs.js'

const integer = (random: Random, from: number, to: number) => from + Math.floor(random() * (to - from + 1))
const pick = <T>(random: Random, values: readonly T[]): T => values[integer(random, 0, values.length - 1)] as T
const maybe = (random: Random, probability = 0.5) => random() < probability

const ACTIVATIONS = [
  'relu',
  'relu',
  'silu',
  'tanh',
  'elu',
  'gelu',
  'leakyRelu',
  'softplus',
  'sigmoid',
  'identity',
] as const

/** An encoder of images of one to three dimensions and a decoder of its own, or its mirror. */
export function randomNetwork(random: Random): VAEConfig {
  const dimensions = integer(random, 1, 3)
  // A side that can be halved as often as the layers halve it.
  const side = dimensions === 1 ? pick(random, [8, 16]) : dimensions === 2 ? pick(random, [4, 8]) : 4
  const spatial = Array.from({ length: dimensions }, () => side)
  const channels = integer(random, 1, 3)
  const halvings = side === 4 ? 1 : 2
  const encoder: Layer[] = []
  for (let i = 0; i < halvings; i++) encoder.push(...randomStage(random, i < halvings))
  if (maybe(random)) encoder.push(integer(random, 3, 9))
  const mirrored = maybe(random, 0.25) && encoder.every(canMirror)
  return {
    input: [channels, ...spatial],
    encoder,
    latent: integer(random, 1, 4),
    decoder: mirrored ? 'mirror' : randomDecoder(random, channels, spatial, halvings),
    activation: pick(random, ACTIVATIONS),
    likelihood: randomLikelihood(random),
    seed: integer(random, 0, 1000),
    ...(maybe(random, 0.2) ? { condition: integer(random, 1, 3) } : {}),
    ...(maybe(random, 0.15) ? { corruption: { type: 'masking', probability: 0.2 } as const } : {}),
    ...(maybe(random) ? randomLatentAndObjective(random, randomObjective(random)) : {}),
  }
}

const canMirror = (layer: Layer) =>
  typeof layer === 'number' || layer.type === 'dense' || (layer.type === 'conv' && layer.upsample === undefined)

function norm(random: Random, channels: number): Pick<ConvLayer, 'norm'> {
  return pick(random, [
    {},
    { norm: 'batch' as const },
    { norm: 'layer' as const },
    { norm: { type: 'group' as const, groups: channels % 2 === 0 ? 2 : 1 } },
  ])
}

/** Layers that halve the positions in each dimension. */
function randomStage(random: Random, halve: boolean): Layer[] {
  const channels = pick(random, [2, 3, 4, 6, 16, 17, 32])
  const conv = {
    type: 'conv',
    channels,
    kernel: pick(random, [1, 3]),
    padding: 'same',
    ...norm(random, channels),
  } as const
  const pooled = { ...conv, pool: pick(random, [2, { type: 'avg' as const, size: 2 }]) }
  const strided = { ...conv, stride: 2 }
  const parts: Layer[] = [
    { type: 'conv', channels, kernel: 3, padding: 'same' },
    { type: 'batchNorm' },
    { type: 'activation', activation: pick(random, ACTIVATIONS) },
    ...(maybe(random) ? [{ type: 'dropout', rate: 0.2, channels: maybe(random) } as const] : []),
    { type: 'maxPool', size: 2 },
  ]
  const inner: Layer[] = [
    { ...conv, dilation: 1 },
    { type: 'conv', channels, kernel: 3, padding: 'same' },
  ]
  const residual: Layer[] = [
    { type: 'residual', layers: inner },
    { type: 'avgPool', size: 2 },
  ]
  const options: Layer[][] = [[pooled], [strided], parts, residual]
  return halve ? pick(random, options) : [conv]
}

function randomDecoder(random: Random, channels: number, spatial: readonly number[], halvings: number): Layer[] {
  const start = spatial.map((size) => size / 2 ** halvings)
  const first = integer(random, 2, 5)
  const layers: Layer[] = [
    first * start.reduce((product, size) => product * size, 1),
    { type: 'reshape', shape: [first, ...start] },
  ]
  for (let i = 0; i < halvings; i++) {
    const out = pick(random, [2, 4, 5, 16])
    layers.push(
      ...pick<Layer[]>(random, [
        [{ type: 'conv', channels: out, kernel: 3, padding: 'same', upsample: 2, ...norm(random, out) }],
        [
          { type: 'upsample', factor: 2, mode: 'linear' },
          { type: 'conv', channels: out, kernel: 3, padding: 'same' },
        ],
        [
          {
            type: 'convTranspose',
            channels: out,
            kernel: 4,
            stride: 2,
            padding: 'same',
            ...norm(random, out),
          } as Layer,
        ],
      ]),
    )
  }
  // A dense head now and then.
  if (maybe(random, 0.2)) layers.push({ type: 'flatten' }, integer(random, 3, 6))
  else if (channels > 1 && maybe(random, 0.3)) layers.push({ type: 'conv', channels: 4, kernel: 1, groups: 1 })
  return layers
}

function randomLikelihood(random: Random): Likelihood {
  return pick<Likelihood>(random, [
    { type: 'bernoulli' },
    { type: 'gaussian', variance: 0.5 },
    { type: 'gaussian', variance: 'perDatum' },
    { type: 'gaussian', variance: 'perFeature' },
    { type: 'laplace' },
    { type: 'continuousBernoulli' },
    { type: 'poisson' },
    { type: 'multinomial' },
    { type: 'gaussian', covariance: 'lowRank', rank: 1 },
  ])
}

/** Rows within the domain of the likelihood. */
export function imagesFor(config: VAEConfig, rows: number, random: Random): Tensor<Float32Array> {
  const input = config.input as readonly number[]
  const size = input.reduce((product, n) => product * n, 1)
  const counts = ['poisson', 'multinomial'].includes((config.likelihood as Likelihood).type)
  const data = Float32Array.from({ length: rows * size }, () => (counts ? integer(random, 0, 4) : random()))
  return { data, shape: [rows, ...input] }
}
