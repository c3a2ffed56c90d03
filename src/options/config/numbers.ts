/** Sizes and numbers that several parts of a config share. */

import { integer, number } from '../schema.js'

export const positive = integer('a positive integer', 1, 2 ** 31 - 1)

/** Of a variable: with one class there would be nothing to tell apart. */
export const classCount = integer('an integer of at least 2', 2, 2 ** 31 - 1)

export const above0 = number('a finite number above 0', (n) => n > 0)

/** Variances and scales that float32 holds, and their inverses too. */
const [LEAST, LARGEST] = [1e-30, 1e30]
export const magnitude = (otherwise = '') =>
  number(`a number from ${LEAST} to ${LARGEST}${otherwise}`, (n) => n >= LEAST && n <= LARGEST)
export const place = number(`a number from ${-LARGEST} to ${LARGEST}`, (n) => Math.abs(n) <= LARGEST)

/** Beyond it an exponential leaves float32. */
const LARGEST_LOGARITHM = 80
export const logarithm = number(
  `a number from ${-LARGEST_LOGARITHM} to ${LARGEST_LOGARITHM}`,
  (n) => Math.abs(n) <= LARGEST_LOGARITHM,
)
