/**
 * The addon makes its results in Node's own realm. Under Jest, vitest's vmThreads or node:vm this module may be in another
 * one, whose Float32Array and Object are others.
 */

import { types } from 'node:util'

/** What the addon gave, as arrays and object literals of this realm. Nothing is copied if that is the addon's. */
export function inThisRealm<T>(value: T): T {
  // The addon makes all of a result in one realm.
  if (typeof value !== 'object' || value === null || value instanceof Object) return value
  return rebuilt(value) as T
}

function rebuilt(value: unknown): unknown {
  if (types.isFloat32Array(value)) return new Float32Array(value)
  if (types.isFloat64Array(value)) return new Float64Array(value)
  if (types.isUint8Array(value)) return new Uint8Array(value)
  if (Array.isArray(value)) return Array.from(value, rebuilt)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rebuilt(item)]))
}
