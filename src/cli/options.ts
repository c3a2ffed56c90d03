/** Values of command-line options, checked as they are read. */

import { type Command, InvalidArgumentError } from 'commander'
import { messageOf } from '../errors.js'
import { pathOf } from '../paths.js'

/** A reader of integers from `min` on. */
export function integerFrom(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    if (value >= min && value <= max) return value
    if (value > Number.MAX_SAFE_INTEGER) throw new InvalidArgumentError(`Expected an integer of at most ${max}.`)
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

/** Makes the command refuse an option that is given twice, of which commander takes the last. */
export function refuseRepeats(command: Command): Command {
  for (const option of command.options) {
    let given = false
    command.on(`option:${option.name()}`, () => {
      if (given) command.error(`error: option '${option.flags}' is given more than once`)
      given = true
    })
  }
  return command
}
