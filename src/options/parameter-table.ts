/** Names and shapes of a model's parameters, known before any memory is set aside for them. */

import type { ModelSpec } from '../native.js'

export interface ParameterShape {
  readonly name: string
  readonly shape: readonly number[]
}

/**
 * The tensors of a model in the order of the core's own table (a test holds the two equal): as the `state_dict` of the
 * same network in PyTorch names and shapes them.
 */
export function parameterTable(spec: ModelSpec): ParameterShape[] {
  const table: ParameterShape[] = []
  const linear = (name: string, inputs: number, outputs: number) => {
    table.push({ name: `${name}.weight`, shape: [outputs, inputs] }, { name: `${name}.bias`, shape: [outputs] })
    return outputs
  }
  const stack = (name: string, inputs: number, layers: ModelSpec['encoder']) =>
    layers.reduce((width, layer, i) => linear(`${name}.${i}`, width, layer.units), inputs)

  const encoded = stack('encoder', spec.input, spec.encoder)
  linear('latent.mean', encoded, spec.latent.units)
  linear('latent.logVariance', encoded, spec.latent.units)
  const decoded = stack('decoder', spec.latent.units, spec.decoder)
  const { type, variance } = spec.likelihood
  linear(type === 'bernoulli' ? 'likelihood.logits' : 'likelihood.mean', decoded, spec.input)
  if (variance === 'learned') table.push({ name: 'likelihood.logVariance', shape: [1] })
  if (variance === 'perFeature') table.push({ name: 'likelihood.logVariance', shape: [spec.input] })
  if (variance === 'perDatum') linear('likelihood.logVariance', decoded, spec.input)
  return table
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

export function countParameters(spec: ModelSpec): number {
  return parameterTable(spec).reduce((sum, { shape }) => sum + elements(shape), 0)
}
