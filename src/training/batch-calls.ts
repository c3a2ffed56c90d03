/** Batch callbacks: called from the core while an epoch runs, so that what they throw has to be kept until it has stopped. */

import type { BatchEnd } from '../native.js'
import type { Callbacks } from '../options/callbacks.js'

export class BatchCalls {
  #failure: { readonly error: unknown } | undefined
  #open = true
  readonly #pending: Promise<void>[] = []

  constructor(
    readonly callbacks: readonly Callbacks[],
    readonly epoch: number,
    /** Stops the epoch; called once, at the first failure. */
    readonly cancel: () => void,
  ) {}

  begin(batch: number): void {
    for (const callback of this.callbacks)
      this.#call(() => callback.onBatchBegin?.(batch, { epoch: this.epoch, batch }))
  }

  end({ batch, loss, reconstruction, kl, examples }: BatchEnd): void {
    const record = { epoch: this.epoch, batch, loss, reconstruction, kl, examples }
    for (const callback of this.callbacks) this.#call(() => callback.onBatchEnd?.(batch, record))
  }

  /** Lets no more calls through. */
  close(): void {
    this.#open = false
  }

  /** Waits for the promises that callbacks gave, then throws the first thing that any of them threw. */
  async settle(): Promise<void> {
    await Promise.all(this.#pending)
    this.throwFailure()
  }

  throwFailure(): void {
    if (this.#failure) throw this.#failure.error
  }

  #call(callback: () => unknown): void {
    if (!this.#open || this.#failure) return
    try {
      const result = callback()
      if (isThenable(result)) this.#pending.push(Promise.resolve(result).then(noop, this.#fail))
    } catch (error) {
      this.#fail(error)
    }
  }

  readonly #fail = (error: unknown): void => {
    if (this.#failure) return
    this.#failure = { error }
    this.cancel()
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

function noop(): void {}
