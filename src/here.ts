/** Where this code lies, also as a part of a bundle. */

import { pathToFileURL } from 'node:url'

/** What a bundle in CommonJS has in place of `import.meta.url`. */
declare const __filename: string

/** The URL of the file that holds this code: this module, or the bundle that it became part of. */
export const here: string = import.meta.url ?? pathToFileURL(__filename).href
