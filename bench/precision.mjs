// What bfloat16 products cost in nats: the reference model trained as the introductory notebook does, five epochs, with
// either precision and several seeds. Prints the last epoch's training loss and the loss of the test images, which is
// computed in float32 either way.
//
//   node bench/precision.mjs [number of seeds, 5]

import { mnist, VAE } from '../dist/index.js'
import { median } from './lib/statistics.mjs'

const PRECISIONS = ['float32', 'bfloat16']
const seeds = Number(process.argv[2] ?? 5)
const { train, test } = await mnist()

const losses = { float32: [], bfloat16: [] }
console.log('seed  float32: training, test  bfloat16: training, test  seconds an epoch')
for (let seed = 0; seed < seeds; ++seed) {
  const seconds = []
  for (const precision of PRECISIONS) {
    const vae = new VAE({ seed })
    const { epochs } = await vae.fit(train.images, { precision, verbose: false })
    const { loss } = await vae.evaluate(test.images)
    losses[precision].push({ training: epochs.at(-1).loss, test: loss })
    seconds.push(median(epochs.map((epoch) => epoch.seconds)).toFixed(2))
  }
  const cells = PRECISIONS.map((precision) => Object.values(losses[precision].at(-1)).map((loss) => loss.toFixed(2)))
  console.log(
    `${String(seed).padStart(4)}  ${cells.map((pair) => pair.join('  ').padStart(23)).join('  ')}  ${seconds.join('  ')}`,
  )
}
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length
for (const precision of PRECISIONS) {
  const of = (key) => losses[precision].map((one) => one[key])
  console.log(`mean, ${precision}: training ${mean(of('training')).toFixed(2)}, test ${mean(of('test')).toFixed(2)}`)
}
