/** p(x|z): its types, its checks, and its translation into what the core takes. */

import { expected } from '../../errors.js'
import type { LikelihoodSpec } from '../../native.js'
import { byType, list, oneOf, optional, options, pair, pick, refuse, type Schema } from '../../schema.js'
import { type LikelihoodHead, likelihoodHeadSchema } from './layers.js'
import { classCount, logarithm, magnitude, positive } from './numbers.js'

/** p(x|z) = Π Bernoulli(x; sigmoid(logits(z))), for data in [0, 1] (Kingma and Welling 2013, appendix C.1). */
export interface BernoulliLikelihood extends Decoded {
  readonly type: 'bernoulli'
  /**
   * What happens to values between 0 and 1: 'none' leaves them (the loss is then a cross-entropy); 'threshold' makes
   * those above one half 1 and others 0; 'stochastic' makes each 1 with its own value as probability (Salakhutdinov and
   * Murray 2008), drawn anew in each epoch of training. Default: 'none'.
   */
  readonly binarize?: 'none' | 'threshold' | 'stochastic' | undefined
}

/**
 * p(x|z) = Π C(λ) λ^x (1 − λ)^(1 − x) with λ = sigmoid(logits(z)): a normalised density over [0, 1], for grey values
 * (Loaiza-Ganem and Cunningham 2019).
 */
export interface ContinuousBernoulliLikelihood extends Decoded {
  readonly type: 'continuousBernoulli'
}

/**
 * p(x|z) = N(x; mean(z), C), for any finite data (Kingma and Welling 2013, appendix C.2), with a covariance C that is
 * diagonal, full, or of low rank plus a diagonal.
 */
export interface GaussianLikelihood extends Decoded {
  readonly type: 'gaussian'
  /**
   * How features vary together, given z. Default: 'diagonal'.
   *
   * 'diagonal': not at all; C is diag(variance).
   *
   * 'full': C = L Lᵀ with L = (I − Φ)⁻¹ diag(√variance), so that x_i = mean_i + Σ_{j<i} Φ_ij (x_j − mean_j) + √variance_i ε_i:
   * the decoder puts out the coefficients of a regression of each feature on those before it, D (D − 1)/2 for D features,
   * and `variance` is that of a feature given those before it (Pourahmadi 1999). Every C that is positive definite can be
   * said so. For at most 512 features.
   *
   * 'lowRank': C = W Wᵀ + diag(variance) with a W [features, {@link rank}] that the decoder puts out, D · rank for D
   * features (Monteiro et al. 2020).
   */
  readonly covariance?: 'diagonal' | 'lowRank' | 'full' | undefined
  /** Columns of W, for a 'lowRank' covariance, which needs it: an integer from 1 to 24, and at most as many as features. */
  readonly rank?: number | undefined
  /**
   * Where the variance comes from: a number is that constant, in the data's units; others are of the scaled columns:
   * 'learned' is one parameter for all features; 'perFeature' one for each; 'perDatum' is put out by the decoder for each datum and feature. Default: 'learned', and
   * 'perDatum' with a covariance that is not diagonal.
   */
  readonly variance?: number | 'learned' | 'perFeature' | 'perDatum' | undefined
  /**
   * A log-variance that is not a constant, of the scaled columns, stays softly between these two, so that nothing overflows. The lower one also
   * keeps the density of data without noise from growing without limit. Default: [-10, 10]; within [-80, 80].
   */
  readonly logVarianceBounds?: readonly [min: number, max: number] | undefined
}

/**
 * p(x|z) = Π 1/(2b) exp(−|x − mean(z)| / b), for any finite data: the absolute error, which outliers pull less (Boyd and
 * Vandenberghe 2004, section 7.1.1).
 */
export interface LaplaceLikelihood extends Decoded {
  readonly type: 'laplace'
  /** Where b comes from, as a Gaussian's `variance`. Default: 'learned'. */
  readonly scale?: number | 'learned' | 'perFeature' | 'perDatum' | undefined
  /** Bounds of log b, as a Gaussian's `logVarianceBounds`. Default: [-10, 10]; within [-80, 80]. */
  readonly logScaleBounds?: readonly [min: number, max: number] | undefined
}

/** p(x|z) = Π softmax(logits(z))[class of the variable], for data that name one class of several. */
export interface CategoricalLikelihood extends Decoded {
  readonly type: 'categorical'
  /** Classes of each variable, at least 2; a number means that all variables have as many. */
  readonly classes: number | readonly number[]
  /**
   * How a row says its classes. 'oneHot': columns of 0 and a single 1 for each variable, side by side; `input` is the sum
   * of all classes. 'codes': one class number for each variable, counted from 0; `input` is the number of variables.
   * Default: 'oneHot'.
   */
  readonly coding?: 'oneHot' | 'codes' | undefined
}

/** p(x|z) = n! Π softmax(logits(z))^x / x!, n = Σ x: counts that share a total, such as the words of a text (Liang et al. 2018). */
export interface MultinomialLikelihood extends Decoded {
  readonly type: 'multinomial'
  /** n of a draw that belongs to no row of data, a positive integer. Default: 1. */
  readonly trials?: number | undefined
}

/** p(x|z) = Π rate^x exp(−rate) / x!, with log rate put out by the decoder, for counts (integers of at least 0). */
export interface PoissonLikelihood extends Decoded {
  readonly type: 'poisson'
}

interface Decoded {
  /**
   * What puts out the distribution's parameters of each feature. Default: a 3 × 3 convolution if the decoder ends in the
   * spatial shape of the data, and else a dense layer.
   */
  readonly head?: LikelihoodHead | undefined
}

export type Likelihood =
  | BernoulliLikelihood
  | ContinuousBernoulliLikelihood
  | GaussianLikelihood
  | LaplaceLikelihood
  | CategoricalLikelihood
  | MultinomialLikelihood
  | PoissonLikelihood

/** A likelihood of some columns of a row, behind those of the parts before it. */
export type LikelihoodPart = PartOf<Likelihood>
type PartOf<Kind> = Kind extends Likelihood ? Omit<Kind, 'head'> & { readonly columns: number } : never

/** The likelihoods that need no options. */
export type LikelihoodName = Exclude<Likelihood['type'], 'categorical'>

const dispersionNames = oneOf(['learned', 'perFeature', 'perDatum'])
const dispersionNumber = magnitude(", 'learned', 'perFeature' or 'perDatum'")
const dispersion = optional(
  pick((input) => (typeof input === 'string' ? dispersionNames : dispersionNumber)) as Schema<
    number | 'learned' | 'perFeature' | 'perDatum'
  >,
)
const bounds = optional(pair('an array of two numbers, [min, max]', logarithm))

const classList = list('a number of classes or an array with that of each variable', classCount)
const classes = pick((input) => (typeof input === 'number' ? classCount : classList)) as Schema<
  number | readonly number[]
>

const what = 'a likelihood'
const example =
  "the name of a likelihood, such as 'bernoulli', or an object such as { type: 'gaussian', variance: 'perFeature' }"
/** The likelihoods with these options beside their own. */
function kindsWith<Kind extends { readonly type: Likelihood['type'] }>(text: string, beside: object): Schema<Kind> {
  const kind = (type: Likelihood['type'], own: object = {}) =>
    options<never>(what, { type: oneOf([type]), ...beside, ...own } as never)
  return byType<Kind>(text, {
    bernoulli: kind('bernoulli', { binarize: optional(oneOf(['none', 'threshold', 'stochastic'])) }),
    continuousBernoulli: kind('continuousBernoulli'),
    gaussian: kind('gaussian', {
      covariance: optional(oneOf(['diagonal', 'lowRank', 'full'])),
      rank: optional(positive),
      variance: dispersion,
      logVarianceBounds: bounds,
    }),
    laplace: kind('laplace', { scale: dispersion, logScaleBounds: bounds }),
    categorical: kind('categorical', { classes, coding: optional(oneOf(['oneHot', 'codes'])) }),
    multinomial: kind('multinomial', { trials: optional(positive) }),
    poisson: kind('poisson'),
  } as never)
}
const kinds = kindsWith<Likelihood>(example, { head: optional(likelihoodHeadSchema) })
const parts = list(
  'an array of likelihoods',
  kindsWith<LikelihoodPart>("an object such as { type: 'gaussian', columns: 3 }", { columns: positive }),
)
const names = oneOf(['bernoulli', 'continuousBernoulli', 'gaussian', 'laplace', 'multinomial', 'poisson'])
const incomplete = refuse("an object { type: 'categorical', classes: ... }, as classes is missing,")

export const likelihoodSchema = pick((input) => {
  if (input === 'categorical') return incomplete
  if (Array.isArray(input)) return parts
  return typeof input === 'string' ? names : kinds
}) as Schema<LikelihoodName | Likelihood | readonly LikelihoodPart[]>

/** A likelihood, the columns of a row of data that it is about, and what it is called in errors. */
export interface NamedLikelihood {
  readonly likelihood: Likelihood
  readonly columns: number
  readonly path: string
}

/** The parts of a likelihood of rows of `dataColumns` columns, in the order of these. */
export function likelihoodParts(
  named: LikelihoodName | Likelihood | readonly LikelihoodPart[],
  dataColumns: number,
): readonly NamedLikelihood[] {
  const path = 'likelihood'
  if (typeof named === 'string') return [{ likelihood: { type: named } as Likelihood, columns: dataColumns, path }]
  if (!isList(named)) return [{ likelihood: named, columns: dataColumns, path }]
  const sum = named.reduce((total, { columns }) => total + columns, 0)
  if (sum !== dataColumns) {
    const what = `likelihoods whose columns add up to the ${dataColumns} of input`
    throw new RangeError(
      expected(
        what,
        path,
        named.map(({ columns }) => columns),
      ),
    )
  }
  return named.map(({ columns, ...likelihood }, i) => ({ likelihood, columns, path: `${path}[${i}]` }))
}

function isList(value: Likelihood | readonly LikelihoodPart[]): value is readonly LikelihoodPart[] {
  return Array.isArray(value)
}

const usual = {
  dispersion: 'fixed',
  fixedDispersion: 1,
  logDispersionBounds: [-10, 10],
  binarize: 'none',
  classes: [],
  codes: false,
  variables: 0,
  missing: false,
  trials: 1,
  covariance: 'diagonal',
  rank: 0,
} as const satisfies Omit<LikelihoodSpec, 'type' | 'columns'>

/**
 * Everything but `classes`, which is as long as a row of data may be: see {@link classesOfVariables}. `features`: columns
 * of a row of data, if they are no classes.
 */
export function likelihoodSpec({ likelihood, columns: features, path }: NamedLikelihood): LikelihoodSpec {
  const { type } = likelihood
  const columns = featuresOf(likelihood, features, path)
  const defaults = { ...usual, columns }
  switch (type) {
    case 'bernoulli':
      return { ...defaults, type, binarize: likelihood.binarize ?? 'none' }
    case 'gaussian': {
      const { covariance = 'diagonal', variance = covariance === 'diagonal' ? 'learned' : 'perDatum' } = likelihood
      const dispersion = dispersionSpec('variance', variance, likelihood.logVarianceBounds, path)
      return { ...defaults, type, ...dispersion, ...covarianceSpec(covariance, likelihood.rank, features, path) }
    }
    case 'laplace':
      return {
        ...defaults,
        type,
        ...dispersionSpec('scale', likelihood.scale ?? 'learned', likelihood.logScaleBounds, path),
      }
    case 'categorical':
      return likelihood.coding === 'codes'
        ? { ...defaults, type, codes: true, variables: features }
        : { ...defaults, type }
    case 'multinomial':
      return { ...defaults, type, trials: likelihood.trials ?? 1 }
    default:
      return { ...defaults, type }
  }
}

/** Limits of native/core/likelihood/full_covariance.h and low_rank.h. */
const MOST_FULL_FEATURES = 512
const MOST_RANK = 24

function covarianceSpec(
  covariance: LikelihoodSpec['covariance'],
  rank: number | undefined,
  features: number,
  path: string,
): Pick<LikelihoodSpec, 'covariance' | 'rank'> {
  if (covariance === 'lowRank') {
    const most = Math.min(MOST_RANK, features)
    if (rank !== undefined && rank <= most) return { covariance, rank }
    const reason = most === MOST_RANK ? '' : `, the number of features,`
    const what = `an integer from 1 to ${most}${reason} beside a covariance of 'lowRank'`
    throw new (rank === undefined ? TypeError : RangeError)(expected(what, `${path}.rank`, rank))
  }
  if (rank !== undefined)
    throw new RangeError(expected(`no rank beside covariance '${covariance}'`, `${path}.rank`, rank))
  if (covariance === 'full' && features > MOST_FULL_FEATURES) {
    const entries = (features * (features - 1)) / 2
    const what = `'lowRank' or 'diagonal' beyond ${MOST_FULL_FEATURES} features, as ${features} have ${entries} covariances,`
    throw new RangeError(expected(what, `${path}.covariance`, covariance))
  }
  // A single feature has no covariances.
  return { covariance: features === 1 ? 'diagonal' : covariance, rank: 0 }
}

function dispersionSpec(
  name: 'variance' | 'scale',
  value: NonNullable<GaussianLikelihood['variance']>,
  bounds: GaussianLikelihood['logVarianceBounds'],
  path: string,
): Pick<LikelihoodSpec, 'dispersion' | 'fixedDispersion' | 'logDispersionBounds'> {
  const field = `${path}.${name === 'variance' ? 'logVarianceBounds' : 'logScaleBounds'}`
  if (bounds && typeof value === 'number') {
    throw new RangeError(expected(`no bounds beside a constant ${name}`, field, bounds))
  }
  const [min, max] = bounds ?? usual.logDispersionBounds
  if (!(min < max)) throw new RangeError(expected('[min, max] with min below max', field, bounds))
  return {
    dispersion: typeof value === 'number' ? 'fixed' : value,
    fixedDispersion: typeof value === 'number' ? value : 1,
    logDispersionBounds: [min, max],
  }
}

/** Columns of the likelihood's heads, from those of a row of data. */
export function featuresOf(likelihood: Likelihood, dataColumns: number, path: string): number {
  if (likelihood.type !== 'categorical') return dataColumns
  const { classes, coding } = likelihood
  const wrong = (what: string) => new RangeError(expected(what, `${path}.classes`, classes))
  if (typeof classes === 'number') {
    if (coding === 'codes') return dataColumns * classes
    if (dataColumns % classes !== 0) throw wrong(`a divisor of the ${dataColumns} one-hot columns of input`)
    return dataColumns
  }
  const sum = classes.reduce((total, count) => total + count, 0)
  if (coding !== 'codes' && sum !== dataColumns) {
    throw wrong(`classes that add up to the ${dataColumns} one-hot columns of input`)
  }
  if (coding === 'codes' && classes.length !== dataColumns) {
    throw wrong(`one number for each of the ${dataColumns} variables of input`)
  }
  return sum
}

/** Classes of each variable; none for likelihoods of other data. */
export function classesOfVariables(likelihood: Likelihood, features: number): readonly number[] {
  if (likelihood.type !== 'categorical') return []
  const { classes } = likelihood
  return typeof classes === 'number' ? new Array<number>(features / classes).fill(classes) : classes
}

/** True; throws if cells of such data cannot be missing. */
export function mayMiss({ likelihood, path }: NamedLikelihood): boolean {
  const cannot = (why: string) =>
    new RangeError(expected(`a likelihood whose cells may be missing, unlike ${why},`, path, likelihood))
  if (likelihood.type === 'multinomial') throw cannot('counts with a given total')
  if (likelihood.type === 'categorical' && likelihood.coding !== 'codes')
    throw cannot("one-hot columns (coding: 'codes' may)")
  if (likelihood.type === 'gaussian' && (likelihood.covariance ?? 'diagonal') !== 'diagonal')
    throw cannot('a covariance')
  return true
}
