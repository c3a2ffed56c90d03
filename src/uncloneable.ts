/** Objects that hold memory of the core, which another thread cannot be given by copying what JavaScript sees of them. */

/**
 * Makes structured cloning (`structuredClone`, `postMessage`, `v8.serialize`) of the object throw a DataCloneError that
 * says `why`; otherwise it would give an object without anything in it. Cloning reads an object's own enumerable properties,
 * and a symbol is what it cannot copy. JSON and comparisons do not see it, or see the same in each object.
 */
export function refuseCloning(object: object, why: symbol): void {
  Object.defineProperty(object, 'cloneable', { value: why, enumerable: true })
}
