/** JSON that came from a file. */

import { quote, VAEError } from '../errors.js'
import { invalid } from './invalid.js'

/** A config nests four deep, a header three. What recurses over a value would not survive a hostile one. */
const DEEPEST = 32

/** A JSON object in strict UTF-8, no key of which is there twice. `from` names the file in messages. */
export function parseObject(bytes: Uint8Array, from: string): Record<string, unknown> {
  let json: unknown
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    checkForm(text, from)
    json = JSON.parse(text)
  } catch (error) {
    if (error instanceof VAEError) throw error
    throw invalid(from, 'its JSON is damaged', error)
  }
  if (!isObject(json)) throw invalid(from, 'its JSON is not an object')
  return json
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What JSON.parse does not say: it takes the last of two equal keys, and any depth. The text need not be JSON. */
function checkForm(text: string, from: string): void {
  /** The keys of the objects that are open, outermost first; none of an array. */
  const open: (Set<string> | undefined)[] = []
  let atKey = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (character === '"') {
      const begin = i
      for (i++; i < text.length && text[i] !== '"'; i++) if (text[i] === '\\') i++
      const keys = atKey ? open.at(-1) : undefined
      atKey = false
      if (!keys) continue
      // Two spellings of a key, such as "a" and "\u0061", are one.
      const key: string = JSON.parse(text.slice(begin, i + 1))
      if (keys.has(key)) throw invalid(from, `its JSON has the key ${quote(key)} twice`)
      keys.add(key)
    } else if (character === '{' || character === '[') {
      open.push(character === '{' ? new Set() : undefined)
      if (open.length > DEEPEST) throw invalid(from, `its JSON nests more than ${DEEPEST} deep`)
      atKey = true
    } else if (character === '}' || character === ']') {
      open.pop()
    } else if (character === ',') {
      atKey = true
    }
  }
}
