/** Models whose parameters a test decides. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { saveModel } from '../../src/checkpoint/save.js'
import { VAE, type VAEConfig } from '../../src/index.js'
import { parseConfig } from '../../src/options/config.js'
import { elements } from '../../src/options/layout.js'

/** A model with these parameters, by way of a file; those that are not named are 0. */
export async function vaeWith(config: VAEConfig, values: Readonly<Record<string, Float32Array>>): Promise<VAE> {
  const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
  try {
    const table = parseConfig(config).layout.tensors
    const all = table.map(({ name, shape }) => [name, values[name] ?? new Float32Array(elements(shape))])
    await saveModel(folder, config, table, Object.fromEntries(all))
    return await VAE.load(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}
