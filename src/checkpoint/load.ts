/** Reading a model's folder: everything is checked before anything is given. See save.ts for why there are two configs. */

import { join } from 'node:path'
import { VAEError } from '../errors.js'
import type { VAEConfig } from '../options/config.js'
import { parameterTable } from '../options/parameter-table.js'
import { type ModelDocument, parseDocument } from './document.js'
import { folderPath, readInto, withFile } from './files.js'
import { invalid } from './invalid.js'
import { checkTable, type Header } from './safetensors.js'
import { readTensorFile } from './tensor-file.js'

/** A config that a person wrote is a few hundred bytes. */
const LONGEST_CONFIG = 1024 * 1024

export interface SavedModel {
  readonly config: VAEConfig
  readonly parameters: Record<string, Float32Array>
}

export async function readModel(folder: unknown): Promise<SavedModel> {
  const path = folderPath(folder)
  const beside = await readConfig(join(path, 'config.json'))
  const tensorsPath = join(path, 'model.safetensors')
  const { accepted, tensors, sha256 } = await readTensorFile(tensorsPath, (header) => {
    const within = copyWithin(header, tensorsPath)
    const document = choose(beside, within)
    checkTable(header, parameterTable(document.spec), tensorsPath)
    return { document, within }
  })
  const { document, within } = accepted
  const expected = (within ?? document).sha256
  if (expected !== undefined && sha256 !== expected) {
    const hint = within ? '' : '; where another program wrote them on purpose, take "sha256" out of config.json'
    throw invalid(tensorsPath, `its tensors do not have the sha256 that was noted when they were saved${hint}`)
  }
  checkFactors(tensors['scale.factor']?.data, tensorsPath)
  const parameters = Object.entries(tensors).map(([name, { data }]) => [name, data])
  return { config: document.config, parameters: Object.fromEntries(parameters) }
}

/** The columns' factors are all learned, and above 0, or none is. */
function checkFactors(factors: Float32Array | undefined, path: string): void {
  const learned = factors?.[0] !== 0
  if (factors?.some((factor) => (learned ? !(factor > 0) : factor !== 0))) {
    throw invalid(path, 'scale.factor is not above 0 in every column, nor 0 in all of them')
  }
}

/** config.json, or the error that it is missing. */
export async function readConfig(path: string): Promise<ModelDocument | VAEError> {
  try {
    return await withFile(path, async (file, length) => {
      if (length > LONGEST_CONFIG) throw invalid(path, `it has ${length} bytes, too many for a config`)
      const bytes = new Uint8Array(length)
      await readInto(file, path, bytes, 0)
      return parseDocument(bytes, path)
    })
  } catch (error) {
    if (error instanceof VAEError && error.code === 'CHECKPOINT_MISSING') return error
    throw error
  }
}

function copyWithin({ metadata }: Header, path: string): ModelDocument | undefined {
  const text = metadata.get('aevb')
  return text === undefined ? undefined : parseDocument(Buffer.from(text), `${path} (its copy of config.json)`)
}

/**
 * The copy within the tensors' file, where config.json has the checksum of other tensors than these: a save was cut
 * short. Else config.json, which a person may have edited or written.
 */
function choose(beside: ModelDocument | VAEError, within: ModelDocument | undefined): ModelDocument {
  if (beside instanceof VAEError) {
    if (within) return within
    throw beside
  }
  const torn = within && beside.sha256 !== undefined && beside.sha256 !== within.sha256
  return torn ? within : beside
}
