/** Schemas whose failures speak the package's one form of words (errors.ts), on top of valibot. */

import * as v from 'valibot'
import { expected, unknownOption } from './errors.js'

export type Schema<T> = v.GenericSchema<unknown, T>

/** One schema for each field of T, so that a field without a schema does not compile. */
type Fields<T> = { readonly [K in keyof T]-?: Schema<T[K]> | Schema<T[K] | undefined> }

/** The fields of each schema that `options` made. */
const fieldNames = new WeakMap<object, readonly string[]>()

/** An object with these fields and no others. `what` describes it in a message. */
export function options<T extends object>(what: string, fields: Fields<T>): Schema<T> {
  const entries = fields as unknown as Record<string, Schema<unknown>>
  const names = Object.keys(entries)
  const strict = v.strictObject(entries, (issue) => {
    const key = issue.path?.[0]?.key
    // `parse` words an unknown field from the known names.
    return issue.expected === 'never' || key === undefined ? names.join(',') : missing(entries, key, what)
  })
  const schema = pick((input) => (isPlain(input) ? strict : refuse(what)))
  fieldNames.set(schema, names)
  return schema as Schema<T>
}

/** Options that name their kind: `{ type: 'adam', ... }`. A kind may be left out if the fields are those of `usual`. */
export function byType<T extends object>(
  what: string,
  kinds: Readonly<Record<string, Schema<T>>>,
  usual?: string,
): Schema<T> {
  const names = Object.keys(kinds)
  const fieldsOf = (kind: string) => fieldNames.get(kinds[kind] as object) ?? []
  const untyped = options<Record<string, unknown>>(what, {
    ...Object.fromEntries(names.flatMap(fieldsOf).map((field) => [field, v.unknown() as Schema<unknown>])),
    type: oneOf(names),
  })
  return pick((input) => {
    if (!isPlain(input)) return refuse(what)
    const { type } = input as { type?: unknown }
    if (typeof type === 'string' && Object.hasOwn(kinds, type)) return kinds[type] as Schema<T>
    const isUsual =
      type === undefined && usual && Object.keys(input as object).every((key) => fieldsOf(usual).includes(key))
    return isUsual ? (kinds[usual] as Schema<T>) : untyped
  }) as Schema<T>
}

/** The schema to use for a value, chosen by looking at it. */
export function pick(choose: (input: unknown) => v.GenericSchema<unknown, unknown>): Schema<unknown> {
  return v.lazy(choose)
}

export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  return v.optional(schema) as Schema<T | undefined>
}

/** Items of a list that may all be looked at, whatever is wrong with them. */
const FEW = 1000

/** What is wrong with a long list ends with its first wrong item: a file may hold a million of them. */
export function list<T>(what: string, item: Schema<T>): Schema<readonly T[]> {
  const all = v.array(item, what)
  return pick((input) => {
    if (!Array.isArray(input) || input.length <= FEW) return all
    const wrong = input.findIndex((value) => !v.safeParse(item, value).success)
    if (wrong < 0) return all
    return v.pipe(
      v.unknown(),
      v.transform(() => input.slice(0, wrong + 1)),
      all,
    )
  }) as Schema<readonly T[]>
}

/** [a, b]; a third entry, or none, is refused. */
export function pair<T>(what: string, item: Schema<T>): Schema<readonly [T, T]> {
  return v.strictTuple([item, item], what)
}

/** A value of the wrong kind, whatever it is. */
export function refuse(what: string): Schema<never> {
  return v.custom<never>(() => false, what)
}

export function integer(what: string, min: number, max = Number.MAX_SAFE_INTEGER): Schema<number> {
  return number(what, (n) => Number.isSafeInteger(n) && n >= min && n <= max)
}

/** The largest count that the core takes. */
const MOST = 2 ** 31 - 1

/** A count of at least 1. */
export function positiveInteger(max = MOST): Schema<number> {
  return limited('a positive integer', 1, max)
}

/** An integer of at least `min`, as `what` says; what is beyond the limit is told it. */
export function limited(what: string, min: number, max = MOST): Schema<number> {
  const usual = integer(what, min, max)
  const beyond = integer(`an integer from ${min} to ${max}`, min, max)
  return pick((input) => (typeof input === 'number' && input > max ? beyond : usual)) as Schema<number>
}

/** A number that `accept` holds for; a finite one without it. */
export function number(what: string, accept: (n: number) => boolean = () => true): Schema<number> {
  return v.pipe(
    v.custom<number>((value) => typeof value === 'number', what),
    v.check((n) => Number.isFinite(n) && accept(n), what),
  )
}

export function oneOf<const T extends string>(names: readonly T[]): Schema<T> {
  const what = listed(names)
  return v.pipe(
    v.custom<T>((value) => typeof value === 'string', what),
    v.check((name) => names.includes(name), what),
  )
}

export function oneOfNumbers<const T extends number>(choices: readonly T[]): Schema<T> {
  return number(`one of ${choices.join(', ')}`, (n) => (choices as readonly number[]).includes(n)) as Schema<T>
}

/** An object that has these fields, and may have others, such as an instance of a class. */
export function atLeast<T extends object>(what: string, fields: Fields<T>): Schema<T> {
  const entries = fields as unknown as Record<string, Schema<unknown>>
  return v.looseObject(entries, (issue) => missing(entries, issue.path?.[0]?.key, what)) as unknown as Schema<T>
}

/** An object literal of any names, each with such a value. */
export function record<T>(what: string, item: Schema<T>): Schema<Readonly<Record<string, T>>> {
  const any = v.record(v.string(), item)
  return pick((input) => (isPlain(input) ? any : refuse(what))) as Schema<Readonly<Record<string, T>>>
}

/** What a field that is missing fails with: the same as undefined. */
function missing(entries: Readonly<Record<string, Schema<unknown>>>, key: unknown, what: string): string {
  const field = entries[String(key)]
  return (field && v.safeParse(field, undefined).issues?.[0]?.message) ?? what
}

export function boolean(): Schema<boolean> {
  return v.boolean('true or false')
}

export function instance<T>(what: string, accept: (value: unknown) => boolean): Schema<T> {
  return v.custom<T>(accept, what)
}

/** The value if it fits; else throws the TypeError or RangeError of what is wrong with it. `root` names the value. */
export function parse<T>(schema: Schema<T>, input: unknown, root: string): T {
  const result = v.safeParse(schema, input)
  if (result.success) return result.output
  // A misspelt option explains the missing one beside it, so it goes first.
  const unknown = result.issues.find(isUnknownOption)
  const issue = unknown ?? result.issues[0]
  const path = (issue.path ?? []).map((item) => item.key as string | number)
  if (unknown) {
    const owner = path.slice(0, -1)
    throw new TypeError(unknownOption(String(path.at(-1)), pathName(owner) || root, issue.message.split(',')))
  }
  // A value of the right type is only out of range.
  const Misuse = issue.kind === 'validation' ? RangeError : TypeError
  throw new Misuse(expected(issue.message, pathName(path) || root, issue.input))
}

function isUnknownOption(issue: v.BaseIssue<unknown>): boolean {
  return issue.type === 'strict_object' && issue.expected === 'never'
}

/** ['encoder', 1, 'units'] → 'encoder[1].units' */
function pathName(path: readonly (string | number)[]): string {
  return path.map((key, i) => (typeof key === 'number' ? `[${key}]` : i === 0 ? key : `.${key}`)).join('')
}

function listed(names: readonly string[]): string {
  return names.length === 1 ? `'${names[0]}'` : `one of ${names.map((name) => `'${name}'`).join(', ')}`
}

/** An object literal, of whatever realm: not an array, a Map, or an instance of a class. */
export function isPlain(input: unknown): boolean {
  if (typeof input !== 'object' || input === null) return false
  const prototype: unknown = Object.getPrototypeOf(input)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
