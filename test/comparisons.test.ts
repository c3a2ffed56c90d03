/** The comparisons that other tests rely on refuse what is not a number, not finite, or not compared with anything. */

import { describe, expect, test } from 'vitest'
import { deviation } from './helpers/fixtures.js'
import { expectNear, finite, isNear } from './helpers/near.js'

const { NaN: nan, POSITIVE_INFINITY: infinity } = Number
const loose = { relative: 0.5, absolute: 1 }

describe('near', () => {
  test('compares the difference with the wanted number', () => {
    expect(isNear(14, 10, { relative: 0.4 })).toBe(true)
    expect(isNear(10, 14, { relative: 0.2 })).toBe(false)
    expect(isNear(10, 14, { relative: 0.25, absolute: 0.5 })).toBe(true)
    expect(() => expectNear([1, 2], [1, 9], loose)).toThrow('element 1')
  })

  test('fails on NaN, on either side', () => {
    for (const other of [0, nan, infinity]) {
      expect(isNear(nan, other, loose)).toBe(false)
      expect(isNear(other, nan, loose)).toBe(false)
    }
    expect(() => expectNear([1, nan], [1, 2], loose)).toThrow('element 1')
    expect(() => expectNear([nan], [nan], loose)).toThrow('element 0')
  })

  test('fails on an infinity that is not wanted, and passes the one that is', () => {
    expect(isNear(infinity, infinity, loose)).toBe(true)
    expect(isNear(-infinity, -infinity, loose)).toBe(true)
    for (const other of [0, -infinity]) {
      expect(isNear(infinity, other, loose)).toBe(false)
      expect(isNear(other, infinity, loose)).toBe(false)
    }
  })

  test('fails with a tolerance that is not finite', () => {
    for (const bad of [nan, infinity]) {
      expect(isNear(1, 1.5, { absolute: bad })).toBe(false)
      expect(isNear(1, 1.5, { relative: bad })).toBe(false)
    }
  })

  test('fails on more or fewer numbers, and on none', () => {
    expect(() => expectNear([1], [1, 2], loose)).toThrow()
    expect(() => expectNear([1, 2], [1], loose)).toThrow()
    expect(() => expectNear([], [], loose)).toThrow()
  })
})

test('finite accepts finite numbers only', () => {
  expect(finite(3)).toBe(3)
  expect(finite([1, 2])).toEqual([1, 2])
  for (const bad of [nan, infinity, -infinity, undefined]) expect(() => finite(bad)).toThrow()
  expect(() => finite([1, nan])).toThrow()
  expect(() => finite([])).toThrow()
})

test('a deviation is below no limit if something is not finite or nothing is compared', () => {
  const below = (actual: number[], wanted: number[]) => expect(deviation(actual, wanted)).toBeLessThan(10)
  below([1, 2], [1, 3])
  for (const bad of [nan, infinity, -infinity]) {
    expect(() => below([1, bad], [1, 3])).toThrow()
    expect(() => below([1, 3], [1, bad])).toThrow()
    expect(() => below([1, bad], [1, bad])).toThrow()
  }
  expect(() => below([], [])).toThrow()
})
