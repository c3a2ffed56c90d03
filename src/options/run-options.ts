/** Options of the methods that compute, apart from `fit`. */

import type { ConditionLike } from '../data/condition.js'
import { boolean, instance, integer, number, optional, options, parse, positiveInteger, type Schema } from './schema.js'

export interface RunOptions {
  /** Gives the work up, which then rejects with an AbortError within 100 ms. */
  readonly signal?: AbortSignal | undefined
  /** Threads to compute with, at most 1024; 0: as many as pay. The results do not depend on it. Default: 0. */
  readonly threads?: number | undefined
}

/** Of a conditional model. */
export interface ConditionOptions extends RunOptions {
  /**
   * What is known of each row beside its data (of each row of z, of each sample). A class number from 0 for each row, or
   * one for all, where the model's `condition` is `{ classes }`, else a row of numbers for each. Required of a conditional
   * model, refused by any other.
   */
  readonly condition?: ConditionLike | undefined
}

export interface SeedOptions extends ConditionOptions {
  /** Of the draws, a safe integer of at least 0; the same seed gives the same result. Default: 0. */
  readonly seed?: number | undefined
}

export interface DrawOptions extends SeedOptions {
  /** Gives draws from p(x|z), which `seed` decides, instead of its mean. Default: false. */
  readonly draw?: boolean | undefined
}

export interface SampleOptions extends DrawOptions {
  /** Gives z beside x: `{ x, z }`. Default: false. */
  readonly latent?: boolean | undefined
}

export interface RefineOptions extends SeedOptions {
  /** Steps of gradient ascent, a positive integer. Default: 100. */
  readonly steps?: number | undefined
  /** Of Adam in the first step, above 0; it falls to 0 by a cosine. Default: 0.01. */
  readonly learningRate?: number | undefined
  /** Draws of z for each row in a step, a positive integer. Default: 8. */
  readonly samples?: number | undefined
}

export interface EvaluateOptions extends SeedOptions {
  /** L, draws of z for each row, a positive integer. Default: the model's `objective.samples`. */
  readonly samples?: number | undefined
}

export interface LogLikelihoodOptions extends SeedOptions {
  /** Importance samples for each row, a positive integer; with 1 there is no standard error (NaN). Default: 5000. */
  readonly samples?: number | undefined
}

export const signalSchema = optional(
  instance<AbortSignal>('an AbortSignal', (value) => {
    const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>
    return typeof aborted === 'boolean' && typeof addEventListener === 'function'
  }),
)

export const threadsSchema = optional(integer('an integer from 0 to 1024', 0, 1024))

const samples = optional(positiveInteger())
const seed = optional(integer('a safe integer of at least 0', 0))
// What it holds has checks of its own (data/condition.ts).
const condition = optional(instance<ConditionLike>('a condition', () => true))
const run = { signal: signalSchema, threads: threadsSchema, condition }
const what = 'an object of options'

const runSchema = options<ConditionOptions>(what, run)
const conditionSchema = options<Pick<ConditionOptions, 'condition'>>(what, { condition })
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
const samplesSchema = options<EvaluateOptions>(what, { ...run, seed, samples })

interface Filled {
  readonly signal: AbortSignal | undefined
  readonly threads: number
  readonly condition: ConditionLike | undefined
}

/** Of a method that is over before anything could stop it. */
export function conditionOption(method: string, passed: unknown): ConditionLike | undefined {
  return parse(conditionSchema, passed, method).condition
}

export function runOptions(method: string, passed: unknown = {}): Filled {
  return filled(parse(runSchema as Schema<ConditionOptions>, passed, method))
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

/** A count of rows to draw. */
export function count(name: string, passed: unknown): number {
  return parse(positiveInteger(), passed, name)
}

function filled(given: ConditionOptions): Filled {
  return { signal: given.signal, threads: given.threads ?? 0, condition: given.condition }
}
