/** Values of command-line options, checked as they are read. */

import { InvalidArgumentError } from 'commander'
import { messageOf } from '../errors.js'
import { pathOf } from '../paths.js'

/** A reader of integers from `min` on. */
export function integerFrom(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
    throw new InvalidArgumentError(`Expected an integer ${range}.`)
  }
}

/** A reader of paths and file URLs. */
export function path(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected the path of a folder.')
  try {
    return pathOf(text, 'it')
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}.`)
  }
}
