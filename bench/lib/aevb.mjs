// The package as it is built here, and the addon of benchmarks beside its own, whose `peak` is what measurements stand
// beside.

import { createRequire } from 'node:module'

export { Dataset, mnist, VAE } from '../../dist/index.js'
export { native } from '../../dist/native.js'

export const bench = createRequire(import.meta.url)('../../build/Release/aevb_bench.node')
