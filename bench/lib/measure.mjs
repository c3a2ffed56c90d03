// How everything here is measured: several times, with the machine's peak beside each time.

import { bench } from './aevb.mjs'
import { median } from './statistics.mjs'

/**
 * Calls `once` `warmup + repeats` times; it returns the seconds of one unit (an epoch, a step, a row).
 *
 * A shared machine gives more now and less then, so the peak is measured before and after each repeat, and the fraction
 * is that of the two's mean. `flop`: floating-point operations in a unit, counted as if all were dense; left out if
 * they mean nothing, and so is the peak then. `bytes`: what a unit moves (lib/models.mjs), for the roofline.
 */
export async function measureRepeats({ threads, repeats, warmup = 1, flop, bytes, once }) {
  for (let i = 0; i < warmup; ++i) await once()
  const peak = () => (flop === undefined ? undefined : bench.peak(threads))
  const samples = []
  const peaks = [peak()]
  for (let i = 0; i < repeats; ++i) {
    samples.push(await once())
    peaks.push(peak())
  }
  const result = { seconds: median(samples), samples, megabytes: process.resourceUsage().maxRSS / 1024 }
  if (flop === undefined) return result
  return {
    ...result,
    gflops: flop / result.seconds / 1e9,
    flopPerByte: bytes && flop / bytes,
    peakGflops: median(peaks) / 1e9,
    fraction: median(samples.map((seconds, i) => (2 * flop) / seconds / (peaks[i] + peaks[i + 1]))),
  }
}

/** Seconds of `work`. */
export async function timed(work) {
  const begin = performance.now()
  await work()
  return (performance.now() - begin) / 1000
}

/** Seconds of one epoch, as the core measures them. */
export async function epochSeconds(vae, data, options) {
  const { epochs } = await vae.fit(data, { verbose: false, ...options, epochs: 1 })
  return epochs[0].seconds
}
