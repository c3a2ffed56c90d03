/** Whether folders and files could be written, found out before there is anything to write. */

import { lstat, mkdtemp, open, realpath, rmdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '../errors.js'
import { makeFolder } from '../folders.js'

/** Throws if nothing could be put into the folder, which need not exist yet. Leaves no trace. */
export async function checkWritable(folder: string): Promise<void> {
  let made: string[] = []
  try {
    // Asking for permission would not tell of a file in the folder's place, a name that is too long, or a disk that is
    // read-only.
    made = await makeFolder(folder)
    await rmdir(await mkdtemp(join(folder, '.aevb-')))
  } catch (error) {
    throw new Error(`${folder} cannot be written: ${messageOf(error)}`, { cause: error })
  } finally {
    for (const path of made) await rmdir(path).catch(() => {})
  }
}

/** Throws if what stands in the file's place cannot be written. Leaves no trace. */
export async function checkReplaceable(file: string): Promise<void> {
  try {
    const found = await lstat(file).catch(ignoreMissing)
    if (found === undefined) return
    // Opened or written, a pipe waits for someone who reads.
    if (found.isFIFO()) throw new Error('it is a pipe')
    if (found.isSymbolicLink() && (await realpath(file).catch(ignoreMissing)) === undefined) {
      // What it points to is missing, and is made by who writes.
      await (await open(file, 'a')).close()
      await unlink(await realpath(file))
      return
    }
    await (await open(file, 'r+')).close()
  } catch (error) {
    throw new Error(`${file} cannot be written: ${messageOf(error)}`, { cause: error })
  }
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
