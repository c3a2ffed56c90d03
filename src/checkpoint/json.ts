/** JSON that came from a file. */

import { isVAEError, quote } from '../errors.js'
import { invalid } from './invalid.js'

/** A config nests four deep, a header three. What recurses over a value would not survive a hostile one. */
const DEEPEST = 32

/**
 * A JSON object in strict UTF-8, no key of which is there twice. `from` names the file in messages. `most`: objects,
 * arrays and commas that it may have, which are counted before anything is made of them.
 */
export function parseObject(bytes: Uint8Array, from: string, most = Number.POSITIVE_INFINITY): Record<string, unknown> {
  let json: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    checkForm(text, from, most)
    json = JSON.parse(text)
  } catch (error) {
    if (isVAEError(error)) throw error
    throw invalid(from, 'its JSON is damaged', error)
  }
  if (!isObject(json)) throw invalid(from, 'its JSON is not an object')
  return json
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What JSON.parse does not say: it takes the last of two equal keys, and any depth. The text need not be JSON. */
function checkForm(text: string, from: string, most: number): void {
  /** What is open, outermost first: the keys of an object, which most values have none of, or an array. */
  const open: (Set<string> | 'object' | 'array')[] = []
  let atKey = false
  let parts = 0
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '"') {
      const begin = i
      i = endOfString(text, begin)
      const last = open.length - 1
      const inside = open[last]
      const isKey = atKey && inside !== undefined && inside !== 'array'
      atKey = false
      if (!isKey) continue
      // Two spellings of a key, such as "a" and "\u0061", are one.
      const key: string = JSON.parse(text.slice(begin, i + 1))
      const keys = inside === 'object' ? new Set<string>() : inside
      if (keys.has(key)) throw invalid(from, `its JSON has the key ${quote(key)} twice`)
      open[last] = keys.add(key)
    } else if (character === '{' || character === '[') {
      parts++
      open.push(character === '{' ? 'object' : 'array')
      if (open.length > DEEPEST) throw invalid(from, `its JSON nests more than ${DEEPEST} deep`)
      atKey = true
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === ',') {
      parts++
      atKey = true
    }
    if (parts > most) throw invalid(from, `its JSON has more than the ${most} parts that its model needs`)
  }
}

/** Where the string that begins at `begin` has its closing quotation mark, or the end of the text. */
export function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let slashes = 0
    while (text[end - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return end
  }
  return text.length
}
