/** What training minimises: its type, its checks, and its translation into what the core takes. */

import { expected } from '../../errors.js'
import type { LatentSpec, ObjectiveSpec } from '../../native.js'
import { boolean, byType, number, oneOf, oneOfNumbers, optional, options, pick, type Schema } from '../../schema.js'
import { isDiscrete, type NamedGroup, priorOf } from './latent.js'
import { above0, amount, amountOrNone, positive } from './numbers.js'

/** `beta` times t / epochs, t counted in epochs of the model's life (Sønderby et al. 2016). */
export interface LinearWarmup {
  readonly type: 'linear'
  /** Until the factor is 1, above 0. */
  readonly epochs: number
}

/** `beta` times half a cosine, (1 − cos(π t / epochs)) / 2 (Loshchilov and Hutter 2017, equation 5, but rising). */
export interface CosineWarmup {
  readonly type: 'cosine'
  /** Until the factor is 1, above 0. */
  readonly epochs: number
}

/** Several rises one after another, each from 0 (Fu et al. 2019). */
export interface CyclicalWarmup {
  readonly type: 'cyclical'
  /** Epochs of all cycles together, above 0; the factor stays 1 afterwards. */
  readonly epochs: number
  /** How many within `epochs`, a positive integer. Default: 4. */
  readonly cycles?: number | undefined
  /** The part of each cycle in which the factor grows from 0 to 1, in (0, 1]; it is 1 in the rest. Default: 0.5. */
  readonly rise?: number | undefined
}

export type Warmup = LinearWarmup | CosineWarmup | CyclicalWarmup

/** Σ max(nats, KL) in place of KL, each KL being the batch's mean (Kingma et al. 2016). */
export interface FreeBits {
  /** Nats, above 0 and at most 1e12; "bits" is only the method's name. */
  readonly nats: number
  /** What each KL is of: a dimension (a variable, if z is discrete) or a whole group. Default: 'dimension'. */
  readonly per?: 'dimension' | 'group' | undefined
}

/** weight · |KL − C| in place of beta · KL, where C grows linearly from 0 to `nats` within `epochs` (Burgess et al. 2018). */
export interface Capacity {
  /** Above 0 and at most 1e12. */
  readonly weight: number
  /** Where C ends, from 0 to 1e12. */
  readonly nats: number
  /** Epochs of the model's life, above 0. */
  readonly epochs: number
}

/**
 * The loss: E_q[−log p(x|z)] + beta · KL(q(z|x) ‖ p(z)), nats per example, or one of its relatives. Options that exclude
 * each other are refused: see docs/models.md.
 */
export interface Objective {
  /**
   * Weight of the KL divergence, from 0 to 1e12 (Higgins et al. 2017). 1 is the negative evidence lower bound. Default: 1.
   */
  readonly beta?: number | undefined
  /** L, the draws of z for each datum over which the reconstruction term is averaged. Default: 1. */
  readonly samples?: number | undefined
  /**
   * How the KL divergence is computed: 'analytic' by its closed form, 'monteCarlo' as the mean of log q(z|x) − log p(z)
   * over the draws (Kingma and Welling 2013, equation 6). Default: 'analytic', or 'monteCarlo' if a prior is a mixture
   * or the bound importance-weighted.
   */
  readonly kl?: 'analytic' | 'monteCarlo' | undefined
  /**
   * 'elbo' is the loss above. 'iwae' is −log of the mean over L ≥ 2 draws of p(x, z) / q(z|x), which lies closer to
   * −log p(x) (Burda et al. 2016); 'dreg' is the same with the doubly reparameterised gradient, which does not drown in
   * noise as L grows (Tucker et al. 2019). With both, `beta` and `warmup` weigh log p(z) − log q(z|x).
   * Default: 'elbo'.
   */
  readonly bound?: 'elbo' | 'iwae' | 'dreg' | undefined
  /**
   * Where the encoder's gradient comes from: 'reparameterized' through the draw; 'scoreFunction' from ∇log q weighted with
   * the loss of the draw, which needs no derivative of z and is far noisier; discrete variables are then drawn discrete
   * (Williams 1992; Mnih and Gregor 2014). Default: 'reparameterized'.
   */
  readonly estimator?: 'reparameterized' | 'scoreFunction' | undefined
  /**
   * With 'scoreFunction', what is taken off the loss to lessen the noise: its moving average over the steps (Mnih and
   * Gregor 2014), or the mean of the same datum's other draws, which needs two (Kool et al. 2019). Default: 'movingAverage'.
   */
  readonly baseline?: 'none' | 'movingAverage' | 'leaveOneOut' | undefined
  /** A factor of `beta` that grows to 1 and never beyond; a number is a linear one over so many epochs. Default: none. */
  readonly warmup?: number | Warmup | undefined
  /** KL that costs nothing; a number is nats for each dimension, above 0 and at most 1e12. Default: none. */
  readonly freeBits?: number | FreeBits | undefined
  /** A KL to be met instead of minimised. Default: none. */
  readonly capacity?: Capacity | undefined
  /**
   * Weight, above 0 and at most 1e12, of the total correlation KL(q(z) ‖ Π q(z_d)) added to the loss, estimated within the
   * batch: with beta = 1 and β − 1 here it is beta-TC-VAE (Chen et al. 2018, equation 4). Default: none.
   */
  readonly totalCorrelation?: number | undefined
  /**
   * Weight, above 0 and at most 1e12, of the maximum mean discrepancy between draws of q(z) and of p(z), added to the loss
   * (Zhao et al. 2017). Default: none.
   */
  readonly mmd?: number | undefined
  /** 0 leaves a term of the loss out, to see what the other does alone. Default: { reconstruction: 1, kl: 1 }. */
  readonly weights?: { readonly reconstruction?: 0 | 1 | undefined; readonly kl?: 0 | 1 | undefined } | undefined
  /**
   * z is the posterior's mean (of discrete variables the probabilities) and
   * there is no KL term: a plain auto-encoder, with `mmd` a Wasserstein auto-encoder (Tolstikhin et al. 2018).
   * Default: false.
   */
  readonly deterministic?: boolean | undefined
}

const warmupKinds = byType<Warmup>("a number of epochs or an object with the type 'linear', 'cosine' or 'cyclical'", {
  linear: options<LinearWarmup>('a warm-up', { type: oneOf(['linear']), epochs: above0 }),
  cosine: options<CosineWarmup>('a warm-up', { type: oneOf(['cosine']), epochs: above0 }),
  cyclical: options<CyclicalWarmup>('a warm-up', {
    type: oneOf(['cyclical']),
    epochs: above0,
    cycles: optional(positive),
    rise: optional(number('a number above 0 and at most 1', (n) => n > 0 && n <= 1)),
  }),
})
const freeBits = options<FreeBits>('a number of nats or an object { nats, per }', {
  nats: amount,
  per: optional(oneOf(['dimension', 'group'])),
})
const weight = optional(oneOfNumbers([0, 1]))

export const objectiveSchema = options<Objective>('an object', {
  beta: optional(amountOrNone),
  samples: optional(positive),
  kl: optional(oneOf(['analytic', 'monteCarlo'])),
  bound: optional(oneOf(['elbo', 'iwae', 'dreg'])),
  estimator: optional(oneOf(['reparameterized', 'scoreFunction'])),
  baseline: optional(oneOf(['none', 'movingAverage', 'leaveOneOut'])),
  warmup: optional(pick((input) => (typeof input === 'number' ? above0 : warmupKinds)) as Schema<number | Warmup>),
  freeBits: optional(pick((input) => (typeof input === 'number' ? amount : freeBits)) as Schema<number | FreeBits>),
  capacity: optional(
    options<Capacity>('an object { weight, nats, epochs }', { weight: amount, nats: amountOrNone, epochs: above0 }),
  ),
  totalCorrelation: optional(amount),
  mmd: optional(amount),
  weights: optional(options('an object { reconstruction, kl }', { reconstruction: weight, kl: weight })),
  deterministic: optional(boolean()),
})

interface NamedLatent extends NamedGroup {
  readonly spec: LatentSpec
}

/** Every field that the core wants. Throws a RangeError for options that rule each other out. */
export function objectiveSpec(objective: Objective, latents: readonly NamedLatent[]): ObjectiveSpec {
  const { beta = 1, samples = 1, bound = 'elbo', estimator = 'reparameterized', deterministic = false } = objective
  const mixture = latents.some(({ spec }) => spec.prior.type === 'mixture')
  const kl = objective.kl ?? (mixture || bound !== 'elbo' ? 'monteCarlo' : 'analytic')
  const freeBits = freeBitsSpec(objective.freeBits)
  const spec: ObjectiveSpec = {
    beta,
    samples,
    bound,
    kl,
    estimator,
    baseline: objective.baseline ?? (estimator === 'scoreFunction' ? 'movingAverage' : 'none'),
    baselineDecay: 0.99,
    reconstructionWeight: objective.weights?.reconstruction ?? 1,
    klWeight: objective.weights?.kl ?? 1,
    deterministic,
    warmup: warmupSpec(objective.warmup),
    freeBits,
    capacity: objective.capacity ?? { weight: 0, nats: 0, epochs: 1 },
    totalCorrelation: objective.totalCorrelation ?? 0,
    mmd: objective.mmd ?? 0,
  }
  checkWeights(objective)
  if (deterministic) checkDeterministic(objective, latents)
  if (bound !== 'elbo') checkImportanceWeighted(objective, bound, latents)
  checkEstimator(objective, spec, latents)
  checkDivergence(objective, spec, latents)
  checkAdditions(objective, spec, latents)
  return spec
}

function warmupSpec(warmup: Objective['warmup']): ObjectiveSpec['warmup'] {
  const none = { type: 'none', epochs: 1, cycles: 1, rise: 0.5 } as const
  if (warmup === undefined) return none
  if (typeof warmup === 'number') return { ...none, type: 'linear', epochs: warmup }
  const { type, epochs } = warmup
  if (type !== 'cyclical') return { ...none, type, epochs }
  return { type, epochs, cycles: warmup.cycles ?? 4, rise: warmup.rise ?? 0.5 }
}

function freeBitsSpec(freeBits: Objective['freeBits']): ObjectiveSpec['freeBits'] {
  if (freeBits === undefined) return { per: 'none', nats: 0 }
  if (typeof freeBits === 'number') return { per: 'dimension', nats: freeBits }
  return { per: freeBits.per ?? 'dimension', nats: freeBits.nats }
}

/** Refuses each of these options that is given. */
function refuseBeside(objective: Objective, names: readonly (keyof Objective)[], reason: string): void {
  for (const name of names) {
    const value = objective[name]
    if (value !== undefined) throw new RangeError(expected(`no ${name}, as ${reason},`, `objective.${name}`, value))
  }
}

function checkWeights({ weights, deterministic }: Objective): void {
  if (weights?.reconstruction !== 0) return
  if (weights.kl === 0) {
    throw new RangeError(expected('at least one weight of 1, as nothing else is left,', 'objective.weights', weights))
  }
  if (deterministic) {
    const what = '1, as a deterministic model has no other term,'
    throw new RangeError(expected(what, 'objective.weights.reconstruction', 0))
  }
}

function checkDeterministic(objective: Objective, latents: readonly NamedLatent[]): void {
  const reason = 'a deterministic model has no KL term'
  refuseBeside(objective, ['beta', 'kl', 'warmup', 'freeBits', 'capacity', 'totalCorrelation'], reason)
  if (objective.weights?.kl !== undefined) {
    throw new RangeError(expected(`no weight, as ${reason},`, 'objective.weights.kl', objective.weights.kl))
  }
  if ((objective.samples ?? 1) > 1) {
    const what = '1, as a deterministic model draws nothing,'
    throw new RangeError(expected(what, 'objective.samples', objective.samples))
  }
  refuseRelaxation(latents, 'a deterministic model draws no discrete variables')
  for (const { name, group, spec } of latents) {
    if (!isLearned(spec)) continue
    const what = 'a fixed prior, as a deterministic model learns none,'
    throw new RangeError(expected(what, `${name}.prior`, priorOf(group)))
  }
}

function checkImportanceWeighted(objective: Objective, bound: 'iwae' | 'dreg', latents: readonly NamedLatent[]): void {
  const { samples, kl, weights } = objective
  if (objective.deterministic) {
    const what = "'elbo', as a deterministic model draws nothing,"
    throw new RangeError(expected(what, 'objective.bound', bound))
  }
  if (objective.estimator === 'scoreFunction') {
    const what = `'reparameterized', as the bound '${bound}' has no other gradient here,`
    throw new RangeError(expected(what, 'objective.estimator', objective.estimator))
  }
  if ((samples ?? 1) < 2) {
    throw new RangeError(
      expected(`at least 2 draws, of which the bound '${bound}' takes the mean,`, 'objective.samples', samples),
    )
  }
  if (kl === 'analytic') {
    const what = `'monteCarlo', for the bound '${bound}' has no closed form,`
    throw new RangeError(expected(what, 'objective.kl', kl))
  }
  refuseBeside(objective, ['freeBits', 'capacity'], `the bound '${bound}' has no KL term of its own`)
  for (const term of ['reconstruction', 'kl'] as const) {
    if (weights?.[term] !== 0) continue
    const what = `1, as the bound '${bound}' has no terms to leave out,`
    throw new RangeError(expected(what, `objective.weights.${term}`, 0))
  }
  const discrete = latents.find(({ spec }) => isDiscrete(spec))
  if (bound === 'dreg' && discrete) {
    const what = `'elbo' or 'iwae', as ${discrete.name} is discrete and has no doubly reparameterised gradient,`
    throw new RangeError(expected(what, 'objective.bound', bound))
  }
}

function checkEstimator(objective: Objective, spec: ObjectiveSpec, latents: readonly NamedLatent[]): void {
  if (spec.estimator === 'reparameterized') {
    refuseBeside(objective, ['baseline'], "only the estimator 'scoreFunction' has one")
    return
  }
  if (spec.deterministic) {
    const what = "'reparameterized', as a deterministic model draws nothing,"
    throw new RangeError(expected(what, 'objective.estimator', spec.estimator))
  }
  refuseBeside(objective, ['totalCorrelation', 'mmd'], "the estimator 'scoreFunction' has no derivative of z")
  if (spec.baseline === 'leaveOneOut' && spec.samples < 2) {
    const what = "at least 2 draws, which the baseline 'leaveOneOut' compares,"
    throw new RangeError(expected(what, 'objective.samples', objective.samples))
  }
  refuseRelaxation(latents, "the estimator 'scoreFunction' draws discrete variables as they are")
}

/** Refuses what only relaxed variables have, if there are none. */
function refuseRelaxation(latents: readonly NamedLatent[], reason: string): void {
  for (const { name, group, spec } of latents) {
    if (spec.straightThrough) throw new RangeError(expected(`false, as ${reason},`, `${name}.straightThrough`, true))
    if (typeof group !== 'object' || !('temperature' in group) || group.temperature === undefined) continue
    throw new RangeError(expected(`no temperature, as ${reason},`, `${name}.temperature`, group.temperature))
  }
}

function checkDivergence(objective: Objective, spec: ObjectiveSpec, latents: readonly NamedLatent[]): void {
  if (objective.kl === 'analytic' && latents.some((latent) => latent.spec.prior.type === 'mixture')) {
    const what = "'monteCarlo', for a mixture prior has no closed form,"
    throw new RangeError(expected(what, 'objective.kl', objective.kl))
  }
  if (objective.capacity) {
    refuseBeside(objective, ['freeBits', 'warmup', 'beta'], 'capacity takes the place of beta · KL')
    if (spec.klWeight === 0) {
      const what = 'no capacity, as objective.weights.kl leaves the KL term out,'
      throw new RangeError(expected(what, 'objective.capacity', objective.capacity))
    }
  }
  if (spec.klWeight === 0) refuseBeside(objective, ['beta', 'warmup', 'freeBits'], 'weights.kl leaves the KL term out')
  if (spec.freeBits.per !== 'dimension') return
  const full = latents.find((latent) => latent.spec.fullCovariance)
  if (full || spec.kl === 'monteCarlo') {
    const reason = full ? `${full.name} has a full covariance` : 'a Monte-Carlo KL divergence has no dimensions'
    throw new RangeError(expected(`{ nats, per: 'group' }, as ${reason},`, 'objective.freeBits', objective.freeBits))
  }
}

function checkAdditions(objective: Objective, spec: ObjectiveSpec, latents: readonly NamedLatent[]): void {
  const refuse = (name: 'totalCorrelation' | 'mmd', reason: string) => refuseBeside(objective, [name], reason)
  if (spec.samples !== 1)
    refuse('totalCorrelation', `it takes one draw of each datum and objective.samples is ${spec.samples}`)
  if (latents.length > 1) refuse('totalCorrelation', 'it is of one group and latent has several')
  for (const { name, spec: latent } of latents) {
    if (isDiscrete(latent)) refuse('totalCorrelation', `${name} is discrete`)
    if (latent.fullCovariance) refuse('totalCorrelation', `${name} has a full covariance`)
    if (isLearned(latent)) refuse('mmd', `it holds z to a fixed prior and ${name}.prior is learned`)
  }
}

function isLearned({ prior }: LatentSpec): boolean {
  return prior.type === 'mixture' || prior.learned
}
