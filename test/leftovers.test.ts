/** The next save or load removes the file that a killed save has left, but not the file of a save that runs. */

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdir, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { stage } from '../src/checkpoint/files.js'
import { readModel } from '../src/checkpoint/load.js'
import { temporaryName } from '../src/checkpoint/temporary.js'
import { freshFolders } from './helpers/model-folder.js'

const folder = freshFolders()
const files = pathToFileURL(join(import.meta.dirname, '../dist/checkpoint/files.js')).href

/** A program that writes a temporary file beside the model's, prints a message, and then does `next`. */
const staging = (next: string) => `
  import { stage } from ${JSON.stringify(files)}
  const staged = await stage(${JSON.stringify(folder.tensors)}, [Buffer.alloc(1e6)])
  ${next}`

const temporaries = async () => (await readdir(folder.path)).filter((name) => name.endsWith('.tmp'))
const actions: [string, () => Promise<unknown>][] = [
  ['load', () => readModel(folder.path)],
  ['save', () => folder.save(2)],
]

test.each(actions)('%s removes what a killed process has left', async (_name, act) => {
  await folder.save(1)
  const { signal } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', staging("process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})")],
    { encoding: 'utf8' },
  )
  expect(signal).toBe('SIGKILL')
  expect(await temporaries()).toHaveLength(1)
  await act()
  expect(await temporaries()).toEqual([])
})

test('a load that fails removes it too', async () => {
  await writeFile(join(folder.path, '.model.safetensors.0123456789ab.tmp'), 'half a fi')
  await expect(readModel(folder.path)).rejects.toMatchObject({ code: 'CHECKPOINT_MISSING' })
  expect(await temporaries()).toEqual([])
})

test.each(actions)('%s leaves the file of a save in this process', async (_name, act) => {
  await folder.save(1)
  const staged = await stage(folder.tensors, [Buffer.alloc(10)])
  await act()
  expect(await temporaries()).toHaveLength(1)
  await staged.discard()
  expect(await temporaries()).toEqual([])
})

test.each(actions)('%s leaves the file of a save in another process', async (_name, act) => {
  await folder.save(1)
  const program = staging(
    "process.send('staged'); process.once('message', () => staged.discard().then(() => process.disconnect()))",
  )
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const exited = once(child, 'exit')
  await once(child, 'message')
  await act()
  expect(await temporaries()).toHaveLength(1)
  child.send('go on')
  expect((await exited)[0]).toBe(0)
  expect(await temporaries()).toEqual([])
})

test('load leaves the file of a save in another thread', async () => {
  await folder.save(1)
  const program = staging(`
    const { parentPort } = await import('node:worker_threads')
    parentPort.postMessage('staged')
    parentPort.once('message', () => staged.discard())`)
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`))
  const exited = once(worker, 'exit')
  await once(worker, 'message')
  await readModel(folder.path)
  expect(await temporaries()).toHaveLength(1)
  worker.postMessage('go on')
  await exited
  expect(await temporaries()).toEqual([])
})

test('of another machine, or another container, only what has not been written to for an hour', async () => {
  await folder.save(1)
  const own = temporaryName(folder.tensors)
  const foreign = own.replace(/safetensors\.[0-9a-f]{8}/, 'safetensors.ffffffff')
  expect(foreign).not.toBe(own)
  await writeFile(foreign, 'half a fi')
  await readModel(folder.path)
  expect(await temporaries()).toHaveLength(1)
  const longAgo = new Date(Date.now() - 2 * 60 * 60 * 1000)
  await utimes(foreign, longAgo, longAgo)
  await readModel(folder.path)
  expect(await temporaries()).toEqual([])
})

test('of an earlier process that had the number of this one', async () => {
  await folder.save(1)
  const own = temporaryName(folder.tensors)
  const earlier = own.replace(/-\d+(-[0-9a-f]{12}\.tmp)$/, '-1000000000$1')
  expect(earlier).not.toBe(own)
  await writeFile(earlier, 'half a fi')
  await readModel(folder.path)
  expect(await temporaries()).toEqual([])
})

test('and nothing else', async () => {
  await folder.save(1)
  const mine = ['a.tmp', '.notes.0123456789ab.tmp', '.model.safetensors.tmp', 'model.safetensors.0123456789ab.tmp']
  for (const name of mine) await writeFile(join(folder.path, name), 'mine')
  await readModel(folder.path)
  await folder.save(2)
  expect((await readdir(folder.path)).sort()).toEqual([...mine, 'config.json', 'model.safetensors'].sort())
})
