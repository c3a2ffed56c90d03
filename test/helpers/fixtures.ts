/** The files of test/fixtures, and how results are compared with what is in them. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { headerLength, LENGTH_BYTES, parseHeader } from '../../src/checkpoint/safetensors.js'
import type { Tensor } from '../../src/index.js'

export type Tensors = Readonly<Record<string, Tensor<Float32Array>>>

export interface Terms {
  readonly loss: number
  readonly reconstruction: number
  readonly kl: number
}

export const fixtures = join(import.meta.dirname, '..', 'fixtures')

export const names = (folder: string, suffix = '') =>
  readdirSync(join(fixtures, folder))
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, name.length - suffix.length))

export const json = <T>(...path: string[]) => JSON.parse(readFileSync(join(fixtures, ...path), 'utf8')) as T

/** The float32 tensors of a file. */
export function readTensors(...path: string[]): Tensors {
  const bytes = new Uint8Array(readFileSync(join(fixtures, ...path)))
  const dataStart = LENGTH_BYTES + headerLength(bytes, bytes.length, path.join('/'))
  const header = parseHeader(bytes.slice(LENGTH_BYTES, dataStart), bytes.length - dataStart, path.join('/'))
  const data = bytes.slice(dataStart).buffer
  const tensors = [...header.tensors].map(([name, { shape, begin, end }]) => [
    name,
    { data: new Float32Array(data, begin, (end - begin) / 4), shape },
  ])
  return Object.fromEntries(tensors)
}

/** The tensors of a file whose names begin with `prefix`, without it. */
export function withPrefix(tensors: Tensors, prefix: string): Tensors {
  const chosen = Object.entries(tensors).filter(([name]) => name.startsWith(prefix))
  return Object.fromEntries(chosen.map(([name, tensor]) => [name.slice(prefix.length), tensor]))
}

/**
 * Relative to the largest magnitude of a tensor: max |actual − wanted| / max |wanted|. An element beside which others
 * are large is only as exact as they are in float32. If all is to be 0, anything else is infinitely far from it.
 */
export function deviation(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  expect(actual.length).toBe(wanted.length)
  expect(wanted.length).toBeGreaterThan(0)
  let difference = 0
  let largest = 0
  for (let i = 0; i < wanted.length; i++) {
    difference = Math.max(difference, Math.abs((actual[i] as number) - (wanted[i] as number)))
    largest = Math.max(largest, Math.abs(wanted[i] as number))
  }
  return difference === 0 ? 0 : difference / largest
}

export function expectTerms(actual: Terms, wanted: Terms, tolerance: number, name = ''): void {
  for (const key of ['loss', 'reconstruction', 'kl'] as const) {
    expect(deviation([actual[key]], [wanted[key]]), `${name} ${key}`).toBeLessThan(tolerance)
  }
}
