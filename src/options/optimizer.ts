/** The optimisers: their options, defaults and checks. Equations as in PyTorch's torch.optim (docs/mathematics.md). */

import { expected } from '../errors.js'
import type { TrainSpec } from '../native.js'
import { boolean, byType, number, oneOf, optional, options, pick, type Schema } from '../schema.js'

interface CommonOptimizer {
  /** Step size before the schedule's factor, above 0. Default: see the optimiser. */
  readonly learningRate?: number | undefined
  /** λ, at least 0: adds λ · parameter to the gradient of every parameter; adamw shrinks the parameter instead. */
  readonly weightDecay?: number | undefined
}

/** Stochastic gradient descent. learningRate 0.01, momentum 0, nesterov false, weightDecay 0. */
export interface SGD extends CommonOptimizer {
  readonly type: 'sgd'
  /** In [0, 1). */
  readonly momentum?: number | undefined
  /** Looks ahead along the velocity; needs momentum. */
  readonly nesterov?: boolean | undefined
}

/** Duchi et al. 2011. learningRate 0.01, epsilon 1e-10, initialAccumulator 0, weightDecay 0. */
export interface Adagrad extends CommonOptimizer {
  readonly type: 'adagrad'
  /** Added to the root in the denominator, above 0. */
  readonly epsilon?: number | undefined
  /** What the sums of squared gradients begin at, at least 0. */
  readonly initialAccumulator?: number | undefined
}

/** Hinton's lecture 6e. learningRate 0.01, decay 0.99, epsilon 1e-8, momentum 0, weightDecay 0. */
export interface RMSprop extends CommonOptimizer {
  readonly type: 'rmsprop'
  /** The decay rate of the mean of squared gradients, in [0, 1); PyTorch calls it alpha. */
  readonly decay?: number | undefined
  /** In [0, 1). */
  readonly momentum?: number | undefined
  /** Added to the root in the denominator, above 0. */
  readonly epsilon?: number | undefined
}

/**
 * Kingma and Ba 2014. learningRate 0.01 (the reference model's; PyTorch's own default is 0.001), beta1 0.9, beta2 0.999,
 * epsilon 1e-8, weightDecay 0.
 */
export interface Adam extends CommonOptimizer {
  readonly type: 'adam'
  /** Decay of the mean of gradients, in [0, 1). */
  readonly beta1?: number | undefined
  /** Decay of the mean of squared gradients, in [0, 1). */
  readonly beta2?: number | undefined
  /** Added to the root in the denominator, above 0. */
  readonly epsilon?: number | undefined
}

/** Loshchilov and Hutter 2017. learningRate 0.001, weightDecay 0.01, else as adam. */
export interface AdamW extends Omit<Adam, 'type'> {
  readonly type: 'adamw'
}

export type Optimizer = SGD | Adagrad | RMSprop | Adam | AdamW
export type OptimizerName = Optimizer['type']

/** What each optimiser does if its options are silent; the fields that it does not name play no part in it. */
const defaults = {
  sgd: { learningRate: 0.01, weightDecay: 0, momentum: 0, nesterov: false },
  adagrad: { learningRate: 0.01, weightDecay: 0, epsilon: 1e-10, initialAccumulator: 0 },
  rmsprop: { learningRate: 0.01, weightDecay: 0, decay: 0.99, epsilon: 1e-8, momentum: 0 },
  adam: { learningRate: 0.01, weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  adamw: { learningRate: 0.001, weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
} as const satisfies Record<OptimizerName, Partial<TrainSpec['optimizer']>>

const unused: Omit<TrainSpec['optimizer'], 'type'> = {
  learningRate: 0,
  weightDecay: 0,
  momentum: 0,
  nesterov: false,
  beta1: 0,
  beta2: 0,
  decay: 0,
  epsilon: 0,
  initialAccumulator: 0,
}

/** The core computes in float32 and takes what is smaller than its smallest normal number, 2^-126, as 0. */
const inFloat32 = number('a number from 1.2e-38 to 3.4e38, as float32 holds,', (n) => n >= 2 ** -126 && n < 2 ** 128)
const above0 = number('a finite number above 0', (n) => n > 0)

export const learningRateSchema = optional(
  pick((input) => (Number.isFinite(input) && (input as number) > 0 ? inFloat32 : above0)) as Schema<number>,
)

const notNegative = optional(number('a finite number of at least 0', (n) => n >= 0))
const fraction = optional(number('a number of at least 0 and below 1', (n) => n >= 0 && n < 1))
const epsilon = optional(number('a finite number above 0', (n) => n > 0))
const common = { learningRate: learningRateSchema, weightDecay: notNegative }
const adam = { ...common, beta1: fraction, beta2: fraction, epsilon }

const kinds = byType<Optimizer>("an optimizer's name or an object with a type", {
  sgd: options<SGD>('an optimizer', {
    type: oneOf(['sgd']),
    ...common,
    momentum: fraction,
    nesterov: optional(boolean()),
  }),
  adagrad: options<Adagrad>('an optimizer', {
    type: oneOf(['adagrad']),
    ...common,
    epsilon,
    initialAccumulator: notNegative,
  }),
  rmsprop: options<RMSprop>('an optimizer', {
    type: oneOf(['rmsprop']),
    ...common,
    decay: fraction,
    momentum: fraction,
    epsilon,
  }),
  adam: options<Adam>('an optimizer', { type: oneOf(['adam']), ...adam }),
  adamw: options<AdamW>('an optimizer', { type: oneOf(['adamw']), ...adam }),
})
const names = oneOf(Object.keys(defaults) as OptimizerName[])

export const optimizerSchema = pick((input) => (typeof input === 'string' ? names : kinds)) as Schema<
  OptimizerName | Optimizer
>

/** Every field that the core wants. `learningRate` is fit's own option. */
export function optimizerSpec(
  passed: OptimizerName | Optimizer = 'adam',
  learningRate?: number | undefined,
): TrainSpec['optimizer'] {
  const optimizer: Optimizer = typeof passed === 'string' ? { type: passed } : passed
  const given = Object.fromEntries(Object.entries(optimizer).filter(([, value]) => value !== undefined))
  if (learningRate !== undefined) {
    if (optimizer.learningRate !== undefined) {
      throw new RangeError(expected('no second rate beside optimizer.learningRate', 'learningRate', learningRate))
    }
    given.learningRate = learningRate
  }
  const spec = { ...unused, ...defaults[optimizer.type], ...given } as TrainSpec['optimizer']
  if (spec.nesterov && !(spec.momentum > 0)) {
    throw new RangeError(expected('a number above 0, as nesterov needs,', 'optimizer.momentum', spec.momentum))
  }
  return spec
}
