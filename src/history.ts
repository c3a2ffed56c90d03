/** What training tells: losses, epochs, steps. */

/** The terms of the loss in nats per example: loss = reconstruction + beta · kl, unless the objective says otherwise. */
export interface Losses {
  readonly loss: number
  /** The mean of −log p(x|z), constants included, over rows and draws of z. */
  readonly reconstruction: number
  /** The mean of KL(q(z|x) ‖ p(z)), or of log q(z|x) − log p(z) at the draws; 0 of a deterministic model. */
  readonly kl: number
  /** The reconstruction of each part of a likelihood that has several, in their order. */
  readonly parts?: readonly number[]
}

/** One epoch of training. */
export interface EpochRecord extends Losses {
  /** Counted from 1 over the model's life, so that a second `fit` goes on where the first ended. */
  readonly epoch: number
  /** Wall-clock time of the training itself, without validation and callbacks. */
  readonly seconds: number
  /** The losses on the validation rows after this epoch; Infinity if a term overflows for one of them, never NaN. */
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

/** `parts` only if there are several. */
export function lossesOf({ loss, reconstruction, kl, parts = [] }: Losses): Losses {
  return { loss, reconstruction, kl, ...(parts.length === 0 ? {} : { parts }) }
}
