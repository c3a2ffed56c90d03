/** Names and shapes of a model's parameters, known before any memory is set aside for them. */

import type { LatentSpec, LikelihoodSpec, ModelSpec } from '../native.js'
import { latentWidth } from './config/latent.js'

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

  const encoded = stack('encoder', spec.input + spec.condition.width, spec.encoder)
  spec.latents.forEach((latent, i) => {
    // As nn.ModuleList would name them; a single group is no list.
    const prefix = spec.latents.length === 1 ? 'latent' : `latent.${i}`
    for (const { name, units } of latentHeads(latent)) linear(`${prefix}.${name}`, encoded, units)
    for (const { name, shape } of priorTensors(latent)) table.push({ name: `${prefix}.prior.${name}`, shape })
  })
  const width = spec.latents.reduce((sum, latent) => sum + latentWidth(latent), 0)
  const decoded = stack('decoder', width + spec.condition.width, spec.decoder)
  const { head, spread } = likelihoodHeads(spec.likelihood)
  linear(`likelihood.${head}`, decoded, spec.input)
  const { dispersion, covariance, rank } = spec.likelihood
  if (dispersion === 'perDatum') linear(`likelihood.${spread}`, decoded, spec.input)
  if (covariance === 'full') linear('likelihood.regression', decoded, (spec.input * (spec.input - 1)) / 2)
  if (covariance === 'lowRank') linear('likelihood.factor', decoded, spec.input * rank)
  if (dispersion === 'learned') table.push({ name: `likelihood.${spread}`, shape: [1] })
  if (dispersion === 'perFeature') table.push({ name: `likelihood.${spread}`, shape: [spec.input] })
  // Learned from the data, and not trained: see native/core/scaling.h.
  if (spec.scale !== 'none') {
    table.push({ name: 'scale.shift', shape: [spec.input] }, { name: 'scale.factor', shape: [spec.input] })
  }
  return table
}

/** Dense layers that the encoder ends in, for one group. */
function latentHeads({ type, units, classes, fullCovariance }: LatentSpec): { name: string; units: number }[] {
  switch (type) {
    case 'gaussian': {
      const heads = [
        { name: 'mean', units },
        { name: 'logVariance', units },
      ]
      // Below the diagonal of one dimension there is nothing.
      if (fullCovariance && units > 1) heads.push({ name: 'cholesky', units: (units * (units - 1)) / 2 })
      return heads
    }
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

/** What a group's prior learns. */
function priorTensors({ units, prior: { type, learned, components } }: LatentSpec): ParameterShape[] {
  if (type === 'mixture') {
    return [
      { name: 'logits', shape: [components] },
      { name: 'mean', shape: [components, units] },
      { name: 'logVariance', shape: [components, units] },
    ]
  }
  if (type === 'normal' && learned) {
    return [
      { name: 'mean', shape: [units] },
      { name: 'logVariance', shape: [units] },
    ]
  }
  return []
}

/** What the decoder ends in, and what a dispersion is called where the likelihood has one. */
function likelihoodHeads({ type }: LikelihoodSpec): { head: string; spread: string } {
  if (type === 'gaussian') return { head: 'mean', spread: 'logVariance' }
  if (type === 'laplace') return { head: 'mean', spread: 'logScale' }
  return { head: type === 'poisson' ? 'logRate' : 'logits', spread: '' }
}

export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1)
}

export function countParameters(spec: ModelSpec): number {
  return parameterTable(spec).reduce((sum, { shape }) => sum + elements(shape), 0)
}
