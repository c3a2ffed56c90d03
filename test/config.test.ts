/** Which configs of a model are valid, and the errors for those that are not. */

import { describe, expect, test } from 'vitest'
import type { LikelihoodSpec } from '../src/native.js'
import { parseConfig, type VAEConfig } from '../src/options/config.js'
import { generator } from './helpers/data.js'
import { dataFor, forbiddenCombinations, randomConfig, randomInvalidConfig } from './helpers/random-configs.js'

const spec = (config: VAEConfig) => parseConfig(config).spec
const parse = (config: unknown) => () => parseConfig(config)

describe('a config is spelled out', () => {
  test('the default is the reference model', () => {
    expect(spec({})).toEqual({
      input: 784,
      image: { channels: 0, extent: [1, 1, 1], dimensions: 0, positionsFirst: false },
      encoder: [{ type: 'dense', name: '0', units: 200, activation: 'relu' }],
      latents: [
        {
          type: 'gaussian',
          units: 10,
          fullCovariance: false,
          classes: 0,
          temperature: { decay: 'constant', start: 0.5, end: 0.5, epochs: 1 },
          straightThrough: false,
          prior: { type: 'standard', learned: false, mean: [], variance: [], components: 0 },
        },
      ],
      decoder: [{ type: 'dense', name: '0', units: 200, activation: 'relu' }],
      likelihoodHead: [],
      likelihoods: [
        {
          columns: 784,
          type: 'bernoulli',
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
        },
      ],
      objective: {
        beta: 1,
        samples: 1,
        bound: 'elbo',
        kl: 'analytic',
        estimator: 'reparameterized',
        baseline: 'none',
        baselineDecay: 0.99,
        reconstructionWeight: 1,
        klWeight: 1,
        deterministic: false,
        warmup: { type: 'none', epochs: 1, cycles: 1, rise: 0.5 },
        freeBits: { per: 'none', nats: 0 },
        capacity: { weight: 0, nats: 0, epochs: 1 },
        totalCorrelation: 0,
        mmd: 0,
      },
      corruption: { type: 'none', amount: 0 },
      condition: { width: 0, classes: false },
      scale: 'none',
      initializer: 'pytorch',
      seed: 0,
    })
    const { inputShape, dataColumns, domain, layout } = parseConfig({})
    expect({ inputShape, dataColumns, domain, latentWidth: layout.latentWidth }).toEqual({
      inputShape: [784],
      dataColumns: 784,
      domain: [{ type: 'unit', classes: [], columns: 784, missing: false, likelihood: 'bernoulli' }],
      latentWidth: 10,
    })
  })

  test('a shorthand means what its long form means', () => {
    const short: VAEConfig = { input: 12, encoder: [4], latent: 3, likelihood: 'bernoulli' }
    const long: VAEConfig = {
      input: [12],
      encoder: [{ type: 'dense', units: 4 }],
      latent: [{ type: 'gaussian', units: 3, covariance: 'diagonal', prior: 'standard' }],
      likelihood: { type: 'bernoulli', binarize: 'none' },
      objective: {
        beta: 1,
        samples: 1,
        kl: 'analytic',
        bound: 'elbo',
        estimator: 'reparameterized',
        weights: { reconstruction: 1, kl: 1 },
        deterministic: false,
      },
    }
    expect(spec(short)).toEqual(spec(long))
  })

  test('a layer has its own activation or the model’s', () => {
    const { encoder, decoder } = spec({
      activation: 'tanh',
      encoder: [3, { type: 'dense', units: 4, activation: 'gelu' }],
      decoder: [{ type: 'dense', units: 5 }],
    })
    expect(encoder).toEqual([
      { type: 'dense', name: '0', units: 3, activation: 'tanh' },
      { type: 'dense', name: '1', units: 4, activation: 'gelu' },
    ])
    expect(decoder).toEqual([{ type: 'dense', name: '0', units: 5, activation: 'tanh' }])
  })

  test('encoder and decoder may be empty', () => {
    const { encoder, decoder } = spec({ encoder: [], decoder: [] })
    expect([encoder, decoder]).toEqual([[], []])
  })

  test('an input shape is multiplied out and kept', () => {
    const { spec, inputShape } = parseConfig({ input: [3, 8, 4] })
    expect(spec.input).toBe(96)
    expect(inputShape).toEqual([3, 8, 4])
  })

  test.each([
    ['gaussian', 'variance', 'logVarianceBounds'],
    ['laplace', 'scale', 'logScaleBounds'],
  ] as const)('a %s likelihood learns one %s by default', (type, dispersion, bounds) => {
    const likelihood = (value: unknown) => spec({ likelihood: value } as VAEConfig).likelihoods[0] as LikelihoodSpec
    expect(likelihood(type).dispersion).toBe('learned')
    expect(likelihood({ type })).toEqual(likelihood(type))
    expect(likelihood({ type, [dispersion]: 0.25 })).toMatchObject({ dispersion: 'fixed', fixedDispersion: 0.25 })
    expect(likelihood({ type, [dispersion]: 'perDatum', [bounds]: [-3, 2] })).toMatchObject({
      dispersion: 'perDatum',
      logDispersionBounds: [-3, 2],
    })
  })

  test('with a covariance the decoder puts out the variance too, by default', () => {
    const likelihood = (value: VAEConfig['likelihood'], input = 6) =>
      spec({ input, likelihood: value }).likelihoods[0] as LikelihoodSpec
    const full = { type: 'gaussian', covariance: 'full' } as const
    expect(likelihood(full)).toMatchObject({ covariance: 'full', rank: 0, dispersion: 'perDatum' })
    expect(likelihood({ ...full, variance: 'perFeature' }).dispersion).toBe('perFeature')
    const lowRank = { type: 'gaussian', covariance: 'lowRank', rank: 6 } as const
    expect(likelihood(lowRank)).toMatchObject({ covariance: 'lowRank', rank: 6, dispersion: 'perDatum' })
    expect(likelihood({ ...lowRank, rank: 24 }, 1000)).toMatchObject({ covariance: 'lowRank', rank: 24 })
    expect(likelihood({ type: 'gaussian', covariance: 'diagonal' })).toEqual(likelihood('gaussian'))
    expect(likelihood(full, 512).covariance).toBe('full')
    // A single feature has no covariances.
    expect(likelihood(full, 1)).toEqual(likelihood({ type: 'gaussian', variance: 'perDatum' }, 1))
  })

  test.each([
    [
      7,
      { rank: 8 },
      /^Expected an integer from 1 to 7, the number of features, .* for likelihood\.rank but received 8/,
    ],
    [30, { rank: 25 }, /^Expected an integer from 1 to 24 .* for likelihood\.rank but received 25 of type number/],
    [7, {}, /^Expected an integer from 1 to 7, .* for likelihood\.rank but received undefined/],
    [
      7,
      { covariance: 'full', rank: 2 },
      /^Expected no rank beside covariance 'full' for likelihood\.rank but received 2/,
    ],
    [513, { covariance: 'full' }, /^Expected 'lowRank' .* 513 have 131328 covariances, for likelihood\.covariance/],
  ])('%i features refuse the covariance %j by its name', (input, options, message) => {
    const likelihood = { type: 'gaussian', covariance: 'lowRank', ...options } as VAEConfig['likelihood']
    expect(() => parseConfig({ input, likelihood })).toThrow(message)
  })

  test.each<[VAEConfig['likelihood'], string]>([
    ['bernoulli', 'unit'],
    ['continuousBernoulli', 'unit'],
    ['gaussian', 'real'],
    ['laplace', 'real'],
    ['multinomial', 'counts'],
    ['poisson', 'counts'],
    [{ type: 'categorical', classes: 2 }, 'oneHot'],
    [{ type: 'categorical', classes: 2, coding: 'codes' }, 'codes'],
  ])('the data of %j are of the domain %s', (likelihood, domain) => {
    expect(parseConfig({ input: 6, likelihood }).domain.map(({ type }) => type)).toEqual([domain])
  })

  test('categorical data are one-hot columns, or codes that become such', () => {
    const sizes = (input: number, likelihood: VAEConfig['likelihood']) => {
      const { dataColumns, spec } = parseConfig({ input, likelihood })
      const [part] = spec.likelihoods
      return [dataColumns, spec.input, part?.classes, part?.codes]
    }
    expect(sizes(6, { type: 'categorical', classes: 3 })).toEqual([6, 6, [3, 3], false])
    expect(sizes(7, { type: 'categorical', classes: [2, 5] })).toEqual([7, 7, [2, 5], false])
    expect(sizes(6, { type: 'categorical', classes: 3, coding: 'codes' })).toEqual([6, 18, [3, 3, 3, 3, 3, 3], true])
    expect(sizes(2, { type: 'categorical', classes: [2, 5], coding: 'codes' })).toEqual([2, 7, [2, 5], true])
  })

  test('groups are adjacent in z', () => {
    const { spec, layout } = parseConfig({
      latent: [
        { type: 'gaussian', units: 2, covariance: 'full' },
        { type: 'categorical', units: 3, classes: 4, temperature: { start: 1, end: 0.5, epochs: 10 } },
        { type: 'bernoulli', units: 5, temperature: 0.3, straightThrough: true },
      ],
    })
    expect(layout.latentWidth).toBe(2 + 12 + 5)
    expect(spec.latents).toMatchObject([
      { fullCovariance: true },
      { classes: 4, temperature: { decay: 'exponential', start: 1, end: 0.5, epochs: 10 }, straightThrough: false },
      { temperature: { decay: 'constant', start: 0.3, end: 0.3 }, straightThrough: true },
    ])
  })

  test('a normal prior has a mean and a variance for each dimension', () => {
    const prior = (value: object) =>
      spec({ latent: { type: 'laplace', units: 2, prior: value as never } }).latents[0]?.prior
    const none = { learned: false, components: 0 }
    expect(prior({ type: 'normal' })).toEqual({ ...none, type: 'normal', mean: [0, 0], variance: [1, 1] })
    expect(prior({ type: 'normal', mean: [1, 2], variance: 3, learned: true })).toEqual({
      ...none,
      type: 'normal',
      learned: true,
      mean: [1, 2],
      variance: [3, 3],
    })
    expect(prior({ type: 'mixture', components: 4 })).toEqual({
      ...none,
      type: 'mixture',
      mean: [],
      variance: [],
      components: 4,
    })
  })

  test('the KL divergence is in closed form if there is one', () => {
    const mixture = { type: 'gaussian', units: 2, prior: { type: 'mixture', components: 2 } } as const
    const kl = (config: VAEConfig) => spec(config).objective.kl
    expect(kl({ latent: { type: 'logistic', units: 2 } })).toBe('analytic')
    expect(kl({ latent: [{ type: 'gaussian', units: 1 }, mixture] })).toBe('monteCarlo')
    expect(kl({ objective: { kl: 'monteCarlo' } })).toBe('monteCarlo')
    expect(kl({ objective: { bound: 'iwae', samples: 2 } })).toBe('monteCarlo')
  })

  test('shorthands and defaults of an objective', () => {
    const objective = (value: VAEConfig['objective']) => spec({ objective: value }).objective
    expect(objective({ warmup: 5 }).warmup).toMatchObject({ type: 'linear', epochs: 5 })
    expect(objective({ warmup: { type: 'cyclical', epochs: 8 } }).warmup).toEqual({
      type: 'cyclical',
      epochs: 8,
      cycles: 4,
      rise: 0.5,
    })
    expect(objective({ freeBits: 0.5 }).freeBits).toEqual({ per: 'dimension', nats: 0.5 })
    expect(objective({ freeBits: { nats: 2 } }).freeBits).toEqual({ per: 'dimension', nats: 2 })
    expect(objective({ estimator: 'scoreFunction' }).baseline).toBe('movingAverage')
    expect(objective({ weights: { kl: 0 } })).toMatchObject({ reconstructionWeight: 1, klWeight: 0 })
  })

  test('a corruption has one amount, a condition one width', () => {
    expect(spec({ corruption: { type: 'gaussian', std: 0.3 } }).corruption).toEqual({ type: 'gaussian', amount: 0.3 })
    expect(spec({ corruption: { type: 'masking', probability: 0.2 } }).corruption.amount).toBe(0.2)
    expect(spec({ condition: 3 }).condition).toEqual({ width: 3, classes: false })
    expect(spec({ condition: { classes: 10 } }).condition).toEqual({ width: 10, classes: true })
  })

  test('what is kept is what was passed, frozen, and not the caller’s object', () => {
    const passed = { latent: 2, encoder: [{ type: 'dense' as const, units: 4 }], seed: undefined }
    const { config } = parseConfig(passed)
    expect(JSON.stringify(config)).toBe('{"encoder":[{"type":"dense","units":4}],"latent":2}')
    passed.encoder.push({ type: 'dense', units: 9 })
    expect(config.encoder).toHaveLength(1)
    expect(Object.isFrozen(config) && Object.isFrozen(config.encoder) && Object.isFrozen(config.encoder?.[0])).toBe(
      true,
    )
  })
})

const layerTypes =
  "'dense', 'conv', 'convTranspose', 'batchNorm', 'layerNorm', 'groupNorm', 'activation', 'maxPool', 'avgPool', 'upsample', 'dropout', 'residual', 'embedding', 'flatten', 'reshape'"

describe('a wrong value is named by its path', () => {
  test.each<[unknown, typeof TypeError | typeof RangeError, string]>([
    [5, TypeError, 'Expected an object for the config of VAE but received 5 of type number'],
    [null, TypeError, 'Expected an object for the config of VAE but received null of type null'],
    [[], TypeError, 'Expected an object for the config of VAE but received [] of type Array'],
    [new Map(), TypeError, 'Expected an object for the config of VAE but received Map(0) {} of type Map'],
    [{ latent: 0 }, RangeError, 'Expected a positive integer for latent but received 0 of type number'],
    [{ latent: 2.5 }, RangeError, 'Expected a positive integer for latent but received 2.5 of type number'],
    [{ latent: NaN }, RangeError, 'Expected a positive integer for latent but received NaN of type number'],
    [
      { latent: '10' },
      TypeError,
      "Expected a number of units, a group such as { type: 'gaussian', units } or an array of groups for latent but received '10' of type string",
    ],
    [{ encoder: 200 }, TypeError, 'Expected an array of layers for encoder but received 200 of type number'],
    [{ encoder: [200, -1] }, RangeError, 'Expected a positive integer for encoder[1] but received -1 of type number'],
    [
      { encoder: [200, { type: 'dense', units: -1 }] },
      RangeError,
      'Expected a positive integer for encoder[1].units but received -1 of type number',
    ],
    [
      { encoder: [{ type: 'dense' }] },
      TypeError,
      'Expected a positive integer for encoder[0].units but received undefined of type undefined',
    ],
    [
      { encoder: [{ type: 'convolve', units: 3 }] },
      RangeError,
      `Expected one of ${layerTypes} for encoder[0].type but received 'convolve' of type string`,
    ],
    [
      { encoder: [{ units: 3 }] },
      TypeError,
      `Expected one of ${layerTypes} for encoder[0].type but received undefined of type undefined`,
    ],
    [{ input: [] }, RangeError, 'Expected a shape of at least one dimension for input but received [] of type Array'],
    [{ input: [1, 0] }, RangeError, 'Expected a positive integer for input[1] but received 0 of type number'],
    [{ seed: -1 }, RangeError, 'Expected a safe integer of at least 0 for seed but received -1 of type number'],
    [
      { seed: 2 ** 53 },
      RangeError,
      'Expected a safe integer of at least 0 for seed but received 9007199254740992 of type number',
    ],
    [
      { objective: { beta: -1 } },
      RangeError,
      'Expected a number from 0 to 1e12 for objective.beta but received -1 of type number',
    ],
    [
      { objective: { beta: Number.POSITIVE_INFINITY } },
      RangeError,
      'Expected a number from 0 to 1e12 for objective.beta but received Infinity of type number',
    ],
    [
      { objective: { kl: 'sampled' } },
      RangeError,
      "Expected one of 'analytic', 'monteCarlo' for objective.kl but received 'sampled' of type string",
    ],
    [
      { likelihood: { type: 'gaussian', variance: 0 } },
      RangeError,
      "Expected a number from 1e-30 to 1e+30, 'learned', 'perFeature' or 'perDatum' for likelihood.variance but received 0 of type number",
    ],
    [
      { likelihood: { type: 'gaussian', logVarianceBounds: [2, 1] } },
      RangeError,
      'Expected [min, max] with min below max for likelihood.logVarianceBounds but received [ 2, 1 ] of type Array',
    ],
    [
      { likelihood: { type: 'gaussian', logVarianceBounds: [2] } },
      TypeError,
      'Expected a number from -80 to 80 for likelihood.logVarianceBounds[1] but received undefined of type undefined',
    ],
    [
      { likelihood: { type: 'gaussian', variance: 1, logVarianceBounds: [1, 2] } },
      RangeError,
      'Expected no bounds beside a constant variance for likelihood.logVarianceBounds but received [ 1, 2 ] of type Array',
    ],
    [
      { likelihood: 'categorical' },
      TypeError,
      "Expected an object { type: 'categorical', classes: ... }, as classes is missing, for likelihood but received 'categorical' of type string",
    ],
    [
      { input: 8, likelihood: { type: 'categorical', classes: 3 } },
      RangeError,
      'Expected a divisor of the 8 one-hot columns of input for likelihood.classes but received 3 of type number',
    ],
    [
      {
        latent: [
          { type: 'gaussian', units: 2 },
          { type: 'categorical', units: 2 },
        ],
      },
      TypeError,
      'Expected an integer of at least 2 for latent[1].classes but received undefined of type undefined',
    ],
    [
      { latent: { type: 'gaussian', units: 3, prior: { type: 'normal', mean: [0, 1] } } },
      RangeError,
      'Expected 3 numbers, one a dimension, for latent.prior.mean but received [ 0, 1 ] of type Array',
    ],
    [
      {
        latent: { type: 'gaussian', units: 3, prior: { type: 'mixture', components: 2 } },
        objective: { kl: 'analytic' },
      },
      RangeError,
      "Expected 'monteCarlo', for a mixture prior has no closed form, for objective.kl but received 'analytic' of type string",
    ],
    [
      { objective: { bound: 'iwae' } },
      RangeError,
      "Expected at least 2 draws, of which the bound 'iwae' takes the mean, for objective.samples but received undefined of type undefined",
    ],
    [
      { objective: { deterministic: true, beta: 2 } },
      RangeError,
      'Expected no beta, as a deterministic model has no KL term, for objective.beta but received 2 of type number',
    ],
    [
      { latent: { type: 'gaussian', units: 2, covariance: 'full' }, objective: { freeBits: 0.5 } },
      RangeError,
      "Expected { nats, per: 'group' }, as latent has a full covariance, for objective.freeBits but received 0.5 of type number",
    ],
    [
      { corruption: { type: 'masking', probability: 1 } },
      RangeError,
      'Expected a number above 0 and below 1 for corruption.probability but received 1 of type number',
    ],
    [
      { condition: { classes: 1 } },
      RangeError,
      'Expected an integer of at least 2 for condition.classes but received 1 of type number',
    ],
  ])('%j', (config, kind, message) => {
    expect(parse(config)).toThrow(new kind(message))
    expect(parse(config)).toThrow(kind)
  })

  test.each<[unknown, string]>([
    [{ latent: 3e9 }, 'Expected an integer from 1 to 2147483647 for latent but received 3000000000'],
    [{ encoder: [200, 2 ** 31] }, 'Expected an integer from 1 to 2147483647 for encoder[1] but received 2147483648'],
    [
      { objective: { samples: 3e9 } },
      'Expected an integer from 1 to 2147483647 for objective.samples but received 3000000000',
    ],
    [
      { condition: { classes: 3e9 } },
      'Expected an integer from 2 to 2147483647 for condition.classes but received 3000000000',
    ],
  ])('a count beyond the limit is refused with the limit: %j', (config, message) => {
    expect(parse(config)).toThrow(new RangeError(`${message} of type number`))
  })

  const prior = (given: object) => ({ latent: { type: 'gaussian', units: 2, prior: { type: 'normal', ...given } } })
  const limited: readonly [string, (value: number) => unknown][] = [
    ['objective.beta', (beta) => ({ objective: { beta } })],
    ['objective.totalCorrelation', (totalCorrelation) => ({ objective: { totalCorrelation } })],
    ['objective.mmd', (mmd) => ({ objective: { mmd } })],
    ['objective.freeBits', (freeBits) => ({ objective: { freeBits } })],
    ['objective.freeBits.nats', (nats) => ({ objective: { freeBits: { nats } } })],
    ['objective.capacity.weight', (weight) => ({ objective: { capacity: { weight, nats: 5, epochs: 2 } } })],
    ['objective.capacity.nats', (nats) => ({ objective: { capacity: { weight: 5, nats, epochs: 2 } } })],
    ['corruption.std', (std) => ({ corruption: { type: 'gaussian', std } })],
    ['latent.prior.mean', (mean) => prior({ mean })],
    ['latent.prior.mean[1]', (mean) => prior({ mean: [0, mean] })],
    ['latent.prior.variance', (variance) => prior({ variance })],
  ]
  test.each(limited)('%s beyond 1e12, with which float32 cannot train, is refused, and 1e12 is not', (name, config) => {
    for (const value of [1.1e12, 1e300]) {
      const shown = `1e12 for ${name} but received ${value} of type number`
      expect(parse(config(value))).toThrow(RangeError)
      expect(parse(config(value))).toThrow(shown)
    }
    expect(parse(config(1e12))).not.toThrow()
    expect(parse(config(1e-12))).not.toThrow()
  })

  test("a prior's variance below 1e-12 is refused by its range", () => {
    expect(parse(prior({ variance: 1e-13 }))).toThrow(
      new RangeError(
        'Expected a number from 1e-12 to 1e12 for latent.prior.variance but received 1e-13 of type number',
      ),
    )
  })

  test('an activation that does not exist is answered with those that do', () => {
    expect(parse({ activation: 'rellu' })).toThrow(
      /^Expected one of 'identity', 'relu', .* for activation but received 'rellu'/,
    )
  })

  test('a model beyond any memory is refused before memory is allocated', () => {
    expect(parse({ encoder: [2 ** 31 - 1, 2 ** 31 - 1] })).toThrow(/^Expected a model of at most 2\^31 parameters/)
    expect(parse({ input: [65536, 65536] })).toThrow(/^Expected fewer than 2\^31 features for input/)
    expect(parse({ latent: { type: 'gaussian', units: 2 ** 17, covariance: 'full' } })).toThrow(
      /^Expected a model of at most/,
    )
    // The lists of a prior's numbers, and of classes, would be gigabytes too.
    const prior = { type: 'normal', mean: 1 } as const
    expect(parse({ latent: { type: 'gaussian', units: 2 ** 31 - 1, prior } })).toThrow(/^Expected a model of at most/)
    const likelihood = { type: 'categorical', classes: 2 } as const
    expect(parse({ input: 2 ** 31 - 2, likelihood })).toThrow(/^Expected a model of at most/)
  })
})

describe('a misspelt option is answered with the right one', () => {
  test.each<[unknown, string]>([
    [{ encodr: [1] }, 'Unknown option "encodr" for the config of VAE; did you mean "encoder"?'],
    [{ likelyhood: 'gaussian' }, 'Unknown option "likelyhood" for the config of VAE; did you mean "likelihood"?'],
    [{ objective: { betta: 1 } }, 'Unknown option "betta" for objective; did you mean "beta"?'],
    [{ latent: { type: 'gaussian', unit: 3 } }, 'Unknown option "unit" for latent; did you mean "units"?'],
    [{ latent: { typ: 'gaussian', units: 3 } }, 'Unknown option "typ" for latent; did you mean "type"?'],
    [
      { encoder: [1, { type: 'dense', units: 3, activatoin: 'relu' }] },
      'Unknown option "activatoin" for encoder[1]; did you mean "activation"?',
    ],
    [
      { likelihood: { type: 'gaussian', varience: 1 } },
      'Unknown option "varience" for likelihood; did you mean "variance"?',
    ],
    [{ objective: { weight: 1 } }, 'Unknown option "weight" for objective; did you mean "weights"?'],
    [
      { latent: { type: 'bernoulli', units: 2, prior: 'standard' } },
      'Unknown option "prior" for latent; the options are type, units, temperature, straightThrough',
    ],
    [
      { objective: { constructor: 1 } },
      'Unknown option "constructor" for objective; the options are beta, samples, kl, bound, estimator, baseline, warmup, freeBits, capacity, totalCorrelation, mmd, weights, deterministic',
    ],
    [
      JSON.parse('{ "objective": { "__proto__": {} } }'),
      'Unknown option "__proto__" for objective; the options are beta, samples, kl, bound, estimator, baseline, warmup, freeBits, capacity, totalCorrelation, mmd, weights, deterministic',
    ],
  ])('%j', (config, message) => {
    expect(parse(config)).toThrow(new TypeError(message))
  })
})

/** [name, shape] of each tensor. */
const tensors = (config: VAEConfig) => parseConfig(config).layout.tensors.map(({ name, shape }) => [name, [...shape]])

describe('the tensors of a model', () => {
  test('one group', () => {
    expect(
      tensors({ input: 6, encoder: [4], latent: { type: 'laplace', units: 2 }, decoder: [3], condition: 5 }),
    ).toEqual([
      ['encoder.0.weight', [4, 11]],
      ['encoder.0.bias', [4]],
      ['latent.mean.weight', [2, 4]],
      ['latent.mean.bias', [2]],
      ['latent.logScale.weight', [2, 4]],
      ['latent.logScale.bias', [2]],
      ['decoder.0.weight', [3, 7]],
      ['decoder.0.bias', [3]],
      ['likelihood.logits.weight', [6, 3]],
      ['likelihood.logits.bias', [6]],
    ])
  })

  test('several groups, their priors, and no layers between', () => {
    const latent = [
      { type: 'gaussian', units: 3, covariance: 'full', prior: { type: 'normal', learned: true } },
      { type: 'gaussian', units: 1, covariance: 'full', prior: { type: 'normal', mean: 2 } },
      { type: 'categorical', units: 2, classes: 4 },
      { type: 'logistic', units: 2, prior: { type: 'mixture', components: 5 } },
    ] as const
    const likelihood = { type: 'laplace', scale: 'perFeature' } as const
    expect(tensors({ input: 6, encoder: [], latent, decoder: [], likelihood })).toEqual([
      ['latent.0.mean.weight', [3, 6]],
      ['latent.0.mean.bias', [3]],
      ['latent.0.logVariance.weight', [3, 6]],
      ['latent.0.logVariance.bias', [3]],
      ['latent.0.cholesky.weight', [3, 6]],
      ['latent.0.cholesky.bias', [3]],
      ['latent.0.prior.mean', [3]],
      ['latent.0.prior.logVariance', [3]],
      ['latent.1.mean.weight', [1, 6]],
      ['latent.1.mean.bias', [1]],
      ['latent.1.logVariance.weight', [1, 6]],
      ['latent.1.logVariance.bias', [1]],
      ['latent.2.logits.weight', [8, 6]],
      ['latent.2.logits.bias', [8]],
      ['latent.3.mean.weight', [2, 6]],
      ['latent.3.mean.bias', [2]],
      ['latent.3.logScale.weight', [2, 6]],
      ['latent.3.logScale.bias', [2]],
      ['latent.3.prior.logits', [5]],
      ['latent.3.prior.mean', [5, 2]],
      ['latent.3.prior.logVariance', [5, 2]],
      ['likelihood.mean.weight', [6, 14]],
      ['likelihood.mean.bias', [6]],
      ['likelihood.logScale', [6]],
      ['scale.shift', [6]],
      ['scale.factor', [6]],
    ])
  })

  test.each<[VAEConfig['likelihood'], string[]]>([
    ['bernoulli', ['logits.weight', 'logits.bias']],
    ['continuousBernoulli', ['logits.weight', 'logits.bias']],
    ['gaussian', ['mean.weight', 'mean.bias', 'logVariance']],
    [{ type: 'gaussian', variance: 2 }, ['mean.weight', 'mean.bias']],
    [{ type: 'laplace', scale: 'perDatum' }, ['mean.weight', 'mean.bias', 'logScale.weight', 'logScale.bias']],
    [{ type: 'categorical', classes: 2 }, ['logits.weight', 'logits.bias']],
    ['multinomial', ['logits.weight', 'logits.bias']],
    ['poisson', ['logRate.weight', 'logRate.bias']],
  ])('the likelihood %j', (likelihood, names) => {
    const all = tensors({ input: 6, likelihood }).map(([name]) => name as string)
    expect(all.filter((name) => name.startsWith('likelihood.'))).toEqual(names.map((name) => `likelihood.${name}`))
  })
})

/** The message of an error about this field or, if it is an object, about something within it. */
function named(field: string): RegExp {
  const escaped = field.replaceAll(/[.[\]$]/g, '\\$&')
  return new RegExp(
    `^Expected .* for ${escaped}([.[].*)? but received |^Unknown option ("${escaped}" |.* for ${escaped};)`,
  )
}

describe('configs drawn from the whole schema', () => {
  const random = generator(5)
  const valid = Array.from({ length: 1000 }, () => randomConfig(random))

  test('valid ones are accepted, also as JSON', () => {
    for (const config of valid) {
      const parsed = parseConfig(config)
      expect(parsed.config).toEqual(config)
      expect(parseConfig(JSON.parse(JSON.stringify(parsed.config)))).toEqual(parsed)
    }
  })

  test('they use every option', () => {
    // Path → values, '#' for a number; an object's type is part of the path.
    const seen = new Map<string, Set<string>>()
    const note = (value: unknown, path: string): void => {
      if (typeof value !== 'object' || value === null) {
        const shown = typeof value === 'number' ? '#' : String(value)
        seen.set(path, (seen.get(path) ?? new Set()).add(shown))
        return
      }
      const { type } = value as { type?: string }
      for (const [key, child] of Object.entries(value)) {
        if (key !== 'type') note(child, Array.isArray(value) ? path : [path, type, key].filter(Boolean).join('.'))
      }
    }
    for (const config of valid) note(config, '')
    const shown = [...seen].map(([path, values]) => {
      const sorted = [...values].sort()
      return sorted.join() === '#' ? path : `${path}=${sorted.join('|')}`
    })
    const all = `
      activation=elu|gelu|identity|leakyRelu|relu|sigmoid|silu|softplus|tanh condition condition.classes
      corruption.gaussian.std corruption.masking.probability corruption.saltAndPepper.probability decoder
      decoder.dense.activation=elu|gelu|identity|leakyRelu|relu|sigmoid|silu|softplus|tanh decoder.dense.units
      encoder encoder.dense.activation=elu|gelu|identity|leakyRelu|relu|sigmoid|silu|softplus|tanh
      encoder.dense.units initializer=glorotNormal|glorotUniform|heNormal|heUniform|pytorch input latent
      latent.bernoulli.straightThrough=false|true latent.bernoulli.temperature
      latent.bernoulli.temperature.decay=exponential|linear latent.bernoulli.temperature.end
      latent.bernoulli.temperature.epochs latent.bernoulli.temperature.start latent.bernoulli.units
      latent.categorical.classes latent.categorical.straightThrough=false|true latent.categorical.temperature
      latent.categorical.temperature.decay=exponential|linear latent.categorical.temperature.end
      latent.categorical.temperature.epochs latent.categorical.temperature.start latent.categorical.units
      latent.gaussian.covariance=diagonal|full latent.gaussian.prior.mixture.components
      latent.gaussian.prior.normal.learned=false|true latent.gaussian.prior.normal.mean
      latent.gaussian.prior.normal.variance latent.gaussian.prior=standard latent.gaussian.units
      latent.laplace.prior.mixture.components latent.laplace.prior.normal.learned=false|true
      latent.laplace.prior.normal.mean latent.laplace.prior.normal.variance latent.laplace.prior=standard
      latent.laplace.units latent.logistic.prior.mixture.components
      latent.logistic.prior.normal.learned=false|true latent.logistic.prior.normal.mean
      latent.logistic.prior.normal.variance latent.logistic.prior=standard latent.logistic.units
      likelihood.bernoulli.binarize=none|stochastic|threshold likelihood.bernoulli.columns
      likelihood.categorical.classes likelihood.categorical.coding=codes|oneHot likelihood.categorical.columns
      likelihood.continuousBernoulli.columns likelihood.gaussian.columns
      likelihood.gaussian.covariance=diagonal|full|lowRank likelihood.gaussian.logVarianceBounds
      likelihood.gaussian.rank likelihood.laplace.columns likelihood.multinomial.columns likelihood.poisson.columns
      likelihood.gaussian.variance=#|learned|perDatum|perFeature likelihood.laplace.logScaleBounds
      likelihood.laplace.scale=#|learned|perDatum|perFeature likelihood.multinomial.trials
      likelihood=bernoulli|continuousBernoulli|gaussian|laplace|multinomial|poisson missing=true
      objective.baseline=leaveOneOut|movingAverage|none objective.beta objective.bound=dreg|elbo|iwae
      objective.capacity.epochs objective.capacity.nats objective.capacity.weight
      objective.deterministic=false|true objective.estimator=reparameterized|scoreFunction objective.freeBits
      objective.freeBits.nats objective.freeBits.per=dimension|group objective.kl=analytic|monteCarlo
      objective.mmd objective.samples objective.totalCorrelation objective.warmup objective.warmup.cosine.epochs
      objective.warmup.cyclical.cycles objective.warmup.cyclical.epochs objective.warmup.cyclical.rise
      objective.warmup.linear.epochs objective.weights.kl objective.weights.reconstruction
      scale=auto|log|none|standard seed
    `
    expect(shown.sort()).toEqual(all.trim().split(/\s+/).sort())
  })

  test('their data are in the domain', () => {
    for (const config of valid.slice(0, 200)) {
      const { inputShape, dataColumns, spec } = parseConfig(config)
      const { x, condition } = dataFor(config, 3, random)
      expect(x.shape).toEqual([3, ...inputShape])
      expect(x.data).toHaveLength(3 * dataColumns)
      const missing = spec.likelihoods.some((part) => part.missing)
      expect(x.data.every((value) => Number.isFinite(value) || (missing && Number.isNaN(value)))).toBe(true)
      expect(condition !== undefined).toBe(spec.condition.width > 0)
    }
  })

  test('invalid ones are refused by the name of what is wrong', () => {
    for (let i = 0; i < 1000; i++) {
      const { config, field, way } = randomInvalidConfig(random)
      const shown = `${way}: ${field} in ${JSON.stringify(config)}`
      expect(parse(config), shown).toThrow(named(field))
    }
  })

  test.each(forbiddenCombinations)('$field beside the rest of $put', ({ field, put }) => {
    expect(parse(put)).toThrow(named(field))
  })
})
