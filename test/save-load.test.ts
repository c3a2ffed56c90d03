/** A saved model is the same model. (What a damaged folder does: hostile-folder.test.ts.) */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { VAE, type VAEConfig } from '../src/index.js'
import { native } from '../src/native.js'
import { parseConfig } from '../src/options/config.js'
import { bits, bitsOf, curve, small } from './helpers/data.js'
import { finite } from './helpers/near.js'

const x = curve(70)
const configs: VAEConfig[] = [
  small,
  { ...small, encoder: [], decoder: [], latent: 5 },
  { ...small, input: [3, 2, 2], encoder: [7, { type: 'dense', units: 5, activation: 'tanh' }], activation: 'gelu' },
  { ...small, likelihood: { type: 'gaussian', variance: 0.3 } },
  { ...small, likelihood: 'gaussian', seed: 2 ** 53 - 1 },
  { ...small, likelihood: { type: 'gaussian', variance: 'perFeature', logVarianceBounds: [-4, 4] } },
  { ...small, likelihood: { type: 'gaussian', variance: 'perDatum' }, objective: { samples: 3, beta: 0.1 } },
  { ...small, likelihood: { type: 'gaussian', covariance: 'full' } },
  { ...small, likelihood: { type: 'gaussian', covariance: 'lowRank', rank: 3, variance: 'perFeature' } },
]

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'aevb-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe.each(configs)('the model %j', (config) => {
  test('has the parameters that the facade expects in a file', () => {
    const { spec, layout } = parseConfig(config)
    expect(layout.tensors).toEqual(new native.Model(spec).parameterTable)
  })

  test('computes the same bits after saving and loading', async () => {
    const vae = new VAE(config)
    await vae.fit(x, { epochs: 2, batchSize: 32, verbose: false })
    await vae.save(folder)
    const loaded = await VAE.load(folder)

    expect(loaded.config).toEqual(vae.config)
    expect(JSON.parse(await readFile(join(folder, 'config.json'), 'utf8')).config).toEqual(config)
    expect(bits(loaded)).toEqual(bits(vae))
    const outputs = async (model: VAE) => {
      const { mean, logVariance = mean } = await model.encode(x)
      const tensors = [mean, logVariance, await model.reconstruct(x), await model.sample(5), await model.decode(mean)]
      return tensors.map(({ data, shape }) => ({ bits: bitsOf(data), shape }))
    }
    expect(await outputs(loaded)).toEqual(await outputs(vae))
    expect(await loaded.evaluate(x)).toEqual(await vae.evaluate(x))
    expect(await loaded.anomalyScore(x)).toEqual(await vae.anomalyScore(x))
    expect(await loaded.logLikelihood(x, { samples: 20 })).toEqual(await vae.logLikelihood(x, { samples: 20 }))
  })
})

test('what is saved are the parameters of the moment of the call', async () => {
  const vae = new VAE(small)
  const before = bits(vae)
  const saved = vae.save(folder)
  await vae.fit(x, { epochs: 1, verbose: false })
  await saved
  expect(bits(await VAE.load(folder))).toEqual(before)
  expect(bits(vae)).not.toEqual(before)
})

test('a loaded model trains on', async () => {
  const vae = new VAE(small)
  await vae.fit(x, { epochs: 30, batchSize: 10, verbose: false })
  await vae.save(folder)
  const loaded = await VAE.load(folder)
  expect(loaded.history.epochs).toEqual([])
  const { epochs } = await loaded.fit(x, { epochs: 1, verbose: false })
  expect(epochs[0]?.epoch).toBe(1)
  expect(finite(epochs[0]?.loss)).toBeLessThan(finite((await new VAE(small).evaluate(x)).loss) - 0.5)
})

test('a model that cannot be loaded rejects, whatever is wrong with it', async () => {
  await expect(VAE.load(join(folder, 'nowhere'))).rejects.toMatchObject({
    name: 'VAEError',
    code: 'CHECKPOINT_MISSING',
  })
  await new VAE(small).save(folder)
  await writeFile(join(folder, 'model.safetensors'), 'not tensors')
  await expect(VAE.load(folder)).rejects.toMatchObject({ name: 'VAEError', code: 'CHECKPOINT_INVALID' })
})
