/** Who may use a model while it trains. */

import { VAEError } from '../errors.js'
import { orAborted } from '../jobs.js'
import type { Job } from '../native.js'

/**
 * One `fit` of a model at a time, begun when all work that came before it is done, and nobody reads parameters within an
 * epoch.
 */
export class Gate {
  #fitting = false
  /** The epoch that runs now; it may outlive an aborted `fit` by the rest of a step. */
  #epoch: Promise<unknown> | undefined
  /** Until a `fit` that waits for other work has begun. */
  #beginning: Promise<void> | undefined
  /** All work that the core has not finished. */
  readonly #work = new Set<Promise<unknown>>()

  /** Does the work of a `fit`, or rejects with 'BUSY' if another `fit` is running. */
  async fit<T>(work: () => Promise<T>): Promise<T> {
    if (this.#fitting) throw new VAEError('BUSY', 'The model is training: wait for the fit that runs, or abort it')
    this.#fitting = true
    try {
      return await work()
    } finally {
      this.#fitting = false
    }
  }

  /** Begins a `fit`, when all work that came before it is done: what comes meanwhile waits for its `turn`. */
  async begin<T>(begin: () => T, signal: AbortSignal | undefined): Promise<T> {
    let begun = () => {}
    this.#beginning = new Promise((resolve) => {
      begun = resolve
    })
    try {
      while (this.busy) await orAborted(this.quiet(), signal)
      return begin()
    } finally {
      this.#beginning = undefined
      begun()
    }
  }

  /** Resolves when a `fit` that waits already has begun, so that those who come without pause cannot keep it from it. */
  async turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#beginning) await orAborted(this.#beginning, signal)
  }

  /** The rest of a step, if an aborted `fit` has left one running. */
  get leftover(): Promise<unknown> | undefined {
    return this.#fitting ? undefined : this.#epoch
  }

  /** Remembers work until it has settled. */
  track<J extends Job<unknown>>(job: J): J {
    const done: Promise<unknown> = job.promise.then(ignore, ignore).then(() => this.#work.delete(done))
    this.#work.add(done)
    return job
  }

  /** The same for an epoch of training: readers wait until it has settled. */
  trackEpoch<J extends Job<unknown>>(job: J): J {
    const over = () => {
      this.#epoch = undefined
    }
    this.#epoch = job.promise.then(over, over)
    return this.track(job)
  }

  /** Whether the core has anything to do for this model. */
  get busy(): boolean {
    return this.#work.size > 0
  }

  /** Waits until it has not. */
  async quiet(): Promise<void> {
    while (this.busy) await Promise.all(this.#work)
  }

  /** Throws 'BUSY' within an epoch. */
  checkReadable(method: string): void {
    if (!this.#epoch) return
    const message = `${method} needs the parameters at rest, but an epoch runs: call it in onEpochEnd or after fit`
    throw new VAEError('BUSY', message)
  }
}

function ignore(): void {}
