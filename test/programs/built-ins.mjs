// Calls everything that the package exports, and prints which of the built-in objects have changed by that: none should.
// Programs may freeze them (--frozen-intrinsics) and may forbid eval (--disallow-code-generation-from-strings).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
// Loaded here, so that what Node itself adds with them is not counted.
import 'node:crypto'
import 'node:fs/promises'
import 'node:module'

/** Every property of every object that the global object leads to, by the first path found. */
function builtIns() {
  // Node makes some of its globals when they are first read.
  for (const key of Reflect.ownKeys(globalThis)) void globalThis[key]
  const paths = new Map([[globalThis, 'globalThis']])
  const properties = new Map()
  for (const [object, path] of paths) {
    const add = (value, name) => {
      const reachable = (typeof value === 'object' && value !== null) || typeof value === 'function'
      if (reachable && !paths.has(value)) paths.set(value, name)
    }
    const prototype = Object.getPrototypeOf(object)
    properties.set(`${path}.[[Prototype]]`, { value: prototype, extensible: Object.isExtensible(object) })
    add(prototype, `${path}.[[Prototype]]`)
    for (const key of Reflect.ownKeys(object)) {
      const name = `${path}.${String(key)}`
      const descriptor = Object.getOwnPropertyDescriptor(object, key)
      properties.set(name, descriptor)
      for (const value of [descriptor.value, descriptor.get, descriptor.set]) add(value, name)
    }
  }
  return properties
}

/** Properties that were added, removed or changed, except in Node's own objects, which a program may use. */
function changes(before, after) {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names].filter((name) => {
    if (/^globalThis\.(process|performance)\./.test(name)) return false
    const [a, b] = [before.get(name), after.get(name)]
    return !a || !b || [...new Set([...Object.keys(a), ...Object.keys(b)])].some((key) => !Object.is(a[key], b[key]))
  })
}

const { dependencies: versions } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
const dependencies = Object.keys(versions).filter((name) => name !== 'node-addon-api')

const before = builtIns()
const aevb = await import('aevb')
const folder = mkdtempSync(join(tmpdir(), 'aevb-built-ins-'))
const used = new Set()
const use = (object, name) => {
  used.add(name)
  const value = object[name]
  return typeof value === 'function' ? value.bind(object) : value
}
try {
  const { Dataset, Table, VAE, VAEError, AbortError, ...functions } = aevb
  const rows = new Dataset([
    [0, 1],
    [1, 0],
  ])
  const vae = new VAE({ input: 2, latent: 2, encoder: [4], decoder: [4], missing: true })
  await vae.fit(rows, { epochs: 2, verbose: true, validationSplit: 0.5 })
  const calls = {
    fit: [rows, { epochs: 1, verbose: false }],
    evaluate: [rows],
    encode: [rows],
    encodeSync: [[[0, 1]]],
    decode: [[[0, 1]]],
    reconstruct: [rows],
    sample: [3],
    logLikelihood: [rows, { samples: 8 }],
    impute: [rows, { samples: 8 }],
    anomalyScore: [rows],
    refine: [rows, { steps: 2 }],
    save: [join(folder, 'model')],
  }
  for (const [name, args] of Object.entries(calls)) await use(vae, name)(...args)
  for (const name of ['config', 'history', 'inspect']) void vae[name]
  await VAE.load(join(folder, 'model'))
  writeFileSync(join(folder, 'table.csv'), 'a,b\n1.5,x\n2.5,y\n3,x\n')
  const table = await Table.read(join(folder, 'table.csv'))
  await use(new VAE({ input: table.schema, latent: 1 }), 'generate')(2, { where: { b: 'x' } })
  rows.slice(0, 1)
  for (const misuse of [() => new VAE({ inptu: 2 }), () => new Dataset('x'), () => vae.decode([[1]])]) {
    try {
      await misuse()
      throw new Error('that was refused before')
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    }
  }
  new VAEError('BUSY', 'busy')
  new AbortError()
  const image = [[0, 1]]
  const shape = { height: 1, width: 2 }
  const own = {
    backend: [],
    imageGrid: [image, shape],
    lossChart: [vae.history, { others: [1, 2, 3] }],
    mnist: [],
    reconstructionGrid: [image, image, shape],
  }
  for (const [name, args] of Object.entries(own)) {
    try {
      await use(functions, name)(...args)
    } catch (error) {
      if (error.code !== 'MNIST_MISSING') throw error
    }
  }
  for (const name of dependencies) await import(name)
  // A change that one dependency used to make, to check that it is noticed.
  if (process.argv[2] === 'change')
    Object.defineProperty(Set.prototype, 'toJSON', { value: () => '', configurable: true })
  const methods = Object.getOwnPropertyNames(VAE.prototype).filter((name) => {
    return name !== 'constructor' && typeof Object.getOwnPropertyDescriptor(VAE.prototype, name).value === 'function'
  })
  // Methods that need no argument are called last, since what they do to a model is unknown here; `dispose` after them.
  for (const name of methods.filter((name) => name !== 'dispose')) {
    if (!used.has(name) && VAE.prototype[name].length === 0) await use(vae, name)()
  }
  for (const disposable of [rows, vae]) use(disposable, 'dispose')()
  const unused = [...methods, ...Object.keys(functions)].filter((name) => !used.has(name))
  console.log(JSON.stringify({ changed: changes(before, builtIns()), unused }))
} finally {
  rmSync(folder, { recursive: true })
}
