/** Whether folders and files could be written, found out before there is anything to write. */

import { mkdtemp, open, rmdir } from 'node:fs/promises'
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

/** Throws if the file exists and cannot be written. */
export async function checkReplaceable(file: string): Promise<void> {
  try {
    await (await open(file, 'r+')).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw new Error(`${file} cannot be written: ${messageOf(error)}`, { cause: error })
  }
}
