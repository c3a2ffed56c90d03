/** Whether a folder could be written, found out before there is anything to write. */

import { mkdtemp, rmdir } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

/** Throws where nothing could be put into the folder, which need not exist yet. Leaves no trace. */
export async function checkWritable(folder: string): Promise<void> {
  for (let path = resolve(folder); ; path = dirname(path)) {
    try {
      // Asking for permission would not tell of a file in the folder's place, nor of a disk that is read-only.
      await rmdir(await mkdtemp(join(path, '.aevb-')))
      return
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      // Where it is missing it will be made in the folder above.
      if (code === 'ENOENT' && path !== dirname(path)) continue
      throw new Error(`${folder} cannot be written: ${message}`, { cause: error })
    }
  }
}
