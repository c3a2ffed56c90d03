/** What a model is, as plain JSON: its type, its checks, and its translation into what the core takes. */

import { expected } from '../errors.js'
import type { ActivationName, InitializerName, ModelSpec } from '../native.js'
import { configSchema } from './config-schema.js'
import { countParameters } from './parameter-table.js'
import { parse } from './schema.js'

export type { ActivationName, InitializerName } from '../native.js'

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

/** q(z|x) = N(mean(x), diag(exp(logVariance(x)))), with the prior p(z) = N(0, I) (Kingma and Welling 2013, appendix B). */
export interface GaussianLatent {
  readonly type: 'gaussian'
  /** Dimensions of z, a positive integer. */
  readonly units: number
}

/** p(x|z) = Π Bernoulli(x; sigmoid(logits(z))), for data in [0, 1]. */
export interface BernoulliLikelihood {
  readonly type: 'bernoulli'
}

/** p(x|z) = Π N(x; mean(z), variance), for any finite data. */
export interface GaussianLikelihood {
  readonly type: 'gaussian'
  /**
   * Where the variance comes from: a number is that constant; 'learned' is one parameter for all features;
   * 'perFeature' one for each; 'perDatum' is put out by the decoder for each datum and feature. Default: 'learned'.
   */
  readonly variance?: number | 'learned' | 'perFeature' | 'perDatum' | undefined
  /**
   * A log-variance that is not a constant stays softly between these two, so that nothing overflows. The lower one also
   * keeps the density of data without noise from growing without limit. Default: [-10, 10]; within [-80, 80].
   */
  readonly logVarianceBounds?: readonly [min: number, max: number] | undefined
}

/** The loss: E_q[−log p(x|z)] + beta · KL(q(z|x) ‖ p(z)), nats per example. */
export interface Objective {
  /** Weight of the KL divergence, at least 0 (Higgins et al. 2017). 1 is the negative evidence lower bound. Default: 1. */
  readonly beta?: number | undefined
  /** L, the draws of z for each datum over which the reconstruction term is averaged. Default: 1. */
  readonly samples?: number | undefined
  /** How the KL divergence is computed. Default: 'analytic', the closed form. */
  readonly kl?: 'analytic' | undefined
}

/**
 * A model. Every field is optional; the default is the reference model, 784-200-10-200-784 for MNIST.
 * Plain JSON: what is passed is what `config.json` holds.
 */
export interface VAEConfig {
  /** Features of a row, or its shape [channels, ...spatial] such as [1, 28, 28]. Default: 784. */
  readonly input?: number | readonly number[] | undefined
  /** Layers from the data towards the latent space; may be empty. Default: [200]. */
  readonly encoder?: readonly Layer[] | undefined
  /** The posterior; a number is a Gaussian of so many units. Default: 10. */
  readonly latent?: number | GaussianLatent | undefined
  /** Layers from the latent space towards the data; may be empty. Default: [200]. */
  readonly decoder?: readonly Layer[] | undefined
  /** The activation of every layer that names none of its own. Default: 'relu'. */
  readonly activation?: ActivationName | undefined
  /** p(x|z); a name is that likelihood with its defaults. Default: 'bernoulli'. */
  readonly likelihood?: 'bernoulli' | 'gaussian' | BernoulliLikelihood | GaussianLikelihood | undefined
  /** Default: { beta: 1, samples: 1, kl: 'analytic' }. */
  readonly objective?: Objective | undefined
  /**
   * How parameters begin. 'pytorch' is `nn.Linear`'s default; glorot is Glorot and Bengio 2010, he is He et al. 2015, both
   * with zero biases. Default: 'pytorch'.
   */
  readonly initializer?: InitializerName | undefined
  /** Of initialisation, shuffling and every draw in training: a safe integer of at least 0. Default: 0. */
  readonly seed?: number | undefined
}

/** More parameters than this do not fit one Float32Array, nor any machine that would train them here. */
const MOST_PARAMETERS = 2 ** 31

/** A model's config, checked and spelled out. */
export interface ParsedConfig {
  /** What was passed, as JSON keeps it; frozen at every depth. */
  readonly config: VAEConfig
  /** The shape of one row of data. */
  readonly inputShape: readonly number[]
  readonly spec: ModelSpec
}

/** Throws a TypeError or RangeError that names the field which is wrong. */
export function parseConfig(passed: unknown): ParsedConfig {
  const config = parse(configSchema, passed, 'the config of VAE')
  const inputShape = typeof config.input === 'object' ? config.input : [config.input ?? 784]
  if (inputShape.length === 0) {
    throw new RangeError(expected('a shape of at least one dimension', 'input', config.input))
  }
  const input = inputShape.reduce((product, size) => product * size, 1)
  if (input >= 2 ** 31) throw new RangeError(expected('fewer than 2^31 features', 'input', config.input))
  const activation = config.activation ?? 'relu'
  const spec: ModelSpec = {
    input,
    encoder: (config.encoder ?? [200]).map((layer) => dense(layer, activation)),
    latent: { units: typeof config.latent === 'object' ? config.latent.units : (config.latent ?? 10) },
    decoder: (config.decoder ?? [200]).map((layer) => dense(layer, activation)),
    likelihood: likelihoodSpec(config.likelihood ?? 'bernoulli'),
    objective: { beta: config.objective?.beta ?? 1, samples: config.objective?.samples ?? 1 },
    initializer: config.initializer ?? 'pytorch',
    seed: config.seed ?? 0,
  }
  const count = countParameters(spec)
  if (count > MOST_PARAMETERS) {
    throw new RangeError(expected('a model of at most 2^31 parameters', 'the layers together', count))
  }
  return { config: deepFreeze(JSON.parse(JSON.stringify(config)) as VAEConfig), inputShape, spec }
}

function dense(layer: Layer, activation: ActivationName): ModelSpec['encoder'][number] {
  return typeof layer === 'number'
    ? { units: layer, activation }
    : { units: layer.units, activation: layer.activation ?? activation }
}

function likelihoodSpec(likelihood: NonNullable<VAEConfig['likelihood']>): ModelSpec['likelihood'] {
  const { type, ...options } = typeof likelihood === 'string' ? { type: likelihood } : likelihood
  const { variance = 'learned', logVarianceBounds } = options as Partial<GaussianLikelihood>
  if (logVarianceBounds && typeof variance === 'number') {
    const what = 'no bounds beside a constant variance'
    throw new RangeError(expected(what, 'likelihood.logVarianceBounds', logVarianceBounds))
  }
  const [min, max] = logVarianceBounds ?? [-10, 10]
  if (!(min < max)) {
    throw new RangeError(expected('[min, max] with min below max', 'likelihood.logVarianceBounds', logVarianceBounds))
  }
  const constant = type === 'bernoulli' ? 1 : variance
  return {
    type,
    variance: typeof constant === 'number' ? 'fixed' : constant,
    fixedVariance: typeof constant === 'number' ? constant : 1,
    logVarianceBounds: [min, max],
  }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const child of Object.values(value)) deepFreeze(child)
    Object.freeze(value)
  }
  return value
}
