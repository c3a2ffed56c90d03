// What the peers in Node.js share: their options, MNIST, and the line of JSON that they print.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

export function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: 'string', default: 'reference' },
      threads: { type: 'string', default: '1' },
      repeats: { type: 'string', default: '5' },
    },
  })
  return {
    folder: positionals[0],
    model: values.model,
    threads: Number(values.threads),
    repeats: Number(values.repeats),
  }
}

/** MNIST's training images, [60000, 784], as bytes. */
export function readImages(folder) {
  return readFileSync(join(folder, 'train-images-idx3-ubyte')).subarray(16)
}

/** `samples`: seconds of what is measured, one a repeat. */
export function report(peer, threads, samples, more = {}) {
  const megabytes = process.resourceUsage().maxRSS / 1024
  console.log(JSON.stringify({ peer, threads, samples, megabytes, ...more }))
}
