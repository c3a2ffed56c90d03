/**
 * How the tests compare numbers with a tolerance. The tolerance depends on the wanted number, never on the number under
 * test, which could widen it by being wrong. NaN is near no number, an infinity is near itself alone, and no number is
 * near with a tolerance that is not finite.
 */

import { expect } from 'vitest'

export interface Tolerance {
  /** Relative to the wanted number's size. */
  readonly relative?: number
  readonly absolute?: number
}

export function isNear(actual: number, wanted: number, { relative = 0, absolute = 0 }: Tolerance): boolean {
  if (!Number.isFinite(wanted)) return actual === wanted
  const tolerance = relative * Math.abs(wanted) + absolute
  return Number.isFinite(tolerance) && Math.abs(actual - wanted) <= tolerance
}

/** Compares two numbers, or two lists of the same length. */
export function expectNear(
  actual: number | ArrayLike<number>,
  wanted: number | ArrayLike<number>,
  tolerance: Tolerance,
  name = '',
): void {
  const [got, all] = [actual, wanted].map((each) => (typeof each === 'number' ? [each] : Array.from(each))) as [
    number[],
    number[],
  ]
  expect(got.length, name).toBe(all.length)
  expect(all.length, name).toBeGreaterThan(0)
  const { relative = 0, absolute = 0 } = tolerance
  for (const [i, value] of all.entries()) {
    const text = `${name} element ${i}: ${got[i]} instead of ${value}, not within ${relative} of it + ${absolute}`
    expect(isNear(got[i] as number, value, tolerance), text).toBe(true)
  }
}

/** The same numbers, all of which are finite: for what is compared by < or >, which an infinity passes. */
export function finite(value: number | undefined, name?: string): number
export function finite<T extends ArrayLike<number>>(values: T, name?: string): T
export function finite(values: number | ArrayLike<number> | undefined, name = ''): unknown {
  const all = typeof values === 'number' ? [values] : Array.from(values ?? [Number.NaN])
  expect(all.length, name).toBeGreaterThan(0)
  for (const value of all) expect(Number.isFinite(value), `${name} ${value} is finite`).toBe(true)
  return values
}
