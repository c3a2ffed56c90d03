/** Sizes and numbers that several parts of a config share. */

import { limited, number, positiveInteger } from '../../schema.js'

export const positive = positiveInteger()

/** The number of classes of a variable. */
export const classCount = limited('an integer of at least 2', 2)

export const above0 = number('a finite number above 0', (n) => n > 0)

/**
 * The limit of weights, nats and deviations. float32 holds its square, 1e24, divided by the smallest variance of a prior
 * too (1e36), and the squares, which optimisers take, of gradients up to 1e7 that are multiplied by it. Numbers far beyond
 * make the loss infinite, or keep a model from learning anything.
 */
const LIMIT = 1e12

export const amount = number('a number above 0 and at most 1e12', (n) => n > 0 && n <= LIMIT)
export const amountOrNone = number('a number from 0 to 1e12', (n) => n >= 0 && n <= LIMIT)

/** Mean and variance of a prior. */
export const place = number('a number from -1e12 to 1e12', (n) => Math.abs(n) <= LIMIT)
export const spread = number('a number from 1e-12 to 1e12', (n) => n >= 1 / LIMIT && n <= LIMIT)

/** Variances and scales of data, whose unit may be any, that float32 holds, and their inverses too. */
const [LEAST, LARGEST] = [1e-30, 1e30]
export const magnitude = (otherwise: string) =>
  number(`a number from ${LEAST} to ${LARGEST}${otherwise}`, (n) => n >= LEAST && n <= LARGEST)

/** Beyond it an exponential leaves float32. */
const LARGEST_LOGARITHM = 80
export const logarithm = number(
  `a number from ${-LARGEST_LOGARITHM} to ${LARGEST_LOGARITHM}`,
  (n) => Math.abs(n) <= LARGEST_LOGARITHM,
)
