/** What encoder and decoder are told beside x and z: its type, its checks, and its translation for the core. */

import type { ModelSpec } from '../../native.js'
import { options, pick, type Schema } from '../../schema.js'
import { classCount, positive } from './numbers.js'

/** A class number for each row, counted from 0, which the networks see as one-hot columns. */
export interface ClassCondition {
  /** How many classes there are, at least 2. */
  readonly classes: number
}

/**
 * A conditional model, q(z|x, c) and p(x|z, c), with the same prior for all c (Sohn et al. 2015; Kingma et al. 2014). A
 * number is how many columns of numbers c has.
 */
export type Condition = number | ClassCondition

const classes = options<ClassCondition>('a number of columns or an object { classes }', { classes: classCount })

export const conditionSchema = pick((input) => (typeof input === 'number' ? positive : classes)) as Schema<Condition>

export function conditionSpec(condition: Condition | undefined): ModelSpec['condition'] {
  if (condition === undefined) return { width: 0, classes: false }
  return typeof condition === 'number'
    ? { width: condition, classes: false }
    : { width: condition.classes, classes: true }
}
