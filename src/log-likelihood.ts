/** What `logLikelihood` answers: estimates of log p(x), how far off they may be, and whether that can be told. */

import { expected } from './errors.js'
import type { LatentSpec, LikelihoodEstimates } from './native.js'

/** log p(x) of each row in nats, and of importance sampling how far each may be off. */
export interface LogLikelihood {
  /** Over the rows. */
  readonly mean: number
  /**
   * Of `mean`, from the importance sampling alone: how far another seed might move it, if `reliable`. NaN with one
   * sample, or if `mean` is −Infinity; 0 with `method: 'exact'`.
   */
  readonly standardError: number
  /** One a row; −Infinity if no draw gives the row a probability above 0 in numbers of 32 bits. */
  readonly perExample: Float64Array<ArrayBuffer>
  /** The standard error of each row's estimate. */
  readonly standardErrors: Float64Array<ArrayBuffer>
  /** The effective sample size of each row, (Σ w)² / Σ w² over its importance weights: how many equal ones would be worth as much. */
  readonly effectiveSamples: Float64Array<ArrayBuffer>
  /**
   * The shape k̂ of the distribution that the largest weights of each row come from (Vehtari et al. 2024). Up to
   * min(0.7, 1 − 1/log10 S) with S samples the row's standard error holds. −Infinity if these weights are the same again
   * and again, or nothing was drawn, Infinity if much of their sum comes from some that are rare, NaN with 20 samples or
   * fewer.
   */
  readonly paretoK: Float64Array<ArrayBuffer>
  /** Draws of each row; with `method: 'exact'` the states of z. */
  readonly samples: Float64Array<ArrayBuffer>
  /** Whether the standard errors hold: `warnings` is empty. */
  readonly reliable: boolean
  /** For a reader: how many rows have an estimate that cannot be trusted, which, and what may help. */
  readonly warnings: readonly string[]
}

/** States of z that `method: 'exact'` sums over at most. */
const MOST_STATES = 2 ** 20

/** Rows that a warning names. */
const ROWS_NAMED = 10

/** How many values z has; undefined if a group is continuous. */
function statesOf(latents: readonly LatentSpec[]): number | undefined {
  if (!latents.every(({ type }) => type === 'categorical' || type === 'bernoulli')) return undefined
  return latents.reduce((total, { type, units, classes }) => total * (type === 'bernoulli' ? 2 : classes) ** units, 1)
}

/**
 * How many values z has, for a method that sums over all of them.
 *
 * @throws TypeError if a group is continuous, RangeError if there are too many.
 */
export function checkedStates(latents: readonly LatentSpec[]): number {
  const states = statesOf(latents)
  if (states === undefined) {
    throw new TypeError(expected("'importance', as z is not discrete throughout,", 'method', 'exact'))
  }
  if (states > MOST_STATES) {
    const what = `'importance', as z has ${states} states of which at most ${MOST_STATES} are summed over,`
    throw new RangeError(expected(what, 'method', 'exact'))
  }
  return states
}

/** The result of a sum over all states: nothing is drawn. */
export function exactLikelihood(perExample: Float64Array<ArrayBuffer>, states: number): LogLikelihood {
  const all = (value: number) => new Float64Array(perExample.length).fill(value)
  const unlikely = rowsWhere(perExample, (_, row) => perExample[row] === -Infinity)
  const warnings = unlikely.length > 0 ? [withoutProbability(unlikely, perExample.length, 'state of z')] : []
  return {
    mean: mean(perExample),
    standardError: 0,
    perExample,
    standardErrors: all(0),
    effectiveSamples: all(states),
    paretoK: all(-Infinity),
    samples: all(states),
    reliable: warnings.length === 0,
    warnings,
  }
}

/** The result of importance samples. */
export function estimatedLikelihood(estimates: LikelihoodEstimates): LogLikelihood {
  const { perExample, variance, effectiveSamples, paretoK, samples, reliable } = estimates
  const warnings = warningsOf(estimates)
  return {
    mean: mean(perExample),
    // Rows are estimated independently, so the variances of their estimates add.
    standardError: Math.sqrt(variance.reduce((sum, value) => sum + value, 0)) / perExample.length,
    perExample,
    standardErrors: variance.map(Math.sqrt),
    effectiveSamples,
    paretoK,
    samples,
    reliable: reliable.every((row) => row === 1),
    warnings,
  }
}

function warningsOf({ perExample, paretoK, samples, reliable }: LikelihoodEstimates): string[] {
  const rows = perExample.length
  const warnings: string[] = []
  const unlikely = rowsWhere(reliable, (row, i) => row === 0 && perExample[i] === -Infinity)
  const untold = rowsWhere(reliable, (row, i) => row === 0 && perExample[i] !== -Infinity && Number.isNaN(paretoK[i]))
  const heavy = rowsWhere(reliable, (row, i) => row === 0 && (paretoK[i] as number) > 0)
  if (unlikely.length > 0) warnings.push(withoutProbability(unlikely, rows, 'draw of z'))
  if (untold.length > 0) {
    const most = untold.reduce((largest, i) => Math.max(largest, samples[i] as number), 0)
    warnings.push(`${named(untold, rows)}: ${most} samples are too few to tell whether the standard error holds`)
  }
  if (heavy.length > 0) {
    const largest = heavy.reduce((most, i) => Math.max(most, paretoK[i] as number), 0)
    warnings.push(
      `${named(heavy, rows)}: a few draws hold most of the weight (paretoK up to ${largest.toFixed(2)}), so that log p(x) ` +
        "is likely to be higher, and its standard error does not hold; samples: 'adaptive' or another proposal may help",
    )
  }
  return warnings
}

function withoutProbability(unlikely: readonly number[], rows: number, sampled: string): string {
  return `${named(unlikely, rows)}: no ${sampled} gives a probability above 0, so that log p(x) is -Infinity`
}

/** '2 of 100 rows (5, 17)' */
function named(which: readonly number[], rows: number): string {
  const more = which.length > ROWS_NAMED ? ', ...' : ''
  return `${which.length} of ${rows} rows (${which.slice(0, ROWS_NAMED).join(', ')}${more})`
}

/** Numbers of the rows for which `is` holds. */
function rowsWhere(values: ArrayLike<number>, is: (value: number, row: number) => boolean): number[] {
  const rows: number[] = []
  for (let row = 0; row < values.length; row++) if (is(values[row] as number, row)) rows.push(row)
  return rows
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
