/** q(z|x) and p(z): their types, their checks, and their translation into what the core takes. */

import { expected } from '../../errors.js'
import type { LatentSpec } from '../../native.js'
import {
  boolean,
  byType,
  isPlain,
  list,
  number,
  oneOf,
  optional,
  options,
  pick,
  refuse,
  type Schema,
} from '../../schema.js'
import { above0, classCount, place, positive, spread } from './numbers.js'

/** p(z) = Π N(z; mean, variance), one mean and variance a dimension, the same for all data. */
export interface NormalPrior {
  readonly type: 'normal'
  /** The mean of each dimension, or of all of them; within ±1e12. Default: 0. */
  readonly mean?: number | readonly number[] | undefined
  /** The variance of each dimension, or of all of them; from 1e-12 to 1e12. Default: 1. */
  readonly variance?: number | readonly number[] | undefined
  /** Whether mean and variance are parameters, which only begin at what is given. Default: false. */
  readonly learned?: boolean | undefined
}

/**
 * p(z) = Σ_k softmax(logits)_k N(z; mean_k, diag(variance_k)): a mixture of diagonal Gaussians, all of it learned
 * (Dilokthanakul et al. 2016; Tomczak and Welling 2018). Its KL divergence has no closed form.
 */
export interface MixturePrior {
  readonly type: 'mixture'
  /** K, a positive integer. */
  readonly components: number
}

/** p(z) of dimensions that are numbers; 'standard' is N(0, I). */
export type Prior = 'standard' | NormalPrior | MixturePrior

/**
 * q(z|x) = N(mean(x), diag(exp(logVariance(x)))), drawn as mean + σ ε with ε ~ N(0, I) (Kingma and Welling 2013, section
 * 2.4 and appendix B).
 */
export interface GaussianLatent {
  readonly type: 'gaussian'
  /** Dimensions of z, a positive integer. */
  readonly units: number
  /**
   * 'full': the encoder puts out a Cholesky factor C, the covariance is C Cᵀ and z = mean + C ε, so that dimensions may
   * depend on each other (Kingma and Welling 2019, section 2.5.1). Default: 'diagonal'.
   */
  readonly covariance?: 'diagonal' | 'full' | undefined
  /** Default: 'standard'. */
  readonly prior?: Prior | undefined
}

/** q(z|x) = Π Laplace(z; mean(x), exp(logScale(x))), ε standard Laplace (Kingma and Welling 2013, section 2.4). */
export interface LaplaceLatent {
  readonly type: 'laplace'
  /** Dimensions of z, a positive integer. */
  readonly units: number
  /** A Gaussian, as of the other types. Default: 'standard'. */
  readonly prior?: Prior | undefined
}

/** q(z|x) = Π Logistic(z; mean(x), exp(logScale(x))), ε standard logistic (Kingma and Welling 2013, section 2.4). */
export interface LogisticLatent {
  readonly type: 'logistic'
  /** Dimensions of z, a positive integer. */
  readonly units: number
  /** A Gaussian, as of the other types. Default: 'standard'. */
  readonly prior?: Prior | undefined
}

/** A temperature that falls while the model trains: `start` at the beginning of its life, `end` from `epochs` on. */
export interface TemperatureSchedule {
  /** From 1e-6 to 1e6. */
  readonly start: number
  /** From 1e-6 to 1e6. */
  readonly end: number
  /** Epochs of the model's life, above 0. */
  readonly epochs: number
  /** 'exponential': start · (end / start)^(t / epochs); 'linear': a straight line. Default: 'exponential'. */
  readonly decay?: 'exponential' | 'linear' | undefined
}

interface Relaxed {
  /**
   * The temperature of the relaxation: near 0 variables are almost discrete and their gradients noisy. From 1e-6 to 1e6. Default: 0.5.
   */
  readonly temperature?: number | TemperatureSchedule | undefined
  /**
   * In training the decoder is given the discrete value, and the gradient is that of the relaxed one (Bengio et al. 2013;
   * Jang et al. 2017, section 2.2). Default: false.
   */
  readonly straightThrough?: boolean | undefined
}

/**
 * Variables of C classes each, z one-hot, with a uniform prior. In training a draw is softmax((logits(x) + Gumbel noise) /
 * temperature) (Jang et al. 2017; Maddison et al. 2017); in evaluation it is discrete.
 */
export interface CategoricalLatent extends Relaxed {
  readonly type: 'categorical'
  /** Variables, a positive integer; z has units · classes columns. */
  readonly units: number
  /** Classes of each variable, at least 2. */
  readonly classes: number
}

/**
 * Variables that are 0 or 1, with the prior ½. In training a draw is sigmoid((logits(x) + logistic noise) / temperature),
 * the binary concrete distribution (Maddison et al. 2017); in evaluation it is discrete.
 */
export interface BernoulliLatent extends Relaxed {
  readonly type: 'bernoulli'
  /** Variables, a positive integer. */
  readonly units: number
}

/** A group of latent variables. */
export type Latent = GaussianLatent | LaplaceLatent | LogisticLatent | CategoricalLatent | BernoulliLatent

/** A model's `latent`: units of a Gaussian group, a group, or several side by side. */
export type LatentConfig = number | Latent | readonly Latent[]

/** The core numbers the random numbers of groups with so many bits. */
const MOST_GROUPS = 4096

const perDimension = (what: string, one: Schema<number>) => {
  const each = list(what, one)
  return optional(pick((input) => (Array.isArray(input) ? each : one)) as Schema<number | readonly number[]>)
}
const priorKinds = byType<NormalPrior | MixturePrior>("'standard' or an object with the type 'normal' or 'mixture'", {
  normal: options<NormalPrior>('a prior', {
    type: oneOf(['normal']),
    mean: perDimension('a number or an array of them', place),
    variance: perDimension('a number or an array of them', spread),
    learned: optional(boolean()),
  }),
  mixture: options<MixturePrior>('a prior', { type: oneOf(['mixture']), components: positive }),
})
const priorNames = oneOf(['standard'])
const prior = optional(pick((input) => (input === 'standard' ? priorNames : priorKinds)) as Schema<Prior>)

const [COLDEST, HOTTEST] = [1e-6, 1e6]
const degree = number(`a number from ${COLDEST} to ${HOTTEST}`, (n) => n >= COLDEST && n <= HOTTEST)
const temperatureSchedule = options<TemperatureSchedule>('a number or an object { start, end, epochs }', {
  start: degree,
  end: degree,
  epochs: above0,
  decay: optional(oneOf(['exponential', 'linear'])),
})
const relaxed = {
  temperature: optional(
    pick((input) => (typeof input === 'number' ? degree : temperatureSchedule)) as Schema<number | TemperatureSchedule>,
  ),
  straightThrough: optional(boolean()),
}

const what = 'a group of latent variables'
const kinds = byType<Latent>("a group such as { type: 'gaussian', units }", {
  gaussian: options<GaussianLatent>(what, {
    type: oneOf(['gaussian']),
    units: positive,
    covariance: optional(oneOf(['diagonal', 'full'])),
    prior,
  }),
  laplace: options<LaplaceLatent>(what, { type: oneOf(['laplace']), units: positive, prior }),
  logistic: options<LogisticLatent>(what, { type: oneOf(['logistic']), units: positive, prior }),
  categorical: options<CategoricalLatent>(what, {
    type: oneOf(['categorical']),
    units: positive,
    classes: classCount,
    ...relaxed,
  }),
  bernoulli: options<BernoulliLatent>(what, { type: oneOf(['bernoulli']), units: positive, ...relaxed }),
})
const groups = list('an array of groups', kinds)
const none = refuse("a number of units, a group such as { type: 'gaussian', units } or an array of groups")

export const latentSchema = pick((input) => {
  if (typeof input === 'number') return positive
  if (Array.isArray(input)) return groups
  return isPlain(input) ? kinds : none
}) as Schema<number | Latent | readonly Latent[]>

/** A group as it was passed, with the name that errors call it by. */
export interface NamedGroup {
  readonly name: string
  readonly group: Latent
}

export function latentGroups(latent: number | Latent | readonly Latent[]): NamedGroup[] {
  if (typeof latent === 'number') return [{ name: 'latent', group: { type: 'gaussian', units: latent } }]
  if (!isList(latent)) return [{ name: 'latent', group: latent }]
  if (latent.length === 0 || latent.length > MOST_GROUPS) {
    throw new RangeError(expected(`an array of 1 to ${MOST_GROUPS} groups`, 'latent', latent))
  }
  return latent.map((group, i) => ({ name: `latent[${i}]`, group }))
}

function isList(latent: Latent | readonly Latent[]): latent is readonly Latent[] {
  return Array.isArray(latent)
}

const defaults = {
  fullCovariance: false,
  classes: 0,
  temperature: { decay: 'constant', start: 0.5, end: 0.5, epochs: 1 },
  straightThrough: false,
  prior: { type: 'standard', learned: false, mean: [], variance: [], components: 0 },
} as const satisfies Omit<LatentSpec, 'type' | 'units'>

/** Everything but a prior's mean and variance of each dimension: see {@link priorOfDimensions}. */
export function latentSpec({ name, group }: NamedGroup): LatentSpec {
  const { type, units } = group
  switch (type) {
    case 'gaussian':
      return { ...defaults, type, units, fullCovariance: group.covariance === 'full', prior: priorSpec(name, group) }
    case 'laplace':
    case 'logistic':
      return { ...defaults, type, units, prior: priorSpec(name, group) }
    case 'categorical':
      return { ...defaults, type, units, classes: group.classes, ...relaxedSpec(group) }
    case 'bernoulli':
      return { ...defaults, type, units, ...relaxedSpec(group) }
  }
}

function priorSpec(name: string, { prior, units }: { prior?: Prior | undefined; units: number }): LatentSpec['prior'] {
  if (prior === undefined || prior === 'standard') return defaults.prior
  if (prior.type === 'mixture') return { ...defaults.prior, type: 'mixture', components: prior.components }
  for (const field of ['mean', 'variance'] as const) {
    const value = prior[field]
    if (typeof value === 'object' && value.length !== units) {
      throw new RangeError(expected(`${units} numbers, one a dimension,`, `${name}.prior.${field}`, value))
    }
  }
  return { ...defaults.prior, type: 'normal', learned: prior.learned ?? false }
}

/** What was passed; discrete variables have no choice. */
export function priorOf(group: Latent): Prior | undefined {
  return 'prior' in group ? group.prior : undefined
}

/** Mean and variance of a normal prior, one a dimension. */
export function priorOfDimensions(group: Latent): Pick<LatentSpec['prior'], 'mean' | 'variance'> {
  const prior = priorOf(group)
  if (typeof prior !== 'object' || prior.type !== 'normal') return { mean: [], variance: [] }
  const each = (value: number | readonly number[]) =>
    typeof value === 'number' ? new Array<number>(group.units).fill(value) : value
  return { mean: each(prior.mean ?? 0), variance: each(prior.variance ?? 1) }
}

function relaxedSpec({ temperature = 0.5, straightThrough = false }: Relaxed) {
  if (typeof temperature === 'number') {
    return { temperature: { ...defaults.temperature, start: temperature, end: temperature }, straightThrough }
  }
  const { start, end, epochs, decay = 'exponential' } = temperature
  return { temperature: { decay, start, end, epochs }, straightThrough }
}

/** Columns of z that a group has. */
export function latentWidth({ type, units, classes }: LatentSpec): number {
  return type === 'categorical' ? units * classes : units
}

export function isDiscrete({ type }: LatentSpec): boolean {
  return type === 'categorical' || type === 'bernoulli'
}
