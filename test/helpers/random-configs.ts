/** Configs drawn from the whole schema, valid and not, and data for them. Small enough to train in milliseconds. */

import type {
  Condition,
  Corruption,
  Latent,
  Layer,
  Likelihood,
  LikelihoodPart,
  Objective,
  Prior,
  Scale,
  VAEConfig,
} from '../../src/options/config.js'
import { parseConfig } from '../../src/options/config.js'
import type { Tensor } from '../../src/tensor.js'

/** Uniform in [0, 1): `generator` of data.ts. */
export type Random = () => number

const maybe = (random: Random, probability = 0.5) => random() < probability
const integer = (random: Random, from: number, to: number) => from + Math.floor(random() * (to - from + 1))
const real = (random: Random, from: number, to: number) => from + random() * (to - from)
const pick = <T>(random: Random, values: readonly T[]): T => values[integer(random, 0, values.length - 1)] as T
const times = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make)
/** A field that is left out as often as not. */
const field = <K extends string, T>(random: Random, name: K, make: () => T, probability = 0.5) =>
  (maybe(random, probability) ? { [name]: make() } : {}) as { [key in K]?: T }

const ACTIVATIONS = ['identity', 'relu', 'leakyRelu', 'elu', 'gelu', 'silu', 'tanh', 'sigmoid', 'softplus'] as const
const INITIALIZERS = ['pytorch', 'glorotUniform', 'glorotNormal', 'heUniform', 'heNormal'] as const
const DISPERSIONS = ['learned', 'perFeature', 'perDatum'] as const

/** A valid config. */
export function randomConfig(random: Random): VAEConfig {
  const { input, likelihood } = maybe(random, 0.2) ? randomParts(random) : randomLikelihood(random)
  const objective = randomObjective(random)
  const { latent, ...rest } = randomLatentAndObjective(random, objective)
  return {
    input,
    ...field(random, 'encoder', () => randomLayers(random), 0.8),
    latent,
    ...field(random, 'decoder', () => randomLayers(random), 0.8),
    ...field(random, 'activation', () => pick(random, ACTIVATIONS)),
    ...(likelihood === undefined ? {} : { likelihood }),
    ...(mayMissCells(likelihood) && maybe(random, 0.3) ? { missing: true } : {}),
    ...rest,
    ...field(random, 'corruption', () => randomCorruption(random), 0.3),
    ...field(random, 'condition', () => randomCondition(random), 0.3),
    ...field(random, 'scale', () => pick(random, scalesOf(likelihood))),
    ...field(random, 'initializer', () => pick(random, INITIALIZERS)),
    ...field(random, 'seed', () => integer(random, 0, 1000)),
  }
}

function mayMissCells(likelihood: VAEConfig['likelihood']): boolean {
  const parts = Array.isArray(likelihood) ? (likelihood as LikelihoodPart[]) : [likelihood]
  return parts.every((part) => {
    const options = typeof part === 'object' ? (part as Likelihood) : { type: part ?? 'bernoulli' }
    if (options.type === 'categorical') return options.coding === 'codes'
    if (options.type === 'gaussian' && 'covariance' in options) return (options.covariance ?? 'diagonal') === 'diagonal'
    return options.type !== 'multinomial'
  })
}

function scalesOf(likelihood: VAEConfig['likelihood']): readonly Scale[] {
  if (Array.isArray(likelihood)) {
    const scaled = likelihood.some(({ type }) => type === 'gaussian' || type === 'laplace')
    return scaled ? ['auto', 'none', 'standard'] : ['auto', 'none']
  }
  const type = typeof likelihood === 'object' ? (likelihood as Likelihood).type : likelihood
  if (type === 'gaussian' || type === 'laplace') return ['auto', 'none', 'standard']
  return type === 'multinomial' || type === 'poisson' ? ['auto', 'none', 'log'] : ['auto', 'none']
}

function randomLayers(random: Random): Layer[] {
  return times(integer(random, 0, 2), () => {
    const units = integer(random, 1, 6)
    if (maybe(random)) return units
    return { type: 'dense', units, ...field(random, 'activation', () => pick(random, ACTIVATIONS)) }
  })
}

function randomLikelihood(random: Random): { input: number | number[]; likelihood?: VAEConfig['likelihood'] } {
  const type = pick(random, [
    'bernoulli',
    'continuousBernoulli',
    'gaussian',
    'laplace',
    'categorical',
    'multinomial',
    'poisson',
  ] as const)
  if (type === 'categorical') return randomCategorical(random)
  const input = maybe(random, 0.8) ? integer(random, 2, 12) : pick(random, [[2, 3], [1, 2, 2], [5], [3, 2, 2]])
  if (type === 'bernoulli' && maybe(random, 0.2)) return { input }
  if (maybe(random, 0.3)) return { input, likelihood: type }
  const dispersion = () => pick(random, [...DISPERSIONS, real(random, 0.05, 2)])
  const bounds = (value: unknown) => typeof value !== 'number' && maybe(random, 0.4)
  const range = (): [number, number] => [real(random, -8, -2), real(random, 2, 8)]
  switch (type) {
    case 'bernoulli':
      return {
        input,
        likelihood: {
          type,
          ...field(random, 'binarize', () => pick(random, ['none', 'threshold', 'stochastic'] as const), 0.8),
        },
      }
    case 'gaussian': {
      const variance = maybe(random, 0.8) ? { variance: dispersion() } : {}
      const columns = typeof input === 'number' ? input : input.reduce((product, size) => product * size)
      const covariance = pick(random, [
        {},
        { covariance: 'diagonal' as const },
        { covariance: 'full' as const },
        { covariance: 'lowRank' as const, rank: integer(random, 1, columns) },
      ])
      return {
        input,
        likelihood: {
          type,
          ...covariance,
          ...variance,
          ...(bounds(variance.variance) ? { logVarianceBounds: range() } : {}),
        },
      }
    }
    case 'laplace': {
      const scale = maybe(random, 0.8) ? { scale: dispersion() } : {}
      return { input, likelihood: { type, ...scale, ...(bounds(scale.scale) ? { logScaleBounds: range() } : {}) } }
    }
    case 'multinomial':
      return { input, likelihood: { type, ...field(random, 'trials', () => integer(random, 1, 9)) } }
    default:
      return { input, likelihood: { type } }
  }
}

/** A likelihood of several parts. */
function randomParts(random: Random): { input: number; likelihood: LikelihoodPart[] } {
  const parts = times(integer(random, 1, 3), (): LikelihoodPart => {
    const { input, likelihood = 'bernoulli' } = randomLikelihood(random)
    const columns = typeof input === 'number' ? input : input.reduce((product, size) => product * size)
    const options = typeof likelihood === 'string' ? { type: likelihood } : (likelihood as Likelihood)
    return { ...options, columns } as LikelihoodPart
  })
  return { input: parts.reduce((sum, { columns }) => sum + columns, 0), likelihood: parts }
}

function randomCategorical(random: Random): { input: number; likelihood: Likelihood } {
  const variables = integer(random, 1, 3)
  const coding = pick(random, [undefined, 'oneHot', 'codes'] as const)
  const classes = maybe(random) ? integer(random, 2, 4) : times(variables, () => integer(random, 2, 4))
  const columns =
    coding === 'codes'
      ? variables
      : typeof classes === 'number'
        ? variables * classes
        : classes.reduce((sum, count) => sum + count)
  return { input: columns, likelihood: { type: 'categorical', classes, ...(coding ? { coding } : {}) } }
}

function randomCorruption(random: Random): Corruption {
  const type = pick(random, ['gaussian', 'masking', 'saltAndPepper'] as const)
  if (type === 'gaussian') return { type, std: real(random, 0.05, 1) }
  return { type, probability: real(random, 0.05, 0.6) }
}

function randomCondition(random: Random): Condition {
  return maybe(random) ? integer(random, 1, 4) : { classes: integer(random, 2, 5) }
}

/** The choices that the rest of an objective and the latent groups must be compatible with. */
type Kind = 'elbo' | 'iwae' | 'dreg' | 'scoreFunction' | 'deterministic' | 'totalCorrelation'

export function randomObjective(random: Random): Kind {
  const kinds = ['elbo', 'elbo', 'elbo', 'iwae', 'dreg', 'scoreFunction', 'deterministic', 'totalCorrelation'] as const
  return pick(random, kinds)
}

export function randomLatentAndObjective(random: Random, kind: Kind): Pick<VAEConfig, 'latent' | 'objective'> {
  const mmd = ['elbo', 'iwae', 'dreg', 'deterministic', 'totalCorrelation'].includes(kind) && maybe(random, 0.3)
  const fixedPrior = kind === 'deterministic' || mmd
  const single = kind === 'totalCorrelation'
  const numbersOnly = kind === 'dreg' || single
  const group = () =>
    randomGroup(random, {
      fixedPrior,
      numbersOnly,
      diagonal: single,
      discrete: kind === 'scoreFunction' || kind === 'deterministic',
    })
  const shape = pick(random, ['number', 'group', 'list', 'several', 'several'] as const)
  const latent =
    shape === 'number'
      ? integer(random, 1, 4)
      : shape === 'group'
        ? group()
        : times(single || shape === 'list' ? 1 : integer(random, 2, 3), group)
  const groups: readonly Latent[] =
    typeof latent === 'number'
      ? [{ type: 'gaussian', units: latent }]
      : Array.isArray(latent)
        ? latent
        : [latent as Latent]
  const addition = { ...(mmd ? { mmd: real(random, 0.1, 5) } : {}) }
  const objective = { ...randomTerms(random, kind, groups), ...addition }
  return Object.keys(objective).length === 0 && maybe(random) ? { latent } : { latent, objective }
}

interface GroupLimits {
  readonly fixedPrior: boolean
  readonly numbersOnly: boolean
  readonly diagonal: boolean
  /** Nothing is relaxed, so no temperature and no straight-through draws are allowed. */
  readonly discrete: boolean
}

function randomGroup(random: Random, limits: GroupLimits): Latent {
  const numbers = ['gaussian', 'gaussian', 'laplace', 'logistic'] as const
  const type = pick(random, limits.numbersOnly ? numbers : ([...numbers, 'categorical', 'bernoulli'] as const))
  const units = integer(random, 1, 4)
  const prior = () => field(random, 'prior', () => randomPrior(random, units, limits.fixedPrior), 0.6)
  const relaxed = () => ({
    ...(limits.discrete ? {} : field(random, 'temperature', () => randomTemperature(random), 0.6)),
    ...field(random, 'straightThrough', () => !limits.discrete && maybe(random)),
  })
  switch (type) {
    case 'gaussian': {
      const covariances = limits.diagonal ? (['diagonal'] as const) : (['diagonal', 'full'] as const)
      return { type, units, ...field(random, 'covariance', () => pick(random, covariances), 0.7), ...prior() }
    }
    case 'laplace':
    case 'logistic':
      return { type, units, ...prior() }
    case 'categorical':
      return { type, units, classes: integer(random, 2, 4), ...relaxed() }
    case 'bernoulli':
      return { type, units, ...relaxed() }
  }
}

function randomPrior(random: Random, units: number, fixed: boolean): Prior {
  const type = pick(random, fixed ? (['standard', 'normal'] as const) : (['standard', 'normal', 'mixture'] as const))
  if (type === 'standard') return type
  if (type === 'mixture') return { type, components: integer(random, 1, 3) }
  const each = (make: () => number) => (maybe(random) ? make() : times(units, make))
  return {
    type,
    ...field(random, 'mean', () => each(() => real(random, -1, 1))),
    ...field(random, 'variance', () => each(() => real(random, 0.3, 2))),
    ...field(random, 'learned', () => !fixed && maybe(random, 0.7)),
  }
}

function randomTemperature(random: Random) {
  if (maybe(random)) return real(random, 0.2, 2)
  return {
    start: real(random, 0.6, 2),
    end: real(random, 0.3, 0.6),
    epochs: real(random, 0.5, 4),
    ...field(random, 'decay', () => pick(random, ['exponential', 'linear'] as const)),
  }
}

function randomTerms(random: Random, kind: Kind, groups: readonly Latent[]): Objective {
  const mixture = groups.some(
    (group) => 'prior' in group && typeof group.prior === 'object' && group.prior.type === 'mixture',
  )
  const full = groups.some((group) => group.type === 'gaussian' && group.covariance === 'full')
  const beta = () => field(random, 'beta', () => real(random, 0.1, 4))
  const warmup = () => field(random, 'warmup', () => randomWarmup(random), 0.4)
  if (kind === 'deterministic') {
    return {
      deterministic: true,
      ...field(random, 'samples', () => 1, 0.2),
      ...field(random, 'bound', () => 'elbo' as const, 0.2),
    }
  }
  if (kind === 'iwae' || kind === 'dreg') {
    const kl = field(random, 'kl', () => 'monteCarlo' as const, 0.3)
    return { bound: kind, samples: integer(random, 2, 4), ...kl, ...beta(), ...warmup() }
  }
  const kl = field(random, 'kl', () =>
    mixture ? ('monteCarlo' as const) : pick(random, ['analytic', 'monteCarlo'] as const),
  )
  const analytic = !mixture && kl.kl !== 'monteCarlo'
  const weights = () => pick(random, [{ reconstruction: 0 }, { kl: 1, reconstruction: 1 }, {}] as const)
  const terms: Objective = {
    ...kl,
    ...(maybe(random, 0.1)
      ? { weights: { kl: 0 as const } }
      : maybe(random, 0.4)
        ? { capacity: { weight: real(random, 0.5, 3), nats: real(random, 0, 4), epochs: real(random, 0.5, 4) } }
        : {
            ...beta(),
            ...warmup(),
            ...field(random, 'weights', weights, 0.3),
            ...field(random, 'freeBits', () => randomFreeBits(random, analytic && !full), 0.3),
          }),
    ...field(random, 'deterministic', () => false, 0.1),
  }
  if (kind === 'totalCorrelation') return { ...terms, totalCorrelation: real(random, 0.5, 5) }
  if (kind === 'elbo') {
    const estimator = field(random, 'estimator', () => 'reparameterized' as const, 0.2)
    return { ...terms, ...field(random, 'samples', () => integer(random, 1, 3)), ...estimator }
  }
  const baseline = field(random, 'baseline', () => pick(random, ['none', 'movingAverage', 'leaveOneOut'] as const), 0.8)
  const samples = baseline.baseline === 'leaveOneOut' ? integer(random, 2, 4) : integer(random, 1, 4)
  return { ...terms, estimator: 'scoreFunction', samples, ...baseline }
}

function randomWarmup(random: Random): NonNullable<Objective['warmup']> {
  const epochs = real(random, 0.5, 4)
  const type = pick(random, ['number', 'linear', 'cosine', 'cyclical'] as const)
  if (type === 'number') return epochs
  if (type !== 'cyclical') return { type, epochs }
  return {
    type,
    epochs,
    ...field(random, 'cycles', () => integer(random, 1, 5)),
    ...field(random, 'rise', () => pick(random, [1, real(random, 0.1, 1)])),
  }
}

function randomFreeBits(random: Random, perDimension: boolean): NonNullable<Objective['freeBits']> {
  const nats = real(random, 0.05, 1)
  if (!perDimension) return { nats, per: 'group' }
  return pick(random, [nats, { nats }, { nats, per: 'dimension' as const }, { nats, per: 'group' as const }])
}

export interface RandomData {
  /** [rows, ...input] */
  readonly x: Tensor<Float32Array>
  /** For a conditional model: [rows, width], or [rows, 1] class numbers. */
  readonly condition?: Tensor<Float32Array>
}

/** Rows within the domain of a model's likelihood. */
export function dataFor(config: VAEConfig, rows: number, random: Random): RandomData {
  const { domain, inputShape, spec } = parseConfig(config)
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  const part = ({ type, classes, columns }: (typeof domain)[number]): number[] => {
    switch (type) {
      case 'unit':
        return times(columns, () => pick(random, [0, 1, random()]))
      case 'real':
        return times(columns, normal)
      case 'counts':
        return times(columns, () => pick(random, [0, 0, 1, integer(random, 0, 6)]))
      case 'codes':
        return classes.map((count) => integer(random, 0, count - 1))
      case 'oneHot':
        return classes.flatMap((count) => {
          const chosen = integer(random, 0, count - 1)
          return times(count, () => 0).map((_, i) => (i === chosen ? 1 : 0))
        })
    }
  }
  const hole =
    (missing = false) =>
    (value: number) =>
      missing && maybe(random, 0.2) ? Number.NaN : value
  const row = () => domain.flatMap((each) => part(each).map(hole(each.missing)))
  const x = { data: Float32Array.from(times(rows, row).flat()), shape: [rows, ...inputShape] }
  const { width, classes } = spec.condition
  if (width === 0) return { x }
  const columns = classes ? 1 : width
  const cell = classes ? () => integer(random, 0, width - 1) : normal
  return { x, condition: { data: Float32Array.from(times(rows * columns, cell)), shape: [rows, columns] } }
}

export interface Invalid {
  readonly config: unknown
  /** What the error must name: the field's path, or the option that does not exist. */
  readonly field: string
  /** The kind of mistake. */
  readonly way: string
}

/** A config with one wrong field. */
export function randomInvalidConfig(random: Random): Invalid {
  const way = pick(random, [wrongType, outOfRange, outOfRange, misspelt, missing, forbidden, forbidden, forbidden])
  return way(random)
}

type Path = readonly (string | number)[]

/** 'latent[1].prior.mean' */
function pathName(path: Path): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
}

/** Every value within a config, with its path. */
function* entries(value: unknown, path: Path = []): Generator<{ path: Path; value: unknown }> {
  if (path.length > 0) yield { path, value }
  if (typeof value !== 'object' || value === null) return
  for (const [key, child] of Object.entries(value))
    yield* entries(child, [...path, Array.isArray(value) ? Number(key) : key])
}

/** A copy with the value at `path` replaced, or without it. */
function replaced(config: VAEConfig, path: Path, ...values: [] | [unknown]): unknown {
  const copy = structuredClone(config) as unknown
  let owner = copy as Record<string | number, unknown>
  for (const key of path.slice(0, -1)) owner = owner[key] as Record<string | number, unknown>
  const last = path.at(-1) as string | number
  if (values.length === 0) delete owner[last]
  else owner[last] = values[0]
  return copy
}

function wrongType(random: Random): Invalid {
  const config = randomConfig(random)
  const { path, value } = pick(random, [...entries(config)])
  const wrong = {
    number: [Number.NaN, Number.POSITIVE_INFINITY, '1', null, true],
    string: ['nonsense', null, false, { nonsense: 1 }],
    boolean: ['true', null, 0],
    object: [null, true, 'nonsense', Number.NaN],
  }[typeof value as 'number']
  return { config: replaced(config, path, pick(random, wrong)), field: pathName(path), way: 'a wrong type' }
}

/** Values that a field of this name may not have, wherever it occurs in a config. */
const RANGES: Readonly<Record<string, readonly unknown[]>> = {
  units: [0, -1, 1.5, 2 ** 31],
  input: [0, -3, 2.5],
  classes: [0, 1, -2, 2.5],
  components: [0, -1, 1.5],
  variance: [0, -1, 1e31],
  scale: [0, -1, 1e-31],
  trials: [0, -1, 1.5],
  rank: [0, -1, 1.5, 25],
  temperature: [0, -1, 1e7],
  start: [0, -1],
  end: [0, -1],
  epochs: [0, -1],
  beta: [-1, -1e-9, 1.1e12],
  samples: [0, -1, 1.5],
  warmup: [0, -1],
  cycles: [0, 1.5],
  rise: [0, 1.1, -0.5],
  freeBits: [0, -1, 1.1e12],
  weight: [0, -1, 1.1e12],
  reconstruction: [2, -1, 0.5],
  nats: [-1, 1.1e12],
  totalCorrelation: [0, -1, 1.1e12],
  mmd: [0, -1, 1.1e12],
  kl: ['sampled', ''],
  bound: ['vae'],
  estimator: ['pathwise'],
  baseline: ['mean'],
  covariance: ['banded'],
  coding: ['binary'],
  binarize: ['dynamic'],
  decay: ['cosine'],
  per: ['row'],
  std: [0, -0.1, 1.1e12],
  probability: [0, 1, -0.1, 1.5],
  condition: [0, -1, 1.5],
  seed: [-1, 0.5, 2 ** 53],
  activation: ['swish'],
  initializer: ['normal'],
  type: ['unknown', 'Gaussian', 'toString', '__proto__'],
  logVarianceBounds: [
    [3, -3],
    [0, 0],
  ],
  logScaleBounds: [
    [3, -3],
    [0, 0],
  ],
}

function outOfRange(random: Random): Invalid {
  const config = randomConfig(random)
  const known = [...entries(config)].filter(({ path, value }) => {
    const ranges = RANGES[String(path.at(-1))]
    // `weights.kl` is a number, `objective.kl` is a name.
    if (ranges === undefined || (Array.isArray(value) && value.length === 0)) return false
    return typeof ranges[0] === typeof value || typeof value === 'number' || Array.isArray(value)
  })
  const { path, value } = pick(random, known)
  const name = String(path.at(-1))
  const wrong = path.includes('weights') ? [2, -1, 0.5] : (RANGES[name] as readonly unknown[])
  const field = pathName(path)
  if (Array.isArray(value) && !name.endsWith('Bounds')) {
    // One element of a list is wrong.
    const at = [...path, integer(random, 0, value.length - 1)]
    return { config: replaced(config, at, pick(random, wrong)), field: pathName(at), way: 'out of range' }
  }
  return { config: replaced(config, path, pick(random, wrong)), field, way: 'out of range' }
}

function misspelt(random: Random): Invalid {
  const config = randomConfig(random)
  const owners: Path[] = [[]]
  for (const { path, value } of entries(config)) {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) owners.push(path)
  }
  const owner = pick(random, owners)
  const names = owner.length === 0 ? Object.keys(config) : Object.keys(valueAt(config, owner) as object)
  const right = names.length === 0 ? 'nothing' : pick(random, names)
  const wrong = pick(random, [`${right}s`, right.slice(0, -1), `${right[0]}${right}`, right.toUpperCase(), 'toString'])
  return { config: replaced(config, [...owner, wrong], 1), field: wrong, way: 'misspelt' }
}

function valueAt(config: unknown, path: Path): unknown {
  return path.reduce((value, key) => (value as Record<string | number, unknown>)[key], config)
}

/** Fields that an object of their kind cannot do without. */
const REQUIRED = [
  'units',
  'components',
  'start',
  'end',
  'epochs',
  'nats',
  'weight',
  'std',
  'probability',
  'type',
  'rank',
]

function missing(random: Random): Invalid {
  for (;;) {
    const config = randomConfig(random)
    const required = [...entries(config)].filter(({ path }) => {
      const name = String(path.at(-1))
      return REQUIRED.includes(name) || (name === 'classes' && path.length > 1)
    })
    if (required.length === 0) continue
    const { path } = pick(random, required)
    return { config: replaced(config, path), field: pathName(path), way: 'missing' }
  }
}

/** Options that rule each other out, and the field that the error must name. */
export const forbiddenCombinations: readonly { readonly field: string; readonly put: VAEConfig }[] = [
  // Latent groups.
  { field: 'latent', put: { latent: [] } },
  {
    field: 'latent.prior.mean',
    put: { latent: { type: 'gaussian', units: 3, prior: { type: 'normal', mean: [1, 2] } } },
  },
  {
    field: 'latent[0].prior.variance',
    put: { latent: [{ type: 'logistic', units: 1, prior: { type: 'normal', variance: [1, 2] } }] },
  },
  { field: 'prior', put: { latent: { type: 'bernoulli', units: 2, prior: 'standard' } as never } },
  { field: 'covariance', put: { latent: { type: 'laplace', units: 2, covariance: 'full' } as never } },
  { field: 'temperature', put: { latent: { type: 'gaussian', units: 2, temperature: 1 } as never } },
  // Likelihoods.
  { field: 'likelihood', put: { likelihood: 'categorical' as never } },
  { field: 'likelihood.classes', put: { input: 7, likelihood: { type: 'categorical', classes: 3 } } },
  { field: 'likelihood.classes', put: { input: 7, likelihood: { type: 'categorical', classes: [3, 3] } } },
  {
    field: 'likelihood.classes',
    put: { input: 7, likelihood: { type: 'categorical', classes: [2, 5], coding: 'codes' } },
  },
  { field: 'binarize', put: { likelihood: { type: 'continuousBernoulli', binarize: 'threshold' } as never } },
  { field: 'logVarianceBounds', put: { likelihood: { type: 'laplace', logVarianceBounds: [-1, 1] } as never } },
  { field: 'likelihood.logScaleBounds', put: { likelihood: { type: 'laplace', scale: 1, logScaleBounds: [-1, 1] } } },
  {
    field: 'likelihood.logVarianceBounds',
    put: { likelihood: { type: 'gaussian', variance: 1, logVarianceBounds: [-1, 1] } },
  },
  { field: 'trials', put: { likelihood: { type: 'poisson', trials: 2 } as never } },
  // Scales.
  ...(['bernoulli', 'continuousBernoulli', 'multinomial', 'poisson'] as const).map((likelihood) => ({
    field: 'scale',
    put: { likelihood, scale: 'standard' } as const,
  })),
  { field: 'scale', put: { likelihood: 'bernoulli', scale: 'log' } },
  { field: 'scale', put: { input: 4, likelihood: { type: 'categorical', classes: 2 }, scale: 'standard' } },
  { field: 'scale', put: { likelihood: 'gaussian', scale: 'log' } },
  { field: 'scale', put: { likelihood: { type: 'laplace' }, scale: 'log' } },
  { field: 'likelihood.rank', put: { input: 7, likelihood: { type: 'gaussian', covariance: 'lowRank' } } },
  { field: 'likelihood.rank', put: { input: 7, likelihood: { type: 'gaussian', covariance: 'lowRank', rank: 8 } } },
  { field: 'likelihood.rank', put: { input: 99, likelihood: { type: 'gaussian', covariance: 'lowRank', rank: 25 } } },
  { field: 'likelihood.rank', put: { input: 7, likelihood: { type: 'gaussian', covariance: 'full', rank: 2 } } },
  { field: 'likelihood.rank', put: { input: 7, likelihood: { type: 'gaussian', rank: 2 } } },
  { field: 'likelihood.covariance', put: { input: 513, likelihood: { type: 'gaussian', covariance: 'full' } } },
  {
    field: 'likelihood.logVarianceBounds',
    put: { input: 7, likelihood: { type: 'gaussian', covariance: 'full', variance: 1, logVarianceBounds: [-1, 1] } },
  },
  { field: 'covariance', put: { likelihood: { type: 'laplace', covariance: 'full' } as never } },
  // A closed form that does not exist.
  {
    field: 'objective.kl',
    put: {
      latent: { type: 'laplace', units: 2, prior: { type: 'mixture', components: 2 } },
      objective: { kl: 'analytic' },
    },
  },
  // Importance-weighted bounds.
  ...(['iwae', 'dreg'] as const).flatMap((bound) => {
    const samples = 3
    return [
      { field: 'objective.samples', put: { latent: 2, objective: { bound } } },
      { field: 'objective.samples', put: { latent: 2, objective: { bound, samples: 1 } } },
      { field: 'objective.kl', put: { latent: 2, objective: { bound, samples, kl: 'analytic' as const } } },
      {
        field: 'objective.freeBits',
        put: { latent: 2, objective: { bound, samples, freeBits: { nats: 1, per: 'group' as const } } },
      },
      {
        field: 'objective.capacity',
        put: { latent: 2, objective: { bound, samples, capacity: { weight: 1, nats: 1, epochs: 1 } } },
      },
      {
        field: 'objective.estimator',
        put: { latent: 2, objective: { bound, samples, estimator: 'scoreFunction' as const } },
      },
      { field: 'objective.bound', put: { latent: 2, objective: { bound, deterministic: true } } },
      {
        field: 'objective.weights.reconstruction',
        put: { latent: 2, objective: { bound, samples, weights: { reconstruction: 0 as const } } },
      },
      { field: 'objective.weights.kl', put: { latent: 2, objective: { bound, samples, weights: { kl: 0 as const } } } },
      { field: 'objective.totalCorrelation', put: { latent: 2, objective: { bound, samples, totalCorrelation: 1 } } },
    ]
  }),
  {
    field: 'objective.bound',
    put: {
      latent: [
        { type: 'gaussian', units: 1 },
        { type: 'categorical', units: 1, classes: 2 },
      ],
      objective: { bound: 'dreg', samples: 2 },
    },
  },
  {
    field: 'objective.bound',
    put: { latent: { type: 'bernoulli', units: 1, straightThrough: true }, objective: { bound: 'dreg', samples: 2 } },
  },
  // The score function.
  { field: 'objective.estimator', put: { latent: 2, objective: { estimator: 'scoreFunction', deterministic: true } } },
  {
    field: 'objective.totalCorrelation',
    put: { latent: 2, objective: { estimator: 'scoreFunction', totalCorrelation: 1 } },
  },
  { field: 'objective.mmd', put: { latent: 2, objective: { estimator: 'scoreFunction', mmd: 1 } } },
  { field: 'objective.baseline', put: { latent: 2, objective: { baseline: 'movingAverage' } } },
  { field: 'objective.baseline', put: { latent: 2, objective: { estimator: 'reparameterized', baseline: 'none' } } },
  {
    field: 'objective.samples',
    put: { latent: 2, objective: { estimator: 'scoreFunction', baseline: 'leaveOneOut' } },
  },
  {
    field: 'latent.straightThrough',
    put: { latent: { type: 'bernoulli', units: 2, straightThrough: true }, objective: { estimator: 'scoreFunction' } },
  },
  {
    field: 'latent.temperature',
    put: { latent: { type: 'bernoulli', units: 2, temperature: 1 }, objective: { estimator: 'scoreFunction' } },
  },
  {
    field: 'latent.temperature',
    put: { latent: { type: 'bernoulli', units: 2, temperature: 1 }, objective: { deterministic: true } },
  },
  {
    field: 'latent.straightThrough',
    put: { latent: { type: 'bernoulli', units: 2, straightThrough: true }, objective: { deterministic: true } },
  },
  { field: 'objective.beta', put: { latent: 2, objective: { beta: 1, weights: { kl: 0 as const } } } },
  { field: 'objective.warmup', put: { latent: 2, objective: { warmup: 1, weights: { kl: 0 as const } } } },
  { field: 'objective.freeBits', put: { latent: 2, objective: { freeBits: 1, weights: { kl: 0 as const } } } },
  // The plain auto-encoder.
  ...(
    [
      ['beta', 1],
      ['kl', 'analytic'],
      ['warmup', 2],
      ['freeBits', 1],
      ['capacity', { weight: 1, nats: 1, epochs: 1 }],
      ['totalCorrelation', 1],
      ['samples', 2],
    ] as const
  ).map(([name, value]) => ({
    field: `objective.${name}`,
    put: { latent: 2, objective: { deterministic: true, [name]: value } },
  })),
  { field: 'objective.weights.kl', put: { latent: 2, objective: { deterministic: true, weights: { kl: 0 } } } },
  {
    field: 'objective.weights.reconstruction',
    put: { latent: 2, objective: { deterministic: true, weights: { reconstruction: 0 } } },
  },
  {
    field: 'latent[1].prior',
    put: {
      latent: [
        { type: 'gaussian', units: 1, prior: { type: 'normal', mean: 2 } },
        { type: 'logistic', units: 1, prior: { type: 'normal', learned: true } },
      ],
      objective: { deterministic: true },
    },
  },
  {
    field: 'latent.prior',
    put: {
      latent: { type: 'gaussian', units: 1, prior: { type: 'mixture', components: 2 } },
      objective: { deterministic: true },
    },
  },
  // Changes of the divergence's term.
  {
    field: 'objective.freeBits',
    put: { latent: 2, objective: { freeBits: 1, capacity: { weight: 1, nats: 1, epochs: 1 } } },
  },
  {
    field: 'objective.warmup',
    put: { latent: 2, objective: { warmup: 1, capacity: { weight: 1, nats: 1, epochs: 1 } } },
  },
  { field: 'objective.beta', put: { latent: 2, objective: { beta: 1, capacity: { weight: 1, nats: 1, epochs: 1 } } } },
  {
    field: 'objective.capacity',
    put: { latent: 2, objective: { weights: { kl: 0 }, capacity: { weight: 1, nats: 1, epochs: 1 } } },
  },
  { field: 'objective.freeBits', put: { latent: 2, objective: { freeBits: 1, kl: 'monteCarlo' } } },
  {
    field: 'objective.freeBits',
    put: { latent: { type: 'gaussian', units: 2, covariance: 'full' }, objective: { freeBits: { nats: 1 } } },
  },
  {
    field: 'objective.freeBits',
    put: {
      latent: { type: 'laplace', units: 2, prior: { type: 'mixture', components: 1 } },
      objective: { freeBits: 1 },
    },
  },
  { field: 'objective.weights', put: { latent: 2, objective: { weights: { reconstruction: 0, kl: 0 } } } },
  // Additions to the loss.
  { field: 'objective.totalCorrelation', put: { latent: 2, objective: { totalCorrelation: 1, samples: 2 } } },
  {
    field: 'objective.totalCorrelation',
    put: { latent: { type: 'bernoulli', units: 2 }, objective: { totalCorrelation: 1 } },
  },
  {
    field: 'objective.totalCorrelation',
    put: { latent: { type: 'gaussian', units: 2, covariance: 'full' }, objective: { totalCorrelation: 1 } },
  },
  {
    field: 'objective.totalCorrelation',
    put: {
      latent: [
        { type: 'gaussian', units: 1 },
        { type: 'gaussian', units: 1 },
      ],
      objective: { totalCorrelation: 1 },
    },
  },
  {
    field: 'objective.mmd',
    put: { latent: { type: 'gaussian', units: 2, prior: { type: 'mixture', components: 2 } }, objective: { mmd: 1 } },
  },
  {
    field: 'objective.mmd',
    put: { latent: { type: 'gaussian', units: 2, prior: { type: 'normal', learned: true } }, objective: { mmd: 1 } },
  },
]

function forbidden(random: Random): Invalid {
  const { field, put } = pick(random, forbiddenCombinations)
  // Groups that were drawn fit the default objective, which takes the place of the one drawn with them.
  const { objective: _, missing: __, ...rest } = randomConfig(random)
  return { config: { ...rest, ...put }, field, way: 'forbidden' }
}
