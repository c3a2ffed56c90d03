/** What a model's config may be, and what is said where it is not. */

import { describe, expect, test } from 'vitest'
import { parseConfig, type VAEConfig } from '../src/options/config.js'

const spec = (config: VAEConfig) => parseConfig(config).spec
const parse = (config: unknown) => () => parseConfig(config)

describe('a config is spelled out', () => {
  test('the default is the reference model', () => {
    expect(spec({})).toEqual({
      input: 784,
      encoder: [{ units: 200, activation: 'relu' }],
      latent: { units: 10 },
      decoder: [{ units: 200, activation: 'relu' }],
      likelihood: { type: 'bernoulli', variance: 'fixed', fixedVariance: 1, logVarianceBounds: [-10, 10] },
      objective: { beta: 1, samples: 1 },
      initializer: 'pytorch',
      seed: 0,
    })
  })

  test('a shorthand means what its long form means', () => {
    const short: VAEConfig = { input: 12, encoder: [4], latent: 3, likelihood: 'bernoulli' }
    const long: VAEConfig = {
      input: [12],
      encoder: [{ type: 'dense', units: 4 }],
      latent: { type: 'gaussian', units: 3 },
      likelihood: { type: 'bernoulli' },
      objective: { beta: 1, samples: 1, kl: 'analytic' },
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
      { units: 3, activation: 'tanh' },
      { units: 4, activation: 'gelu' },
    ])
    expect(decoder).toEqual([{ units: 5, activation: 'tanh' }])
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

  test('a Gaussian likelihood learns one variance unless told otherwise', () => {
    const likelihood = (value: VAEConfig['likelihood']) => spec({ likelihood: value }).likelihood
    expect(likelihood('gaussian').variance).toBe('learned')
    expect(likelihood({ type: 'gaussian' })).toEqual(likelihood('gaussian'))
    expect(likelihood({ type: 'gaussian', variance: 0.25 })).toMatchObject({ variance: 'fixed', fixedVariance: 0.25 })
    expect(likelihood({ type: 'gaussian', variance: 'perDatum', logVarianceBounds: [-3, 2] })).toMatchObject({
      variance: 'perDatum',
      logVarianceBounds: [-3, 2],
    })
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
      "Expected a number of units or { type: 'gaussian', units } for latent but received '10' of type string",
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
      { encoder: [{ type: 'conv', units: 3 }] },
      RangeError,
      "Expected 'dense' for encoder[0].type but received 'conv' of type string",
    ],
    [
      { encoder: [{ units: 3 }] },
      TypeError,
      "Expected 'dense' for encoder[0].type but received undefined of type undefined",
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
      'Expected a finite number of at least 0 for objective.beta but received -1 of type number',
    ],
    [
      { objective: { beta: Number.POSITIVE_INFINITY } },
      RangeError,
      'Expected a finite number of at least 0 for objective.beta but received Infinity of type number',
    ],
    [
      { objective: { kl: 'sampled' } },
      RangeError,
      "Expected 'analytic' for objective.kl but received 'sampled' of type string",
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
  ])('%j', (config, kind, message) => {
    expect(parse(config)).toThrow(new kind(message))
    expect(parse(config)).toThrow(kind)
  })

  test('an activation that does not exist is answered with those that do', () => {
    expect(parse({ activation: 'rellu' })).toThrow(
      /^Expected one of 'identity', 'relu', .* for activation but received 'rellu'/,
    )
  })

  test('a model beyond any memory is refused before memory is asked for', () => {
    expect(parse({ encoder: [2 ** 31 - 1, 2 ** 31 - 1] })).toThrow(/^Expected a model of at most 2\^31 parameters/)
    expect(parse({ input: [65536, 65536] })).toThrow(/^Expected fewer than 2\^31 features for input/)
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
    [{ objective: { weight: 1 } }, 'Unknown option "weight" for objective; the options are beta, samples, kl'],
    [
      { objective: { constructor: 1 } },
      'Unknown option "constructor" for objective; the options are beta, samples, kl',
    ],
    [
      JSON.parse('{ "objective": { "__proto__": {} } }'),
      'Unknown option "__proto__" for objective; the options are beta, samples, kl',
    ],
  ])('%j', (config, message) => {
    expect(parse(config)).toThrow(new TypeError(message))
  })
})
