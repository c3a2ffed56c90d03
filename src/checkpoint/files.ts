/** Files that are read within bounds and written all or not at all. */

import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { isVAEError, messageOf, VAEError } from '../errors.js'
import { invalid } from './invalid.js'
import { temporaryName } from './temporary.js'

/** Files pass in pieces of this many bytes, so that no piece keeps the event loop for long. */
export const CHUNK_BYTES = 4 * 1024 * 1024

/** Opens a regular file, hands it over with its length, and closes it. */
export async function withFile<T>(path: string, use: (file: FileHandle, length: number) => Promise<T>): Promise<T> {
  let file: FileHandle | undefined
  try {
    // Not waiting for a writer, should the path be a pipe.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0))
    const stats = await file.stat()
    if (!stats.isFile()) throw invalid(path, 'it is not a file')
    return await use(file, stats.size)
  } catch (error) {
    if (isVAEError(error)) throw error
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new VAEError('CHECKPOINT_MISSING', `There is no ${path}`, { cause: error })
    }
    throw invalid(path, messageOf(error), error)
  } finally {
    await file?.close()
  }
}

/** Fills `into` from byte `position` on, piece by piece; `each` sees every piece as it comes. */
export async function readInto(
  file: FileHandle,
  path: string,
  into: Uint8Array,
  position: number,
  each: (piece: Uint8Array, offset: number) => void = () => {},
): Promise<void> {
  for (let offset = 0; offset < into.length; ) {
    const wanted = into.subarray(offset, offset + CHUNK_BYTES)
    let filled = 0
    while (filled < wanted.length) {
      const { bytesRead } = await file.read(wanted, filled, wanted.length - filled, position + offset + filled)
      if (bytesRead === 0) throw invalid(path, 'it was cut short while it was read')
      filled += bytesRead
    }
    each(wanted, offset)
    offset += wanted.length
  }
}

/** A file that is written beside its place and not yet there. */
export interface Staged {
  /** Puts it into its place, in one move. */
  commit(): Promise<void>
  /** Takes it away if it was not committed. */
  discard(): Promise<void>
}

/** Writes the pieces to the disk under another name in the same folder. */
export async function stage(path: string, pieces: Iterable<Uint8Array>): Promise<Staged> {
  const temporary = temporaryName(path)
  const discard = () => rm(temporary, { force: true })
  try {
    const file = await open(temporary, 'wx')
    try {
      for (const piece of together(pieces)) await file.writeFile(piece)
      // On the disk before its name is: a power cut leaves the old file or the new one.
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    await discard()
    throw error
  }
  return { commit: () => rename(temporary, path), discard }
}

/** Small pieces joined, so that a model of many small tensors is not written number by number. */
function* together(pieces: Iterable<Uint8Array>): Iterable<Uint8Array> {
  let small: Uint8Array[] = []
  let bytes = 0
  for (const piece of pieces) {
    if (bytes + piece.length > CHUNK_BYTES) {
      yield joined(small)
      small = []
      bytes = 0
    }
    small.push(piece)
    bytes += piece.length
  }
  yield joined(small)
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const [only, ...others] = pieces
  return only && others.length === 0 ? only : Buffer.concat(pieces)
}

/** Makes renames in a folder last through a power cut, if the system can. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}
