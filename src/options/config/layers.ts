/** The layers of encoder and decoder. */

import type { ActivationName, ModelSpec } from '../../native.js'
import { byType, list, oneOf, optional, options, pick, type Schema } from '../../schema.js'
import { positive } from './numbers.js'

/** A fully connected layer: activation(weight · x + bias). */
export interface DenseLayer {
  readonly type: 'dense'
  /** Outputs, a positive integer. */
  readonly units: number
  /** Default: the model's `activation`. */
  readonly activation?: ActivationName | undefined
}

/** A layer between the data and the latent space. A number is a dense layer of so many units. */
export type Layer = number | DenseLayer

const activations = [
  'identity',
  'relu',
  'leakyRelu',
  'elu',
  'gelu',
  'silu',
  'tanh',
  'sigmoid',
  'softplus',
] as const satisfies readonly ActivationName[]

export const activationSchema = oneOf(activations)

const kinds = byType<DenseLayer>("a layer: a number of units or { type: 'dense', units }", {
  dense: options<DenseLayer>('a layer', {
    type: oneOf(['dense']),
    units: positive,
    activation: optional(activationSchema),
  }),
})
const layer = pick((input) => (typeof input === 'number' ? positive : kinds)) as Schema<Layer>

export const layersSchema = list('an array of layers', layer)

/** `activation` is that of layers which name none. */
export function layerSpecs(layers: readonly Layer[] = [200], activation: ActivationName): ModelSpec['encoder'] {
  return layers.map((layer) =>
    typeof layer === 'number'
      ? { units: layer, activation }
      : { units: layer.units, activation: layer.activation ?? activation },
  )
}
