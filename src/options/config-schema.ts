/** The checks of a model's config, field by field. What fields mean together is checked in config.ts. */

import type { ActivationName, InitializerName } from '../native.js'
import type {
  BernoulliLikelihood,
  DenseLayer,
  GaussianLatent,
  GaussianLikelihood,
  Layer,
  Objective,
  VAEConfig,
} from './config.js'
import { byType, integer, list, number, oneOf, optional, options, pair, pick, type Schema } from './schema.js'

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

const initializers = [
  'pytorch',
  'glorotUniform',
  'glorotNormal',
  'heUniform',
  'heNormal',
] as const satisfies readonly InitializerName[]

/** Beyond it an exponential leaves float32. */
const LARGEST_LOG_VARIANCE = 80
const VARIANCES = [1e-30, 1e30] as const

const units = integer('a positive integer', 1, 2 ** 31 - 1)
const activation = optional(oneOf(activations))

const layerKinds = byType<DenseLayer>("a layer: a number of units or { type: 'dense', units }", {
  dense: options<DenseLayer>('a layer', { type: oneOf(['dense']), units, activation }),
})
const layer = pick((input) => (typeof input === 'number' ? units : layerKinds)) as Schema<Layer>
const layers = optional(list('an array of layers', layer))

const latentKinds = byType<GaussianLatent>("a number of units or { type: 'gaussian', units }", {
  gaussian: options<GaussianLatent>('a posterior', { type: oneOf(['gaussian']), units }),
})
const latent = pick((input) => (typeof input === 'number' ? units : latentKinds)) as Schema<number | GaussianLatent>

const varianceNames = oneOf(['learned', 'perFeature', 'perDatum'])
const varianceNumber = number(
  `a number from ${VARIANCES[0]} to ${VARIANCES[1]}, 'learned', 'perFeature' or 'perDatum'`,
  (n) => n >= VARIANCES[0] && n <= VARIANCES[1],
)
const variance = pick((input) => (typeof input === 'string' ? varianceNames : varianceNumber)) as Schema<
  number | 'learned' | 'perFeature' | 'perDatum'
>
const bound = number(
  `a number from ${-LARGEST_LOG_VARIANCE} to ${LARGEST_LOG_VARIANCE}`,
  (n) => Math.abs(n) <= LARGEST_LOG_VARIANCE,
)

const likelihoodKinds = byType<BernoulliLikelihood | GaussianLikelihood>(
  "'bernoulli', 'gaussian' or an object with one of these as its type",
  {
    bernoulli: options<BernoulliLikelihood>('a likelihood', { type: oneOf(['bernoulli']) }),
    gaussian: options<GaussianLikelihood>('a likelihood', {
      type: oneOf(['gaussian']),
      variance: optional(variance),
      logVarianceBounds: optional(pair('an array of two numbers, [min, max]', bound)),
    }),
  },
)
const likelihoodNames = oneOf(['bernoulli', 'gaussian'])
const likelihood = pick((input) => (typeof input === 'string' ? likelihoodNames : likelihoodKinds)) as Schema<
  'bernoulli' | 'gaussian' | BernoulliLikelihood | GaussianLikelihood
>

const shape = list('a number of features or a shape [channels, ...spatial]', units)
const input = pick((value) => (typeof value === 'number' ? units : shape)) as Schema<number | readonly number[]>

export const configSchema = options<VAEConfig>('an object', {
  input: optional(input),
  encoder: layers,
  latent: optional(latent),
  decoder: layers,
  activation,
  likelihood: optional(likelihood),
  objective: optional(
    options<Objective>('an object', {
      beta: optional(number('a finite number of at least 0', (n) => n >= 0)),
      samples: optional(integer('a positive integer', 1, 2 ** 31 - 1)),
      kl: optional(oneOf(['analytic'])),
    }),
  ),
  initializer: optional(oneOf(initializers)),
  seed: optional(integer('a safe integer of at least 0', 0)),
})
