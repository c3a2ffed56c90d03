/** Options of the methods that compute, apart from `fit`. */

import { instance, integer, optional, options, parse, type Schema } from './schema.js'

export interface RunOptions {
  /** Gives the work up, which then rejects with an AbortError within 100 ms. */
  readonly signal?: AbortSignal | undefined
  /** Threads to compute with, at most 1024; 0: as many as pay. The results do not depend on it. Default: 0. */
  readonly threads?: number | undefined
}

export interface SeedOptions extends RunOptions {
  /** Of the draws, a safe integer of at least 0; the same seed gives the same result. Default: 0. */
  readonly seed?: number | undefined
}

export interface EvaluateOptions extends SeedOptions {
  /** L, draws of z for each row, a positive integer. Default: the model's `objective.samples`. */
  readonly samples?: number | undefined
}

export interface LogLikelihoodOptions extends SeedOptions {
  /** Importance samples for each row, a positive integer. Default: 5000. */
  readonly samples?: number | undefined
}

export const signalSchema = optional(
  instance<AbortSignal>('an AbortSignal', (value) => {
    const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
    return typeof aborted === 'boolean' && typeof addEventListener === 'function'
  }),
)

export const threadsSchema = optional(integer('an integer from 0 to 1024', 0, 1024))

const samples = optional(integer('a positive integer', 1, 2 ** 31 - 1))
const seed = optional(integer('a safe integer of at least 0', 0))
const run = { signal: signalSchema, threads: threadsSchema }
const what = 'an object of options'

const runSchema = options<RunOptions>(what, run)
const seedSchema = options<SeedOptions>(what, { ...run, seed })
const samplesSchema = options<EvaluateOptions>(what, { ...run, seed, samples })

interface Filled {
  readonly signal: AbortSignal | undefined
  readonly threads: number
}

export function runOptions(method: string, passed: unknown = {}): Filled {
  return filled(parse(runSchema as Schema<RunOptions>, passed, method))
}

export function seedOptions(method: string, passed: unknown = {}): Filled & { seed: number } {
  const given = parse(seedSchema, passed, method)
  return { ...filled(given), seed: given.seed ?? 0 }
}

export function samplesOptions(
  method: string,
  defaultSamples: number,
  passed: unknown = {},
): Filled & { seed: number; samples: number } {
  const given = parse(samplesSchema, passed, method)
  return { ...filled(given), seed: given.seed ?? 0, samples: given.samples ?? defaultSamples }
}

/** A count of rows to draw. */
export function count(name: string, passed: unknown): number {
  return parse(integer('a positive integer', 1, 2 ** 31 - 1), passed, name)
}

function filled(given: RunOptions): Filled {
  return { signal: given.signal, threads: given.threads ?? 0 }
}
