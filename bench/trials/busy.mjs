// The reference model while other processes keep every core busy. A thread's fair share of C cores on which C others
// spin is C / (C + T) of a core when T threads ask for it, so the idle machine's time grows by (C + T) / C.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { VAE } from '../lib/aevb.mjs'
import { digits } from '../lib/data.mjs'
import { epochSeconds, measureRepeats } from '../lib/measure.mjs'
import { reference } from '../lib/models.mjs'
import { median } from '../lib/statistics.mjs'

const spinner = fileURLToPath(new URL('../lib/spin.mjs', import.meta.url))

export const title = 'every core already busy, reference model, one epoch'

export function cases({ quick, threads, available }) {
  const counts = threads ?? [1, 2].filter((count) => count <= available)
  const label = `${available} spinning processes`
  return counts.map((threads) => ({ label, threads, cores: available, repeats: quick ? 2 : 5, per: 'epoch' }))
}

export async function measure({ threads, cores, repeats }) {
  const data = await digits()
  const vae = new VAE(reference.config)
  const once = () => epochSeconds(vae, data, { threads })
  await once()
  const idle = []
  const result = await measureRepeats({
    threads,
    repeats,
    warmup: 0,
    once: async () => {
      idle.push(await once())
      return whileBusy(cores, once)
    },
  })
  const idleSeconds = median(idle)
  const fairSeconds = (idleSeconds * (cores + threads)) / cores
  const ofFair = result.seconds / fairSeconds
  const note = `${ofFair.toFixed(2)} of the fair share's ${fairSeconds.toFixed(2)} s (idle ${idleSeconds.toFixed(2)} s)`
  return { ...result, idleSeconds, fairSeconds, ofFair, note }
}

/** What `work` resolves to, done while `count` processes spin. */
async function whileBusy(count, work) {
  const others = Array.from({ length: count }, () => spawn(process.execPath, [spinner], { stdio: 'ignore' }))
  try {
    // Until they have started, and the scheduler has seen them.
    await new Promise((resolve) => setTimeout(resolve, 500))
    return await work()
  } finally {
    await Promise.all(others.map((other) => new Promise((resolve) => other.once('exit', resolve).kill('SIGKILL'))))
  }
}
