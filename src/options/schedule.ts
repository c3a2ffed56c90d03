/** The learning rate as a factor of its base, over the epochs t since `fit` began (a fraction within an epoch). */

import { expected } from '../errors.js'
import type { TrainSpec } from '../native.js'
import { byType, number, oneOf, optional, options, pick, refuse, type Schema } from '../schema.js'

interface Warmup {
  /** Epochs over which the factor grows linearly from 0, at least 0. Default: 0. */
  readonly warmup?: number | undefined
}

/** The factor stays 1. The `type` may be left out. */
export interface ConstantSchedule extends Warmup {
  readonly type?: 'constant' | undefined
}

/** factor^⌊t / every⌋ */
export interface StepSchedule extends Warmup {
  readonly type: 'step'
  /** Epochs between two changes, above 0. */
  readonly every: number
  /** What the rate is multiplied by, above 0. Default: 0.1. */
  readonly factor?: number | undefined
}

/** factor^t */
export interface ExponentialSchedule extends Warmup {
  readonly type: 'exponential'
  /** What an epoch multiplies the rate by, above 0. */
  readonly factor: number
}

/** Half a cosine from 1, where `fit` begins, to `minimum`, where it ends (Loshchilov and Hutter 2016); times the warm-up. */
export interface CosineSchedule extends Warmup {
  readonly type: 'cosine'
  /** The factor at the end, in [0, 1]. Default: 0. */
  readonly minimum?: number | undefined
}

export type Schedule = ConstantSchedule | StepSchedule | ExponentialSchedule | CosineSchedule
/** The schedules that need no options. */
export type ScheduleName = 'constant' | 'cosine'

const above0 = number('a finite number above 0', (n) => n > 0)
const warmup = optional(number('a finite number of epochs of at least 0', (n) => n >= 0))
const what = "'constant', 'cosine' or an object with a type"

const kinds = byType<Schedule>(
  what,
  {
    constant: options<ConstantSchedule>(what, { type: optional(oneOf(['constant'])), warmup }),
    step: options<StepSchedule>(what, { type: oneOf(['step']), every: above0, factor: optional(above0), warmup }),
    exponential: options<ExponentialSchedule>(what, { type: oneOf(['exponential']), factor: above0, warmup }),
    cosine: options<CosineSchedule>(what, {
      type: oneOf(['cosine']),
      minimum: optional(number('a number from 0 to 1', (n) => n >= 0 && n <= 1)),
      warmup,
    }),
  },
  'constant',
)
const named = oneOf(['constant', 'cosine'])
/** Names of the schedules that do not do without options, and an object that would. */
const incomplete = new Map<unknown, Schema<never>>([
  ['step', refuse("an object { type: 'step', every: ... }, as every is missing,")],
  ['exponential', refuse("an object { type: 'exponential', factor: ... }, as factor is missing,")],
])

export const scheduleSchema = pick((input) =>
  typeof input === 'string' ? (incomplete.get(input) ?? named) : kinds,
) as Schema<ScheduleName | Schedule>

/** Every field that the core wants; `epochs` are those of this `fit`. */
export function scheduleSpec(passed: ScheduleName | Schedule = 'constant', epochs: number): TrainSpec['schedule'] {
  const { type = 'constant', warmup = 0, ...own } = typeof passed === 'string' ? { type: passed } : passed
  const { every = 1, factor = 0.1, minimum = 0 } = own as Partial<StepSchedule & CosineSchedule>
  if (type === 'cosine' && warmup >= epochs) {
    throw new RangeError(expected(`fewer epochs than fit's ${epochs}`, 'schedule.warmup', warmup))
  }
  return { type, warmup, every, factor, minimum, epochs }
}
