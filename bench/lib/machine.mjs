// What a measurement was made on.

import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, freemem, loadavg, release, totalmem } from 'node:os'
import { native } from './aevb.mjs'

export function describeMachine() {
  const { core, isa, gemm, version, threads, bfloat16 } = native.backend()
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    platform: `${process.platform} ${process.arch} ${release()}`,
    core,
    isa,
    gemm,
    gemmVersion: version,
    bfloat16,
    threadsAvailable: Math.min(availableParallelism(), threads),
    memoryGigabytes: totalmem() / 2 ** 30,
    node: process.version,
    revision: revision(),
    load: loadavg(),
  }
}

/** Bytes that a process may still take. */
export function memoryLeft() {
  const limit = process.constrainedMemory?.() || Number.POSITIVE_INFINITY
  return Math.min(freemem(), limit)
}

/** The commit that is measured, with a + if files differ from it. */
function revision() {
  try {
    const git = (...words) => execFileSync('git', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    return git('rev-parse', '--short', 'HEAD').trim() + (git('status', '--porcelain').trim() === '' ? '' : '+')
  } catch {
    return undefined
  }
}
