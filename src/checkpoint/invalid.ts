import { VAEError } from '../errors.js'

/** A file that is not what it should be, and why. */
export function invalid(from: string, why: string, cause?: unknown): VAEError {
  return new VAEError('CHECKPOINT_INVALID', `${from} cannot be loaded: ${why}`, cause === undefined ? {} : { cause })
}
