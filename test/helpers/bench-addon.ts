/** The addon of tests and benchmarks, in the folder of the package's own: native/bench/module.cc. */

import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import type { NativeAddon, NativeDataset, NativeModel, Terms } from '../../src/native.js'

export interface BenchAddon extends NativeAddon {
  /**
   * The gradient of the loss over all rows as one batch, with the epsilon given ([rows · samples, noise of all groups])
   * or that of training step `step`, 0 unless given. The model does not change. Models and rows must be this addon's.
   */
  gradient(
    model: NativeModel,
    rows: NativeDataset,
    options: { threads: number; condition?: NativeDataset | undefined; epsilon?: Float32Array; step?: number },
  ): Terms & { gradients: Record<string, Float32Array<ArrayBuffer>> }
}

const own = process.env.AEVB_ADDON
const folder = own ? dirname(resolve(own)) : join(import.meta.dirname, '../../build/Release')

export const bench = createRequire(import.meta.url)(join(folder, 'aevb_bench.node')) as BenchAddon
