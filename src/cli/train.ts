/** `aevb train`: the reference model on MNIST, its losses beside the known ones, and pictures of what it learnt. */

import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import Table from 'cli-table3'
import { type Command, Option } from 'commander'
import { isVAEError, messageOf } from '../errors.js'
import {
  type FitOptions,
  type History,
  imageGrid,
  lossChart,
  type Mnist,
  mnist,
  reconstructionGrid,
  type Tensor,
  VAE,
} from '../index.js'
import { integerFrom, path, refuseRepeats } from './options.js'
import { checkReplaceable, checkWritable } from './writable.js'

/** What the notebook that introduces this model reports after each epoch, nats per example. */
const NOTEBOOK = [147.48, 122.67, 119.44, 118.06, 117.06]

const DIGIT = { height: 28, width: 28, scale: 2 }
const PICTURES = { reconstructions: 'reconstructions.png', samples: 'samples.png', loss: 'loss.svg' }
const MODEL_FILES = ['config.json', 'model.safetensors']
const RECONSTRUCTIONS = 12
const SAMPLES = 144

export interface TrainOptions {
  readonly epochs: number
  readonly batchSize: number
  readonly seed: number
  readonly threads: number
  readonly precision: FitOptions['precision']
  readonly out: string
}

/** The command's output and the signal that stops it. */
export interface TrainContext {
  readonly print: (text: string) => void
  readonly signal: AbortSignal
  /** In place of MNIST. */
  readonly data?: Mnist
}

export function addTrain(program: Command, signal: AbortSignal): void {
  const command = program
    .command('train')
    .description('train the reference model, 784-200-10-200-784, on MNIST')
    .option('--epochs <n>', 'passes over the 60,000 images', integerFrom(1), 5)
    .option('--batch-size <n>', 'images of a step', integerFrom(1, 60000), 128)
    .option('--seed <n>', 'of every random number', integerFrom(0), 0)
    .option('--threads <n>', 'threads to compute with; 0: as many as pay', integerFrom(0, 1024), 0)
    .addOption(
      new Option('--precision <name>', "of training's products, bfloat16 if the processor has it")
        .choices(['float32', 'bfloat16'])
        .default('float32'),
    )
    .option('--out <folder>', 'where the model and the pictures go', path, 'out')
    .action((options: TrainOptions) => train(options, { signal, print: (text) => process.stdout.write(`${text}\n`) }))
  refuseRepeats(command)
}

export async function train(options: TrainOptions, { print, signal, data }: TrainContext): Promise<void> {
  const begin = performance.now()
  const { epochs, batchSize, seed, threads, precision, out } = options
  const model = join(out, 'model')
  // Before minutes of training are lost to a folder that takes nothing.
  for (const folder of [out, model]) await checkWritable(folder)
  const files = [
    ...Object.values(PICTURES).map((name) => join(out, name)),
    ...MODEL_FILES.map((name) => join(model, name)),
  ]
  for (const file of files) await checkReplaceable(file)
  const { train, test } = data ?? (await mnist())
  const vae = new VAE({ seed })
  const history = await vae.fit(train.images, { epochs, batchSize, threads, precision, signal })
  // First of all, so that nothing that fails from here on loses it.
  await vae.save(model)
  const place = (name: string) => relative('', join(out, name)) || '.'
  const saved = `${place('model')}  the model: VAE.load('${place('model')}')`
  try {
    print(lossTable(history))
    const evaluation = await vae.evaluate(test.images, { signal, threads })
    const { loss, reconstruction, kl, examples } = evaluation
    const terms = `reconstruction ${loss2(reconstruction)}, kl ${loss2(kl)}`
    print(`\nTest loss on ${examples.toLocaleString('en-US')} images: ${loss2(loss)} (${terms}), nats per image.\n`)

    const observations = firstRows(test.images, RECONSTRUCTIONS)
    const pictures: [name: string, what: string, draw: () => Promise<string | Uint8Array>][] = [
      [
        PICTURES.reconstructions,
        'test images above, their reconstructions below',
        async () => reconstructionGrid(observations, await vae.reconstruct(observations, { signal }), DIGIT),
      ],
      [
        PICTURES.samples,
        `${SAMPLES} images drawn from the prior`,
        async () => imageGrid(await vae.sample(SAMPLES, { seed, signal }), DIGIT),
      ],
      [PICTURES.loss, 'the losses above', () => lossChart(history, { notebook: NOTEBOOK.slice(0, epochs) })],
    ]
    for (const [name, what, draw] of pictures) {
      await writeFile(join(out, name), await draw())
      print(`${place(name)}  ${what}`)
    }
  } catch (error) {
    if (isVAEError(error) && error.code === 'ABORT_ERR') {
      print(saved)
      throw error
    }
    throw new Error(`${messageOf(error)}. The model is in ${place('model')}`, { cause: error })
  }
  print(saved)
  print(`\nDone in ${((performance.now() - begin) / 1000).toFixed(1)} s.`)
}

function lossTable({ epochs }: History): string {
  const table = new Table({
    head: ['epoch', 'loss', 'reconstruction', 'kl', 'notebook', 'seconds'],
    colAligns: ['right', 'right', 'right', 'right', 'right', 'right'],
    style: { head: [], border: [] },
  })
  epochs.forEach(({ epoch, loss, reconstruction, kl, seconds }, i) => {
    const known = NOTEBOOK[i]
    const notebook = known === undefined ? '' : loss2(known)
    table.push([epoch, loss2(loss), loss2(reconstruction), loss2(kl), notebook, seconds.toFixed(2)])
  })
  return table.toString()
}

function firstRows({ data, shape }: Tensor<Uint8Array>, count: number): Tensor<Uint8Array> {
  const [rows = 0, columns = 0] = shape
  const taken = Math.min(rows, count)
  return { data: data.subarray(0, taken * columns), shape: [taken, columns] }
}

function loss2(loss: number): string {
  return loss.toFixed(2)
}
