#!/usr/bin/env node
/** The program `aevb`. It fails with one line and an exit code: 1, or 130 if it was interrupted. */

import { createRequire } from 'node:module'
import { Command } from 'commander'
import { AbortError, messageOf } from '../errors.js'

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string }

const interrupt = new AbortController()
// Once: a second interrupt ends the process at once, as without this.
process.once('SIGINT', () => interrupt.abort())

// What is under way is written to files, whatever becomes of what is said about it.
for (const stream of [process.stdout, process.stderr]) {
  let first = true
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads has had enough, as `head` has.
    if (error.code === 'EPIPE' || !first) return
    first = false
    process.exitCode = 1
    if (stream === process.stdout) process.stderr.write(`aevb: the output cannot be written: ${messageOf(error)}\n`)
  })
}

const program = new Command('aevb').description('Trains variational autoencoders on the CPU.').version(version)

try {
  // Here, so that an addon that is missing is an error like any other.
  const { addTrain } = await import('./train.js')
  addTrain(program, interrupt.signal)
  await program.parseAsync()
} catch (error) {
  const interrupted = error instanceof AbortError
  const message = messageOf(error)
  process.stderr.write(`${interrupted ? 'Interrupted.' : `aevb: ${message}`}\n`)
  process.exitCode = interrupted ? 130 : 1
}
