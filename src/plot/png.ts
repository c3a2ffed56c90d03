/** Images in a grid, as PNG. */

import { flatten, type Matrix } from '../data/matrix.js'
import { integer, oneOfNumbers, optional, options, parse } from '../options/schema.js'

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

const BACKGROUND = 64

const size = integer('a positive integer of at most 16384', 1, 16384)
const schema = options<GridOptions>('an object of options', {
  height: size,
  width: size,
  channels: optional(oneOfNumbers([1, 3])),
  columns: optional(size),
  scale: optional(integer('an integer from 1 to 32', 1, 32)),
  padding: optional(integer('an integer from 0 to 64', 0, 64)),
})

/**
 * A PNG of all rows of `images`, left to right and top to bottom. Numbers are brightness from 0 to 1, and are limited to
 * that; bytes from 0 to 255.
 */
export async function imageGrid(images: Matrix, passed: GridOptions): Promise<Buffer> {
  const layout = layoutOf('imageGrid', passed)
  const rows = pixels(images, 'images', layout)
  return draw(rows, layout.columns ?? Math.ceil(Math.sqrt(rows.length)), layout)
}

/** A PNG of observations with their reconstructions below them, in one pair of rows. */
export async function reconstructionGrid(
  observations: Matrix,
  reconstructions: Matrix,
  passed: GridOptions,
): Promise<Buffer> {
  const layout = layoutOf('reconstructionGrid', passed)
  const above = pixels(observations, 'observations', layout)
  const below = pixels(reconstructions, 'reconstructions', layout)
  return draw([...above, ...below], Math.max(above.length, below.length), layout)
}

type Layout = ReturnType<typeof layoutOf>

function layoutOf(name: string, passed: GridOptions) {
  const { height, width, channels = 1, columns, scale = 2, padding = 4 } = parse(schema, passed, name)
  return { height, width, channels, columns, scale, padding }
}

/** Each image's bytes. */
function pixels(images: Matrix, name: string, { height, width, channels }: Layout): Uint8Array[] {
  const { data, rows, columns } = flatten(images, name, height * width * channels)
  // Uint8ClampedArray rounds, limits, and makes NaN 0.
  const bytes = data instanceof Uint8Array ? data : new Uint8Array(Uint8ClampedArray.from(data, (v) => v * 255).buffer)
  return Array.from({ length: rows }, (_, i) => bytes.subarray(i * columns, (i + 1) * columns))
}

async function draw(images: readonly Uint8Array[], columns: number, layout: Layout): Promise<Buffer> {
  const { PNG } = await import('pngjs')
  const { height, width, channels, scale, padding } = layout
  const stepX = width * scale + padding
  const stepY = height * scale + padding
  const png = new PNG({
    width: columns * stepX + padding,
    height: Math.ceil(images.length / columns) * stepY + padding,
    colorType: channels === 1 ? 0 : 2,
  })
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
  return PNG.sync.write(png, { colorType: channels === 1 ? 0 : 2 })
}
