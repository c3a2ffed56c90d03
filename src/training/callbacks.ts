/** Functions that `fit` calls as it goes, and what they are told. */

import { atLeast, instance, isPlain, optional, options, pick, type Schema } from '../options/schema.js'

/** The terms of the loss in nats per example: loss = reconstruction + beta · kl, unless the objective says otherwise. */
export interface Losses {
  readonly loss: number
  /** The mean of −log p(x|z), constants included, over rows and draws of z. */
  readonly reconstruction: number
  /** The mean of KL(q(z|x) ‖ p(z)), or of log q(z|x) − log p(z) at the draws; 0 of a deterministic model. */
  readonly kl: number
}

/** One epoch of training. */
export interface EpochRecord extends Losses {
  /** Counted from 1 over the model's life, so that a second `fit` goes on where the first ended. */
  readonly epoch: number
  /** Wall-clock time of the training itself, without validation and callbacks. */
  readonly seconds: number
  /** The losses on the validation rows after this epoch; Infinity where a term overflows for one of them, never NaN. */
  readonly validation?: Losses
}

/** What `fit` did. */
export interface History {
  readonly epochs: readonly EpochRecord[]
}

/** One step of training. */
export interface BatchRecord extends Losses {
  /** As in {@link EpochRecord}. */
  readonly epoch: number
  /** Counted from 0 within the epoch. */
  readonly batch: number
  /** Rows of the batch; the last one of an epoch may have fewer. */
  readonly examples: number
}

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
