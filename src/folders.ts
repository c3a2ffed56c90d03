/** Making folders. */

import { mkdir, rmdir } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/**
 * Makes a folder, and those above it that are missing. @returns the ones that were made, innermost first. One by one,
 * because Node's recursive form does not end if a folder cannot be made in one that exists, as in /proc. If one cannot
 * be made, none stays.
 */
export async function makeFolder(folder: string): Promise<string[]> {
  const path = resolve(folder)
  const made: string[] = []
  try {
    if (await makeOne(path)) made.push(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
    made.push(...(await makeFolder(dirname(path))))
    try {
      if (await makeOne(path)) made.unshift(path)
    } catch (why) {
      for (const above of made) await rmdir(above).catch(() => {})
      throw why
    }
  }
  return made
}

async function makeOne(path: string): Promise<boolean> {
  try {
    await mkdir(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}
