/** What a signal has to be, and one listener on it for all calls that wait for it. */

/** The members of an AbortSignal that are used here. */
const methods = ['addEventListener', 'removeEventListener'] as const

/** Whether everything that is used of a signal is there. By what it is, because a signal may come from another realm. */
export function isSignal(value: unknown): value is AbortSignal {
  const signal = (value ?? {}) as Partial<AbortSignal>
  return typeof signal.aborted === 'boolean' && methods.every((name) => typeof signal[name] === 'function')
}

interface Waiting {
  readonly calls: Set<() => void>
  readonly listener: () => void
}

/** A server may give one signal to every call, and Node warns of its eleventh listener. */
const waiting = new WeakMap<AbortSignal, Waiting>()

/** Calls `call` once the signal is aborted. @returns what takes that back. */
export function onAbort(signal: AbortSignal, call: () => void): () => void {
  const entry = waiting.get(signal) ?? listenTo(signal)
  entry.calls.add(call)
  return () => {
    entry.calls.delete(call)
    if (entry.calls.size > 0 || waiting.get(signal) !== entry) return
    waiting.delete(signal)
    signal.removeEventListener('abort', entry.listener)
  }
}

function listenTo(signal: AbortSignal): Waiting {
  const calls = new Set<() => void>()
  const listener = () => {
    waiting.delete(signal)
    signal.removeEventListener('abort', listener) // a signal of one's own may know no `once`
    for (const call of [...calls]) call()
  }
  const entry = { calls, listener }
  signal.addEventListener('abort', listener, { once: true })
  waiting.set(signal, entry)
  return entry
}
