/** Images in a grid, as PNG. */

import { flatten, isByteArray, type Matrix } from '../data/matrix.js'
import { expected } from '../errors.js'
import { integer, oneOfNumbers, optional, options, parse } from '../schema.js'

/** How rows of numbers are images. */
export interface GridOptions {
  /** Pixels of one image. */
  readonly height: number
  /** Pixels of one image. */
  readonly width: number
  /** 1: grey; 3: red, green, blue, each a plane of its own ([channels, height, width]). Default: 1. */
  readonly channels?: 1 | 3 | undefined
  /** Images side by side. Default: the square root of their number, rounded up. */
  readonly columns?: number | undefined
  /** Each pixel becomes a square of so many. Default: 2. */
  readonly scale?: number | undefined
  /** Pixels between images and around them, after scaling. Default: 4. */
  readonly padding?: number | undefined
}

type FlatBytes = Uint8Array | Uint8ClampedArray
/** What holds for a grid of pairs too, whose columns are the pairs. */
type PairOptions = Omit<GridOptions, 'columns'>

const BACKGROUND = 64
/** A gibibyte of memory. */
const MOST_PIXELS = 2 ** 28

const size = integer('a positive integer of at most 16384', 1, 16384)
const common = {
  height: size,
  width: size,
  channels: optional(oneOfNumbers([1, 3] as const)),
  scale: optional(integer('an integer from 1 to 32', 1, 32)),
  padding: optional(integer('an integer from 0 to 64', 0, 64)),
}
const gridSchema = options<GridOptions>('an object of options', { ...common, columns: optional(size) })
const pairSchema = options<PairOptions>('an object of options', common)

/**
 * A PNG of all rows of `images`, left to right and top to bottom. Numbers are brightness from 0 to 1, and are limited to
 * that; bytes from 0 to 255.
 *
 * @throws TypeError or RangeError that names what is wrong with an argument.
 */
export async function imageGrid(images: Matrix, passed: GridOptions): Promise<Uint8Array<ArrayBuffer>> {
  const layout = parse(gridSchema, passed, 'imageGrid')
  const rows = pixels(images, 'images', layout)
  return render(rows, layout.columns ?? Math.ceil(Math.sqrt(rows.length)), layout)
}

/**
 * A PNG of observations with their reconstructions below them, in one pair of rows.
 *
 * @throws TypeError or RangeError that names what is wrong with an argument, also if the one are not as many as the
 *   other.
 */
export async function reconstructionGrid(
  observations: Matrix,
  reconstructions: Matrix,
  passed: Omit<GridOptions, 'columns'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const layout = parse(pairSchema, passed, 'reconstructionGrid')
  const above = pixels(observations, 'observations', layout)
  const below = pixels(reconstructions, 'reconstructions', layout)
  if (above.length !== below.length) {
    const what = `${above.length} rows, as observations has,`
    throw new RangeError(expected(what, 'reconstructions', reconstructions))
  }
  return render([...above, ...below], above.length, layout)
}

/** Each image's bytes. */
function pixels(images: Matrix, name: string, { height, width, channels = 1 }: PairOptions): FlatBytes[] {
  const { data, rows, columns } = flatten(images, name, height * width * channels)
  // Uint8ClampedArray rounds, limits, and makes NaN 0.
  const bytes = isByteArray(data) ? data : Uint8ClampedArray.from(data, (value) => value * 255)
  return Array.from({ length: rows }, (_, i) => bytes.subarray(i * columns, (i + 1) * columns))
}

async function render(
  images: readonly FlatBytes[],
  columns: number,
  layout: PairOptions,
): Promise<Uint8Array<ArrayBuffer>> {
  const { PNG } = await import('pngjs')
  const { height, width, channels = 1, scale = 2, padding = 4 } = layout
  const stepX = width * scale + padding
  const stepY = height * scale + padding
  const totalWidth = columns * stepX + padding
  const totalHeight = Math.ceil(images.length / columns) * stepY + padding
  if (totalWidth * totalHeight > MOST_PIXELS) {
    const size = `${totalWidth}×${totalHeight}`
    throw new RangeError(expected('a picture of at most 2^28 pixels', 'images, columns and scale together', size))
  }
  const png = new PNG({ width: totalWidth, height: totalHeight, colorType: channels === 1 ? 0 : 2 })
  png.data.fill(BACKGROUND)
  for (let i = 3; i < png.data.length; i += 4) png.data[i] = 255
  images.forEach((image, i) => {
    const left = padding + (i % columns) * stepX
    const top = padding + Math.floor(i / columns) * stepY
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const from = Math.floor(y / scale) * width + Math.floor(x / scale)
        const to = 4 * ((top + y) * png.width + left + x)
        for (let channel = 0; channel < 3; channel++) {
          png.data[to + channel] = image[from + (channels === 3 ? channel * height * width : 0)] as number
        }
      }
    }
  })
  // A copy: a small Buffer is a part of memory that it shares with others, and that cannot be sent to another thread.
  return Buffer.from(new Uint8Array(PNG.sync.write(png, { colorType: channels === 1 ? 0 : 2 })).buffer)
}
