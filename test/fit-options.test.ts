/** Which options of `fit` are valid, and the errors for those that are not. */

import { describe, expect, test } from 'vitest'
import { type FitOptions, fitPlan } from '../src/options/fit-options.js'

const plan = (options: unknown) => () => fitPlan(options)

describe('options are spelled out', () => {
  test('the defaults train the reference model', () => {
    expect(fitPlan()).toEqual({
      epochs: 5,
      spec: {
        batchSize: 128,
        shuffle: true,
        optimizer: {
          type: 'adam',
          learningRate: 0.01,
          weightDecay: 0,
          momentum: 0,
          nesterov: false,
          beta1: 0.9,
          beta2: 0.999,
          decay: 0,
          epsilon: 1e-8,
          initialAccumulator: 0,
        },
        schedule: { type: 'constant', warmup: 0, every: 1, factor: 0.1, minimum: 0, epochs: 5 },
        clipNorm: 0,
        clipValue: 0,
        precision: 'float32',
      },
      validationSplit: 0,
      validationData: undefined,
      callbacks: [],
      signal: undefined,
      verbose: 1,
      threads: 0,
    })
    expect(fitPlan({ epochs: undefined, optimizer: undefined })).toEqual(fitPlan())
  })

  test.each([
    ['sgd', { learningRate: 0.01, momentum: 0, nesterov: false, weightDecay: 0 }],
    ['adagrad', { learningRate: 0.01, epsilon: 1e-10, initialAccumulator: 0 }],
    ['rmsprop', { learningRate: 0.01, decay: 0.99, epsilon: 1e-8, momentum: 0 }],
    ['adam', { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0 }],
    ['adamw', { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 }],
  ] as const)('%s has its documented defaults', (type, defaults) => {
    expect(fitPlan({ optimizer: type }).spec.optimizer).toMatchObject({ type, ...defaults })
    expect(fitPlan({ optimizer: { type } })).toEqual(fitPlan({ optimizer: type }))
  })

  test('learningRate replaces the optimiser’s default', () => {
    const rate = (options: FitOptions) => fitPlan(options).spec.optimizer.learningRate
    expect(rate({ learningRate: 0.5 })).toBe(0.5)
    expect(rate({ optimizer: { type: 'sgd', learningRate: 0.25 } })).toBe(0.25)
    expect(rate({ optimizer: { type: 'sgd', learningRate: undefined }, learningRate: 0.125 })).toBe(0.125)
  })

  test('a schedule is given the length of this fit', () => {
    const schedule = (options: FitOptions) => fitPlan(options).spec.schedule
    expect(schedule({ epochs: 7, schedule: { type: 'cosine', minimum: 0.1, warmup: 2 } })).toMatchObject({
      type: 'cosine',
      minimum: 0.1,
      warmup: 2,
      epochs: 7,
    })
    expect(schedule({ schedule: { type: 'step', every: 2, factor: 0.5 } })).toMatchObject({ every: 2, factor: 0.5 })
    expect(schedule({ schedule: { warmup: 1.5 } })).toMatchObject({ type: 'constant', warmup: 1.5 })
    expect(schedule({ schedule: 'constant' })).toEqual(schedule({}))
    expect(schedule({ schedule: 'cosine' })).toEqual(schedule({ schedule: { type: 'cosine' } }))
  })

  test('callbacks are the caller’s own objects', () => {
    class Counter {
      count = 0
      onEpochEnd() {
        this.count++
      }
    }
    const counter = new Counter()
    const literal = { onTrainBegin() {} }
    expect(fitPlan({ callbacks: counter }).callbacks[0]).toBe(counter)
    expect(fitPlan({ callbacks: [literal, counter] }).callbacks[0]).toBe(literal)
  })
})

describe('a wrong value is named by its path', () => {
  test.each<[unknown, typeof TypeError | typeof RangeError, string]>([
    [null, TypeError, 'Expected an object of options for fit but received null of type null'],
    [{ epochs: 0 }, RangeError, 'Expected a positive integer for epochs but received 0 of type number'],
    [
      { epochs: 1e16 },
      RangeError,
      'Expected an integer from 1 to 9007199254740991 for epochs but received 10000000000000000 of type number',
    ],
    [
      { batchSize: 3e9 },
      RangeError,
      'Expected an integer from 1 to 2147483647 for batchSize but received 3000000000 of type number',
    ],
    [{ epochs: '5' }, TypeError, "Expected a positive integer for epochs but received '5' of type string"],
    [{ epochs: 1n }, TypeError, 'Expected a positive integer for epochs but received 1n of type bigint'],
    [{ epochs: null }, TypeError, 'Expected a positive integer for epochs but received null of type null'],
    [{ batchSize: 1.5 }, RangeError, 'Expected a positive integer for batchSize but received 1.5 of type number'],
    [
      { learningRate: 0 },
      RangeError,
      'Expected a finite number above 0 for learningRate but received 0 of type number',
    ],
    [
      { learningRate: 1e-39 },
      RangeError,
      'Expected a number from 1.2e-38 to 3.4e38, as float32 holds, for learningRate but received 1e-39 of type number',
    ],
    [
      { optimizer: { type: 'sgd', learningRate: 1e39 } },
      RangeError,
      'Expected a number from 1.2e-38 to 3.4e38, as float32 holds, for optimizer.learningRate but received 1e+39 of type number',
    ],
    [
      { schedule: 'step' },
      TypeError,
      "Expected an object { type: 'step', every: ... }, as every is missing, for schedule but received 'step' of type string",
    ],
    [
      { schedule: 'exponential' },
      TypeError,
      "Expected an object { type: 'exponential', factor: ... }, as factor is missing, for schedule but received 'exponential' of type string",
    ],
    [
      { schedule: 'linear' },
      RangeError,
      "Expected one of 'constant', 'cosine' for schedule but received 'linear' of type string",
    ],
    [
      { learningRate: NaN },
      RangeError,
      'Expected a finite number above 0 for learningRate but received NaN of type number',
    ],
    [
      { optimizer: { type: 'adam', beta1: 1 } },
      RangeError,
      'Expected a number of at least 0 and below 1 for optimizer.beta1 but received 1 of type number',
    ],
    [
      { optimizer: 'adan' },
      RangeError,
      "Expected one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw' for optimizer but received 'adan' of type string",
    ],
    [
      { optimizer: { type: 'lion' } },
      RangeError,
      "Expected one of 'sgd', 'adagrad', 'rmsprop', 'adam', 'adamw' for optimizer.type but received 'lion' of type string",
    ],
    [
      { optimizer: { type: 'sgd', nesterov: true } },
      RangeError,
      'Expected a number above 0, as nesterov needs, for optimizer.momentum but received 0 of type number',
    ],
    [
      { optimizer: { type: 'sgd', learningRate: 0.1 }, learningRate: 0.2 },
      RangeError,
      'Expected no second rate beside optimizer.learningRate for learningRate but received 0.2 of type number',
    ],
    [
      { schedule: { type: 'step' } },
      TypeError,
      'Expected a finite number above 0 for schedule.every but received undefined of type undefined',
    ],
    [
      { schedule: { type: 'cosine', minimum: 2 } },
      RangeError,
      'Expected a number from 0 to 1 for schedule.minimum but received 2 of type number',
    ],
    [
      { epochs: 3, schedule: { type: 'cosine', warmup: 3 } },
      RangeError,
      "Expected fewer epochs than fit's 3 for schedule.warmup but received 3 of type number",
    ],
    [
      { schedule: { every: 2 } },
      TypeError,
      "Expected one of 'constant', 'step', 'exponential', 'cosine' for schedule.type but received undefined of type undefined",
    ],
    [{ clipNorm: 0 }, RangeError, 'Expected a finite number above 0 for clipNorm but received 0 of type number'],
    [{ clipValue: -1 }, RangeError, 'Expected a finite number above 0 for clipValue but received -1 of type number'],
    [
      { validationSplit: 1 },
      RangeError,
      'Expected a number of at least 0 and below 1 for validationSplit but received 1 of type number',
    ],
    [
      { validationSplit: 0.1, validationData: [[1]] },
      RangeError,
      'Expected no split beside validationData for validationSplit but received 0.1 of type number',
    ],
    [{ signal: {} }, TypeError, 'Expected an AbortSignal for signal but received {} of type object'],
    [{ verbose: 3 }, RangeError, 'Expected one of 0, 1, 2 for verbose but received 3 of type number'],
    [{ verbose: 'yes' }, TypeError, "Expected true or false for verbose but received 'yes' of type string"],
    [{ shuffle: 'batch' }, TypeError, "Expected true or false for shuffle but received 'batch' of type string"],
    [
      { precision: 'float16' },
      RangeError,
      "Expected one of 'float32', 'bfloat16' for precision but received 'float16' of type string",
    ],
    [
      { precision: 16 },
      TypeError,
      "Expected one of 'float32', 'bfloat16' for precision but received 16 of type number",
    ],
    [{ threads: -1 }, RangeError, 'Expected an integer from 0 to 1024 for threads but received -1 of type number'],
    [{ callbacks: 5 }, TypeError, 'Expected an object of callbacks for callbacks but received 5 of type number'],
    [
      { callbacks: [{}, { onEpochEnd: 5 }] },
      TypeError,
      'Expected a function for callbacks[1].onEpochEnd but received 5 of type number',
    ],
  ])('%o', (options, kind, message) => {
    expect(plan(options)).toThrow(kind)
    expect(plan(options)).toThrow(new kind(message))
  })
})

describe('a misspelt option is answered with the right one', () => {
  test.each<[unknown, string]>([
    [{ lerningRate: 1 }, 'Unknown option "lerningRate" for fit; did you mean "learningRate"?'],
    [{ batchsize: 1 }, 'Unknown option "batchsize" for fit; did you mean "batchSize"?'],
    [{ optimizer: { type: 'adam', beta_1: 0 } }, 'Unknown option "beta_1" for optimizer; did you mean "beta1"?'],
    [
      { optimizer: { type: 'adam', momentum: 0 } },
      'Unknown option "momentum" for optimizer; the options are type, learningRate, weightDecay, beta1, beta2, epsilon',
    ],
    [{ presicion: 'bfloat16' }, 'Unknown option "presicion" for fit; did you mean "precision"?'],
    [{ schedule: { type: 'step', evry: 1 } }, 'Unknown option "evry" for schedule; did you mean "every"?'],
    [{ schedule: { warmUp: 1 } }, 'Unknown option "warmUp" for schedule; did you mean "warmup"?'],
    [{ callbacks: { onEpochEnds() {} } }, 'Unknown option "onEpochEnds" for callbacks; did you mean "onEpochEnd"?'],
    [
      { callbacks: [{ onBatchBegn() {} }] },
      'Unknown option "onBatchBegn" for callbacks[0]; did you mean "onBatchBegin"?',
    ],
  ])('%o', (options, message) => {
    expect(plan(options)).toThrow(new TypeError(message))
  })

  test('an option that resembles none is answered with all', () => {
    expect(plan({ foo: 1 })).toThrow(
      /^Unknown option "foo" for fit; the options are epochs, batchSize, optimizer, .*threads$/,
    )
  })
})
