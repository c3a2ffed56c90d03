// Models whose parameters are given: the folder that VAE.load reads is plain JSON and safetensors, which anyone may write.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VAE } from 'aevb'

/** safetensors: the length of a JSON header, the header with each tensor's place, then the bytes of all tensors. */
function encode(tensors) {
  let end = 0
  const places = Object.entries(tensors).map(([name, { data, shape }]) => {
    const begin = end
    end += data.byteLength
    return [name, { dtype: 'F32', shape, data_offsets: [begin, end] }]
  })
  const header = Buffer.from(JSON.stringify(Object.fromEntries(places)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(header.length))
  const bytes = Object.values(tensors).map(({ data }) => Buffer.from(data.buffer, data.byteOffset, data.byteLength))
  return Buffer.concat([length, header, ...bytes])
}

/**
 * Calls `use` with a function that makes a model with these parameters for any config that has such parameters: they are
 * written once, however many models are made. `parameters` is as `vae.parameters()` gives them.
 */
export async function withParameters(parameters, use) {
  const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
  try {
    await writeFile(join(folder, 'model.safetensors'), encode(parameters))
    return await use(async (config) => {
      await writeFile(join(folder, 'config.json'), JSON.stringify({ format: 'aevb', version: 1, config }))
      return VAE.load(folder)
    })
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** One such model. */
export const modelWith = (config, parameters) => withParameters(parameters, (make) => make(config))
