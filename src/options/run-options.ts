/** Options of the methods that compute, apart from `fit`. */

import type { ConditionLike } from '../data/condition.js'
import { expected } from '../errors.js'
import {
  boolean,
  instance,
  integer,
  isPlain,
  number,
  oneOf,
  optional,
  options,
  parse,
  pick,
  positiveInteger,
  type Schema,
} from '../schema.js'
import { isSignal } from '../signals.js'
import type { Cell } from '../table/cells.js'

export interface RunOptions {
  /** Gives the work up, which then rejects with an AbortError within 100 ms. */
  readonly signal?: AbortSignal | undefined
  /** Threads to compute with, at most 1024; 0: as many as pay. The results do not depend on it. Default: 0. */
  readonly threads?: number | undefined
}

/** Options of a conditional model. */
export interface ConditionOptions extends RunOptions {
  /**
   * What is known of each row beside its data (of each row of z, of each sample). A class number from 0 for each row, or
   * one for all, if the model's `condition` is `{ classes }`, else a row of numbers for each. Required of a conditional
   * model, refused by any other.
   */
  readonly condition?: ConditionLike | undefined
}

export interface SeedOptions extends ConditionOptions {
  /** The seed of the draws, a safe integer of at least 0; the same seed gives the same result. Default: 0. */
  readonly seed?: number | undefined
}

export interface DrawOptions extends SeedOptions {
  /** Gives draws from p(x|z), which `seed` decides, instead of its mean. Default: false. */
  readonly draw?: boolean | undefined
}

export interface EncodeOptions extends SeedOptions {
  /** Gives beside the posterior a draw `z` from it, which `seed` decides. Default: false. */
  readonly draw?: boolean | undefined
}

export interface ReconstructOptions extends DrawOptions {
  /**
   * The z to decode: the posterior's 'mean' (of discrete variables the most probable class), or a 'draw' from the
   * posterior, which `seed` decides: the one that `encode` gives. Default: 'mean'.
   */
  readonly latent?: 'mean' | 'draw' | undefined
}

export interface SampleOptions extends DrawOptions {
  /** Gives z beside x: `{ x, z }`. Default: false. */
  readonly latent?: boolean | undefined
}

export interface RefineOptions extends SeedOptions {
  /**
   * Steps of the ascent, a positive integer; if z has at most 4096 states, all discrete, sweeps of exact coordinate ascent
   * at most. Default: 100.
   */
  readonly steps?: number | undefined
  /** Adam's rate in the first step, above 0; it falls to 0 by a cosine. For continuous variables only. Default: 0.01. */
  readonly learningRate?: number | undefined
  /** Draws of z for each row in a step, a positive integer; not if z has at most 4096 states. Default: 8. */
  readonly samples?: number | undefined
}

export interface EvaluateOptions extends SeedOptions {
  /** L, draws of z for each row, a positive integer. Default: the model's `objective.samples`. */
  readonly samples?: number | undefined
}

export interface LogLikelihoodOptions extends SeedOptions {
  /**
   * 'importance': an estimate from draws of z. 'exact': the sum over all states of z, which must be discrete throughout
   * and have at most 1,048,576 of them. Default: 'importance'.
   */
  readonly method?: 'importance' | 'exact' | undefined
  /**
   * Importance samples for each row, a positive integer; with 1 there is no standard error (NaN). 'adaptive': 5000, and
   * twice as many again and again for the rows whose standard error does not hold. Default: 5000.
   */
  readonly samples?: number | 'adaptive' | undefined
  /** With 'adaptive' the most samples of a row, a positive integer. Default: 100,000. */
  readonly maxSamples?: number | undefined
  /**
   * What z is drawn from. 'posterior': q(z|x). 'defensive': every tenth draw from the prior, the others from q(z|x), for a
   * z of a few dimensions. 'refined': q(z|x) after `refine` with its default options. Default: 'posterior'.
   */
  readonly proposal?: Proposal | undefined
}

export interface ImputeOptions extends SeedOptions {
  /** Importance samples for each row, a positive integer. Default: 100. */
  readonly samples?: number | undefined
  /** How many filled copies are drawn, a positive integer. Default: none, but the mean. */
  readonly draws?: number | undefined
}

export interface GenerateOptions extends Pick<SeedOptions, 'seed' | 'signal' | 'threads'> {
  /** Cells that every record has, by the names of their columns. */
  readonly where?: Readonly<Record<string, Cell>> | undefined
  /** Importance samples with `where`, a positive integer. Default: 1000. */
  readonly samples?: number | undefined
}

export type Proposal = 'posterior' | 'defensive' | 'refined'

export const signalSchema = optional(instance<AbortSignal>('an AbortSignal', isSignal))

export const threadsSchema = optional(integer('an integer from 0 to 1024', 0, 1024))

const samples = optional(positiveInteger())
const seed = optional(integer('a safe integer of at least 0', 0))
// What it holds has checks of its own (data/condition.ts).
const condition = optional(instance<ConditionLike>('a condition', () => true))
const run = { signal: signalSchema, threads: threadsSchema, condition }
const what = 'an object of options'

const runSchema = options<ConditionOptions>(what, run)
const encodeSchema = options<EncodeOptions>(what, { ...run, seed, draw: optional(boolean()) })
const encodeSyncSchema = options<Pick<EncodeOptions, 'condition' | 'seed' | 'draw'>>(what, {
  condition,
  seed,
  draw: optional(boolean()),
})
const reconstructSchema = options<ReconstructOptions>(what, {
  ...run,
  seed,
  draw: optional(boolean()),
  latent: optional(oneOf(['mean', 'draw'])),
})
const drawSchema = options<DrawOptions>(what, { ...run, seed, draw: optional(boolean()) })
const sampleSchema = options<SampleOptions>(what, {
  ...run,
  seed,
  draw: optional(boolean()),
  latent: optional(boolean()),
})
const refineSchema = options<RefineOptions>(what, {
  ...run,
  seed,
  samples,
  steps: optional(positiveInteger()),
  learningRate: optional(number('a finite number above 0', (n) => n > 0)),
})
const generateSchema = options<GenerateOptions>(what, {
  signal: signalSchema,
  threads: threadsSchema,
  seed,
  samples,
  where: optional(instance<Readonly<Record<string, Cell>>>('an object of cells', isPlain)),
})
const imputeSchema = options<ImputeOptions>(what, { ...run, seed, samples, draws: optional(positiveInteger()) })
const samplesSchema = options<EvaluateOptions>(what, { ...run, seed, samples })
const likelihoodSchema = options<LogLikelihoodOptions>(what, {
  ...run,
  seed,
  method: optional(oneOf(['importance', 'exact'])),
  samples: optional(
    pick((input) => (typeof input === 'string' ? oneOf(['adaptive']) : positiveInteger())) as Schema<
      number | 'adaptive'
    >,
  ),
  maxSamples: optional(positiveInteger()),
  proposal: optional(oneOf(['posterior', 'defensive', 'refined'])),
})

interface Filled {
  readonly signal: AbortSignal | undefined
  readonly threads: number
  readonly condition: ConditionLike | undefined
}

/** Options of a method that is over before anything could stop it. */
export function encodeSyncOptions(passed: unknown): {
  condition: ConditionLike | undefined
  seed: number
  draw: boolean
} {
  const { condition, seed = 0, draw = false } = parse(encodeSyncSchema, passed, 'encodeSync')
  return { condition, seed, draw }
}

export function runOptions(method: string, passed: unknown = {}): Filled {
  return filled(parse(runSchema as Schema<ConditionOptions>, passed, method))
}

export function encodeOptions(passed: unknown = {}): Filled & { seed: number; draw: boolean } {
  const given = parse(encodeSchema, passed, 'encode')
  return { ...filled(given), seed: given.seed ?? 0, draw: given.draw ?? false }
}

export function reconstructOptions(
  passed: unknown = {},
): Filled & { seed: number; draw: boolean; drawLatent: boolean } {
  const given = parse(reconstructSchema, passed, 'reconstruct')
  const { seed = 0, draw = false, latent = 'mean' } = given
  return { ...filled(given), seed, draw, drawLatent: latent === 'draw' }
}

export function drawOptions(method: string, passed: unknown = {}): Filled & { seed: number; draw: boolean } {
  const given = parse(drawSchema, passed, method)
  return { ...filled(given), seed: given.seed ?? 0, draw: given.draw ?? false }
}

export function sampleOptions(passed: unknown = {}): Filled & { seed: number; draw: boolean; latent: boolean } {
  const given = parse(sampleSchema, passed, 'sample')
  return { ...filled(given), seed: given.seed ?? 0, draw: given.draw ?? false, latent: given.latent ?? false }
}

export function refineOptions(
  passed: unknown = {},
): Filled & { seed: number; steps: number; learningRate: number; samples: number } {
  const given = parse(refineSchema, passed, 'refine')
  const { seed = 0, steps = 100, learningRate = 0.01, samples = 8 } = given
  return { ...filled(given), seed, steps, learningRate, samples }
}

export function samplesOptions(
  method: string,
  defaultSamples: number,
  passed: unknown = {},
): Filled & { seed: number; samples: number } {
  const given = parse(samplesSchema, passed, method)
  return { ...filled(given), seed: given.seed ?? 0, samples: given.samples ?? defaultSamples }
}

const ADAPTIVE_START = 5000

/** `mostSamples`: of a row, as many as `samples` unless these are adaptive. */
export function likelihoodOptions(
  passed: unknown = {},
): Filled & { seed: number; exact: boolean; samples: number; mostSamples: number; proposal: Proposal } {
  const given = parse(likelihoodSchema, passed, 'logLikelihood')
  const { seed = 0, method = 'importance', samples = 5000, maxSamples, proposal = 'posterior' } = given
  const exact = method === 'exact'
  for (const name of ['samples', 'maxSamples', 'proposal'] as const) {
    if (exact && given[name] !== undefined) throw useless(name, given[name], "with method: 'exact'")
  }
  if (samples !== 'adaptive') {
    if (maxSamples !== undefined) throw useless('maxSamples', maxSamples, "without samples: 'adaptive'")
    return { ...filled(given), seed, exact, samples, mostSamples: samples, proposal }
  }
  const mostSamples = maxSamples ?? 100_000
  return { ...filled(given), seed, exact, samples: Math.min(ADAPTIVE_START, mostSamples), mostSamples, proposal }
}

/** `draws` 0: the mean. */
export function imputeOptions(passed: unknown = {}): Filled & { seed: number; samples: number; draws: number } {
  const given = parse(imputeSchema, passed, 'impute')
  const { seed = 0, samples = 100, draws = 0 } = given
  return { ...filled(given), seed, samples, draws }
}

export function generateOptions(passed: unknown = {}) {
  const { where, seed = 0, samples = 1000, signal, threads } = parse(generateSchema, passed, 'generate')
  return { where, seed, samples, signal, threads }
}

/** An option that would change nothing. */
function useless(name: string, value: unknown, when: string): TypeError {
  return new TypeError(expected(`undefined ${when}`, name, value))
}

/** A count of rows to draw. */
export function count(name: string, passed: unknown): number {
  return parse(positiveInteger(), passed, name)
}

function filled(given: ConditionOptions): Filled {
  return { signal: given.signal, threads: given.threads ?? 0, condition: given.condition }
}
