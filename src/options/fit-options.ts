/** What `fit` takes, checked and translated into what the training loop and the core need. */

import type { ConditionLike } from '../data/condition.js'
import type { MatrixLike } from '../data/dataset.js'
import { expected } from '../errors.js'
import type { TrainSpec } from '../native.js'
import {
  boolean,
  instance,
  list,
  number,
  oneOf,
  oneOfNumbers,
  optional,
  options,
  parse,
  pick,
  positiveInteger,
  type Schema,
} from '../schema.js'
import { type Callbacks, callbacksSchema } from './callbacks.js'
import { learningRateSchema, type Optimizer, type OptimizerName, optimizerSchema, optimizerSpec } from './optimizer.js'
import { signalSchema, threadsSchema } from './run-options.js'
import { type Schedule, type ScheduleName, scheduleSchema, scheduleSpec } from './schedule.js'

/** Options of `fit`. Each may be left out. */
export interface FitOptions {
  /** Passes over the data, a positive integer. Default: 5. */
  readonly epochs?: number | undefined
  /** Rows of a step, a positive integer; the last step of an epoch takes what is left. Default: 128. */
  readonly batchSize?: number | undefined
  /** A name or an object with `type` and that optimiser's own options. Default: 'adam'. */
  readonly optimizer?: OptimizerName | Optimizer | undefined
  /** In place of the optimiser's own; giving both is an error. Default: the optimiser's. */
  readonly learningRate?: number | undefined
  /** How the learning rate changes: a name or an object; its clock starts with each `fit`. Default: 'constant'. */
  readonly schedule?: ScheduleName | Schedule | undefined
  /** Largest Euclidean norm of the whole gradient, above 0; a longer one is shortened to it. Default: no limit. */
  readonly clipNorm?: number | undefined
  /** Largest magnitude of each element of the gradient, above 0, applied before `clipNorm`. Default: no limit. */
  readonly clipValue?: number | undefined
  /** Part of the rows, in [0, 1), kept for validation: the last ones, taken before any shuffling. Default: 0. */
  readonly validationSplit?: number | undefined
  /** Rows to validate on after each epoch, instead of a split. */
  readonly validationData?: MatrixLike | undefined
  /** What is known of each row beside its data, of a conditional model: see {@link ConditionOptions}. */
  readonly condition?: ConditionLike | undefined
  /** The same of the rows of `validationData`. */
  readonly validationCondition?: ConditionLike | undefined
  /** Called as training goes on. */
  readonly callbacks?: Callbacks | readonly Callbacks[] | undefined
  /**
   * Stops the training, which then rejects with an AbortError within 100 ms; the model keeps the parameters of the last
   * completed step.
   */
  readonly signal?: AbortSignal | undefined
  /**
   * What is shown on stderr. false or 0: nothing; true or 1: a progress bar if it is a terminal, else one line an epoch; 2:
   * one line an epoch. Default: true.
   */
  readonly verbose?: boolean | Verbosity | undefined
  /** Draws a new order of rows for each epoch. Default: true. */
  readonly shuffle?: boolean | undefined
  /**
   * 'bfloat16' rounds the factors of training's matrix products to 8 bits of significand, which makes those products
   * faster; refused unless `backend().bfloat16`. All else stays float32: sums, parameters, losses, the optimiser, the
   * encoder's first layer, validation and every other method. Not saved with the model. Default: 'float32'.
   */
  readonly precision?: 'float32' | 'bfloat16' | undefined
  /** Threads to compute with, at most 1024; 0: as many as pay. The results do not depend on it. Default: 0. */
  readonly threads?: number | undefined
}

/** What `fit` shows: nothing, a bar, or lines. */
export type Verbosity = 0 | 1 | 2

/** Options with every default filled in. */
export interface FitPlan {
  readonly epochs: number
  readonly spec: TrainSpec
  readonly validationSplit: number
  readonly validationData: MatrixLike | undefined
  readonly condition: ConditionLike | undefined
  readonly validationCondition: ConditionLike | undefined
  readonly callbacks: readonly Callbacks[]
  readonly signal: AbortSignal | undefined
  readonly verbose: Verbosity
  readonly threads: number
}

const limit = optional(number('a finite number above 0', (n) => n > 0))
const verbosity = oneOfNumbers([0, 1, 2])
const callbackList = list('an object or an array of objects', callbacksSchema)

const schema = options<FitOptions>('an object of options', {
  epochs: optional(positiveInteger(Number.MAX_SAFE_INTEGER)),
  batchSize: optional(positiveInteger()),
  optimizer: optional(optimizerSchema),
  learningRate: learningRateSchema,
  schedule: optional(scheduleSchema),
  clipNorm: limit,
  clipValue: limit,
  validationSplit: optional(number('a number of at least 0 and below 1', (n) => n >= 0 && n < 1)),
  // Data has checks of its own (data/matrix.ts).
  validationData: optional(instance<MatrixLike>('data', () => true)),
  condition: optional(instance<ConditionLike>('a condition', () => true)),
  validationCondition: optional(instance<ConditionLike>('a condition', () => true)),
  callbacks: optional(
    pick((input) => (Array.isArray(input) ? callbackList : callbacksSchema)) as Schema<
      Callbacks | readonly Callbacks[]
    >,
  ),
  signal: signalSchema,
  verbose: optional(
    pick((input) => (typeof input === 'number' ? verbosity : boolean())) as Schema<boolean | Verbosity>,
  ),
  shuffle: optional(boolean()),
  precision: optional(oneOf(['float32', 'bfloat16'])),
  threads: threadsSchema,
})

/** Throws a TypeError or RangeError that names the option which is wrong. */
export function fitPlan(passed: unknown = {}): FitPlan {
  const given = parse(schema, passed, 'fit')
  const { epochs = 5, validationSplit = 0, validationData } = given
  // The objects themselves, not the copies that parsing makes: their functions may use `this`.
  const callbacks = (passed as FitOptions).callbacks ?? []
  if (validationSplit > 0 && validationData !== undefined) {
    throw new RangeError(expected('no split beside validationData', 'validationSplit', validationSplit))
  }
  if (given.validationCondition !== undefined && validationData === undefined) {
    const what = 'nothing without validationData (a split takes its part of condition)'
    throw new TypeError(expected(what, 'validationCondition', given.validationCondition))
  }
  return {
    epochs,
    spec: {
      batchSize: given.batchSize ?? 128,
      shuffle: given.shuffle ?? true,
      optimizer: optimizerSpec(given.optimizer, given.learningRate),
      schedule: scheduleSpec(given.schedule, epochs),
      clipNorm: given.clipNorm ?? 0,
      clipValue: given.clipValue ?? 0,
      precision: given.precision ?? 'float32',
    },
    validationSplit,
    validationData,
    condition: given.condition,
    validationCondition: given.validationCondition,
    callbacks: Array.isArray(callbacks) ? [...callbacks] : [callbacks as Callbacks],
    signal: given.signal,
    verbose: Number(given.verbose ?? true) as Verbosity,
    threads: given.threads ?? 0,
  }
}
