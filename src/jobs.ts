/** Waiting for the core's work, and giving it up. */

import { AbortError, translate } from './errors.js'
import type { Job } from './native.js'
import { inThisRealm } from './realm.js'
import { onAbort as listen } from './signals.js'

/**
 * How long a cancelled job may take to stop before its caller is told anyway. It stops at the end of its step, which
 * takes a large model longer than this.
 */
const GRACE_MS = 50

export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new AbortError(signal.reason)
}

/** What the job gives. If `signal` is aborted, cancels it and rejects with an AbortError. */
export async function run<T>(start: () => Job<T>, signal: AbortSignal | undefined): Promise<T> {
  throwIfAborted(signal)
  const job = translated(start)
  try {
    return inThisRealm(await orAborted(job.promise, signal, { graceMs: GRACE_MS, onAbort: () => job.cancel() }))
  } catch (error) {
    throw translate(error, signal?.reason)
  }
}

/** What the work gives, or an AbortError if `signal` is aborted and the work does not end by itself soon after. */
export async function orAborted<T>(
  work: PromiseLike<T>,
  signal: AbortSignal | undefined,
  { graceMs = 0, onAbort }: { graceMs?: number; onAbort?: () => void } = {},
): Promise<T> {
  if (!signal) return await work
  let stop = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    let timer: NodeJS.Timeout | undefined
    const listener = () => {
      onAbort?.()
      timer = setTimeout(() => reject(new AbortError(signal.reason)), graceMs)
    }
    const forget = listen(signal, listener)
    stop = () => {
      forget()
      clearTimeout(timer)
    }
    if (signal.aborted) listener()
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    stop()
  }
}

/** What `call` gives, or its error in the facade's words. */
export function translated<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw translate(error)
  }
}
