/** `config.json`: which format, which version, which model. */

import { cut, quote, VAEError } from '../errors.js'
import { type ParsedConfig, parseConfig, type VAEConfig } from '../options/config.js'
import { invalid } from './invalid.js'
import { isObject, parseObject } from './json.js'

/**
 * Of the folder's layout. It changes when an older reader would read a newer folder wrongly. Version 1 knew no `scale`:
 * its models have none.
 */
const VERSION = 2
const OLDEST = 1

export interface ModelDocument extends ParsedConfig {
  /** Of the tensors' bytes in model.safetensors; absent where a person wrote the document, who vouches for them. */
  readonly sha256: string | undefined
}

export function encodeDocument(config: VAEConfig, sha256: string): string {
  return `${JSON.stringify({ format: 'aevb', version: VERSION, config, sha256 }, null, 2)}\n`
}

export function parseDocument(bytes: Uint8Array, from: string): ModelDocument {
  const { format, version, config, sha256, ...others } = parseObject(bytes, from)
  if (format !== 'aevb') throw invalid(from, `its "format" is ${shown(format)}, not "aevb"`)
  if (!Number.isSafeInteger(version)) throw invalid(from, `its "version" is ${shown(version)}, not a whole number`)
  if ((version as number) > VERSION || (version as number) < OLDEST) {
    const message = `${from} is of version ${version}, but this aevb reads versions ${OLDEST} to ${VERSION}`
    throw new VAEError('CHECKPOINT_VERSION', message)
  }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw invalid(from, `it has an unknown field ${quote(unknown)}`)
  if (sha256 !== undefined && !(typeof sha256 === 'string' && /^[0-9a-f]{64}$/.test(sha256))) {
    throw invalid(from, 'its "sha256" is not 64 hexadecimal digits')
  }
  if (config === undefined) throw invalid(from, 'it has no "config"')
  try {
    return { ...parseConfig(version === 1 && isObject(config) ? { scale: 'none', ...config } : config), sha256 }
  } catch (error) {
    throw invalid(from, error instanceof Error ? error.message : String(error), error)
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' ? quote(value) : cut(String(JSON.stringify(value)))
}
