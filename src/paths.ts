/** Paths of files and folders, as the functions of the package take them. */

import { fileURLToPath } from 'node:url'
import { expected } from './errors.js'

/**
 * The path that a string, a file URL as text, or a URL object names. Throws a TypeError for anything else: an empty
 * string, another kind of URL, and a path that holds a NUL.
 */
export function pathOf(value: string | URL, name: string): string {
  const path = pathFrom(value)
  if (path === undefined || path === '' || path.includes('\0')) {
    throw new TypeError(expected('a path or file URL', name, value))
  }
  return path
}

function pathFrom(value: unknown): string | undefined {
  const path = typeof value === 'string' ? value : hrefOf(value)
  if (typeof path !== 'string') return undefined
  // A letter alone is a drive of Windows.
  if (path === value && !/^(file:|[a-z][a-z\d+.-]+:\/\/)/i.test(path)) return path
  try {
    return fileURLToPath(path)
  } catch {
    return undefined // not the URL of a file of this machine
  }
}

/** By what it is rather than by `instanceof`, because a URL may come from another realm. */
function hrefOf(value: unknown): unknown {
  const { href, protocol } = (value ?? {}) as { href?: unknown; protocol?: unknown }
  return typeof protocol === 'string' ? href : undefined
}
