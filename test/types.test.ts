/** The package's types, compiled with the strictest options. `npm test` has built them. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

/** Every array that the package returns is accepted wherever an unshared ArrayBuffer is required. */
const program = `
import { backend, Dataset, imageGrid, lossChart, mnist, reconstructionGrid, VAE, VAEError, type VAEConfig } from 'aevb'

const config: VAEConfig = { input: 2, latent: [{ type: 'gaussian', units: 2 }, { type: 'bernoulli', units: 1 }] }
const rows = new Dataset([[0, 1]])
const vae = new VAE(config)
const handedOut: ArrayBufferView<ArrayBuffer>[] = []

export async function use(signal: AbortSignal): Promise<ArrayBuffer[]> {
  const history = await vae.fit(rows, { epochs: 1, signal, verbose: false })
  const encoding = await vae.encode(rows)
  for (const { mean, logits, logVariance, logScale, cholesky } of [encoding, ...encoding.groups]) {
    for (const tensor of [mean, logits, logVariance, logScale, cholesky]) if (tensor) handedOut.push(tensor.data)
  }
  const { x, z } = await vae.sample(3, { latent: true })
  const decoded = await vae.decode(z)
  const reconstructed = await vae.reconstruct(rows)
  const { train, test } = await mnist()
  for (const tensor of [x, z, decoded, reconstructed, train.images, test.labels]) handedOut.push(tensor.data)
  for (const { data } of Object.values(vae.parameters())) handedOut.push(data)
  const { before, after, encoding: refined } = await vae.refine(rows)
  handedOut.push(before, after, refined.mean.data, vae.encodeSync([[0, 1]]).mean.data)
  handedOut.push(await vae.anomalyScore(rows), (await vae.logLikelihood(rows)).perExample)
  handedOut.push(await imageGrid(x, { height: 1, width: 2 }))
  handedOut.push(await reconstructionGrid(x, reconstructed, { height: 1, width: 2 }))
  const chart: string = await lossChart(history)
  if (chart === '' || backend().threads < 1) throw new VAEError('NATIVE', chart)
  const gaussian: Float32Array[] = [
    (await new VAE().encode(rows)).logVariance.data,
    (await new VAE({ input: 2 }).encode(rows)).logVariance.data,
    new VAE({ latent: 3 }).encodeSync([[0, 1]]).groups[0].logVariance.data,
    (await new VAE({ latent: { type: 'gaussian', units: 3 } }).refine(rows)).encoding.logVariance.data,
    (await new VAE({ latent: [{ type: 'gaussian', units: 3 }] }).encode(rows, { draw: true })).logVariance.data,
  ]
  const laplace: Float32Array = (await new VAE({ latent: { type: 'laplace', units: 3 } }).encode(rows)).logScale.data
  const [first, second] = (await new VAE({
    latent: [{ type: 'logistic', units: 2 }, { type: 'categorical', units: 1, classes: 3 }],
  }).encode(rows)).groups
  gaussian.push(laplace, first.logScale.data, second.logits.data)
  const units = 2 as number
  gaussian.push((await new VAE({ latent: units }).encode(rows)).logVariance.data)
  // @ts-expect-error: the config is not known here, and the posterior may have another family
  gaussian.push((await vae.encode(rows)).logVariance.data)
  for (const group of encoding.groups) {
    if (group.type === 'gaussian') gaussian.push(group.logVariance.data)
    if (group.type === 'laplace' || group.type === 'logistic') gaussian.push(group.logScale.data)
    if (group.type === 'categorical' || group.type === 'bernoulli') gaussian.push(group.logits.data)
  }
  const any: VAE[] = [vae, new VAE(), new VAE({ latent: { type: 'bernoulli', units: 2 } }), await VAE.load('model')]
  class Own extends VAE {}
  any.push(new Own())
  // @ts-expect-error: a misspelt option
  new VAE({ input: 2, encodr: [3] })
  // @ts-expect-error: a misspelt option within one
  new VAE({ input: 2, likelihood: { type: 'gaussian', varance: 1 } })
  // @ts-expect-error: this is not a width, and would be one if the types were lost
  new VAE({ input: 'two' })
  await vae.save('model')
  await VAE.load(new URL('file:///model'))
  const copy = structuredClone(x.data, { transfer: [x.data.buffer] })
  new Blob([copy, await imageGrid(x, { height: 1, width: 2 })])
  return handedOut.map(({ buffer }) => buffer)
}
`

const strictest = {
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  verbatimModuleSyntax: true,
  skipLibCheck: false,
  noEmit: true,
  target: 'es2022',
}
const withNode = { lib: ['es2022'], types: ['node'], typeRoots: [join(root, 'node_modules/@types')] }
const withoutNode = { lib: ['es2022', 'dom'], types: [] }
const nodenext = { module: 'nodenext' }
const bundler = { module: 'esnext', moduleResolution: 'bundler' }

let folder: string

beforeAll(() => {
  // A folder in which nothing of this project but the package can be resolved.
  folder = mkdtempSync(join(tmpdir(), 'aevb-types-'))
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(root, join(folder, 'node_modules/aevb'), 'junction')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'program.ts'), program)
})

afterAll(() => rmSync(folder, { recursive: true }))

/** The compiler's messages about the program. */
function compile(options: object): string {
  const project = join(folder, 'tsconfig.json')
  writeFileSync(project, JSON.stringify({ compilerOptions: { ...strictest, ...options }, files: ['program.ts'] }))
  return spawnSync(process.execPath, [tsc, '-p', project, '--pretty', 'false'], { encoding: 'utf8' }).stdout
}

test.each([
  ["Node's modules, with Node's types", { ...nodenext, ...withNode }],
  ["Node's modules, without Node's types", { ...nodenext, ...withoutNode }],
  ["a bundler, with Node's types", { ...bundler, ...withNode }],
  ["a bundler, without Node's types", { ...bundler, ...withoutNode }],
])('a strict program compiles: %s', (_, options) => {
  expect(compile(options)).toBe('')
})
