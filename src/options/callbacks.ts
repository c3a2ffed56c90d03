/** Functions that `fit` calls as it goes. */

import type { BatchRecord, EpochRecord, History } from '../history.js'
import { atLeast, instance, isPlain, optional, options, pick, type Schema } from '../schema.js'

/**
 * Each may be left out. What one throws, or a promise it returns rejects with, stops the training and rejects `fit`.
 *
 * The epoch and train callbacks are awaited with training paused, so they may use the model: evaluate, sample, save.
 * Batch callbacks are called while training goes on and get numbers only; a promise that one returns is awaited at the
 * epoch's end.
 */
export interface Callbacks {
  /** Before the first epoch. */
  onTrainBegin?(): unknown
  /** After the last epoch; not after an abort or an error. */
  onTrainEnd?(history: History): unknown
  /** Before each epoch, with its number. */
  onEpochBegin?(epoch: number): unknown
  /** After each epoch and its validation, with its losses. */
  onEpochEnd?(epoch: number, record: EpochRecord): unknown
  /** Before each step, with its number within the epoch. */
  onBatchBegin?(batch: number, where: { readonly epoch: number; readonly batch: number }): unknown
  /** After each step, with its losses. */
  onBatchEnd?(batch: number, record: BatchRecord): unknown
}

const callback = optional(instance<never>('a function', (value) => typeof value === 'function'))

const fields = {
  onTrainBegin: callback,
  onTrainEnd: callback,
  onEpochBegin: callback,
  onEpochEnd: callback,
  onBatchBegin: callback,
  onBatchEnd: callback,
}
const what = 'an object of callbacks'
const literal = options<Callbacks>(what, fields)
// An instance of a class has fields of its own beside its callbacks.
const ofClass = atLeast<Callbacks>(what, fields)

export const callbacksSchema = pick((input) =>
  typeof input === 'object' && input !== null && !Array.isArray(input) && !isPlain(input) ? ofClass : literal,
) as Schema<Callbacks>
