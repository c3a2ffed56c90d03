/**
 * The IDX format of the MNIST files: two zero bytes, a byte for the type, a byte for the number of dimensions, each
 * dimension as a big-endian uint32, then the data. Only uint8, the type of all MNIST files, is read.
 */

import { VAEError } from '../errors.js'
import type { Tensor } from '../tensor.js'

const UINT8 = 0x08

/** `from` names the file in messages. Throws a VAEError 'DATA_INVALID' for what is no IDX file of uint8. */
export function parseIdx(bytes: Uint8Array<ArrayBuffer>, from: string): Tensor<Uint8Array<ArrayBuffer>> {
  const invalid = (why: string) => new VAEError('DATA_INVALID', `${from} is not an IDX file of uint8: ${why}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 4) throw invalid(`it has ${bytes.length} bytes, fewer than a header`)
  const magic = view.getUint32(0)
  if (magic >>> 16 !== 0)
    throw invalid(`it begins with 0x${magic.toString(16).padStart(8, '0')}, not with two zero bytes`)
  const type = (magic >>> 8) & 0xff
  if (type !== UINT8) throw invalid(`its type is 0x${type.toString(16).padStart(2, '0')}, not 0x08`)
  const rank = magic & 0xff
  if (rank === 0) throw invalid('it has no dimensions')
  const header = 4 + 4 * rank
  if (bytes.length < header) throw invalid(`it ends within its header of ${rank} dimensions`)

  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i))
  const size = shape.reduce((product, dimension) => product * dimension, 1)
  const found = bytes.length - header
  // `size` may have been rounded if it is beyond 2^53, but then no file is as long.
  if (found !== size) throw invalid(`its dimensions ${shape.join('×')} need ${size} bytes of data but it has ${found}`)
  return { data: new Uint8Array(bytes.buffer, bytes.byteOffset + header, size), shape }
}
