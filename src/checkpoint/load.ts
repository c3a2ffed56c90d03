/** Reading a model's folder: everything is checked before anything is given. See save.ts for why there are two configs. */

import { stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { isVAEError, VAEError } from '../errors.js'
import { afford } from '../memory.js'
import type { VAEConfig } from '../options/config.js'
import { pathOf } from '../paths.js'
import { configPath, copyWithin, tensorsPath, withPair } from './config-file.js'
import { EDITED, isSameDocument, type ModelDocument } from './document.js'
import { invalid } from './invalid.js'
import { checkTable } from './safetensors.js'
import { removeLeftovers } from './temporary.js'

export interface SavedModel {
  readonly config: VAEConfig
  readonly parameters: Record<string, Float32Array>
}

export async function readModel(folder: string | URL): Promise<SavedModel> {
  const path = await folderOf(pathOf(folder, 'folder'))
  await removeLeftovers(path)
  const from = tensorsPath(path)
  return withPair(path, async (config, file) => {
    const beside = isVAEError(config) ? config : config.document
    const within = copyWithin(file.header.metadata, from, config)
    const document = choose(beside, within, configPath(path))
    checkTable(file.header, document.table, from)
    // The bytes of the file, and the model that they become, which asks for what it needs beside them.
    afford(2 * file.dataLength)
    const { tensors, sha256 } = await file.read()
    const expected = (within ?? document).sha256
    if (expected !== undefined && sha256 !== expected) {
      const hint = within ? '' : `; ${EDITED}`
      throw invalid(from, `its tensors do not have the sha256 that was noted when they were saved${hint}`)
    }
    checkFactors(tensors['scale.factor'], from)
    await setImmediate()
    return { config: document.config, parameters: tensors }
  })
}

/** The columns' factors are all learned, and above 0, or none is. */
function checkFactors(factors: Float32Array | undefined, path: string): void {
  const learned = factors?.[0] !== 0
  if (factors?.some((factor) => (learned ? !(factor > 0) : factor !== 0))) {
    throw invalid(path, 'scale.factor is not above 0 in every column, nor 0 in all of them')
  }
}

/** The folder, also if one of its two files is named. */
async function folderOf(path: string): Promise<string> {
  const isFile = await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  )
  if (!isFile) return path
  if (['config.json', 'model.safetensors'].includes(basename(path))) return dirname(path)
  throw new VAEError('CHECKPOINT_MISSING', `${path} is a file, not the folder of a model`)
}

/**
 * The copy within the tensors' file, if config.json has the checksum of other tensors than these: a save was cut
 * short. Else config.json, which a person may have written. One that was edited is told from one that is damaged by its
 * checksum, or if it has none, by the copy: it says the same, unless the checksums were taken out.
 */
function choose(
  beside: ModelDocument | VAEError,
  within: ModelDocument | undefined,
  besidePath: string,
): ModelDocument {
  if (isVAEError(beside)) {
    if (within) return within
    throw beside
  }
  if (!within || beside.sha256 === undefined) return beside
  if (beside.sha256 !== within.sha256) return within
  if (!beside.checked && !isSameDocument(beside, within)) {
    throw invalid(besidePath, `it does not say what the copy that was saved with the tensors says; ${EDITED}`)
  }
  return beside
}
