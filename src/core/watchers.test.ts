import { expect, it } from 'vitest'
import { createWatchers } from './watchers.ts'

const [a, b] = ['a'.repeat(32), 'b'.repeat(32)]

function setup() {
  const watchers = createWatchers()
  const woken: string[] = []
  const watch = (id: string, name: string) => watchers.watch(id, () => void woken.push(name))
  return { watchers, woken, watch }
}

it('all who wait for an operation are woken, as often as it changes, and nobody else', () => {
  const { watchers, woken, watch } = setup()
  watchers.wake([a])
  watch(a, 'first')
  watch(a, 'second')
  watch(b, 'other')
  watchers.wake([a])
  expect(woken).toEqual(['first', 'second'])
  watchers.wake([b, a, 'c'.repeat(32)])
  expect(woken.slice(2)).toEqual(['other', 'first', 'second'])
})

it('who waits no more is not woken, whoever else waits', () => {
  const { watchers, woken, watch } = setup()
  const stop = watch(a, 'first')
  const stopOther = watch(a, 'second')
  stop()
  watchers.wake([a])
  expect(woken).toEqual(['second'])
  stopOther()
  watchers.wake([a])
  expect(woken).toEqual(['second'])
})

it('who stopped before and stops again takes nobody else along', () => {
  const { watchers, woken, watch } = setup()
  const stop = watch(a, 'first')
  stop()
  watch(a, 'second')
  stop()
  watchers.wake([a])
  expect(woken).toEqual(['second'])
})

it('one that is woken may stop another, which was to be woken with it', () => {
  const { watchers, woken, watch } = setup()
  watchers.watch(a, () => stop())
  const stop = watch(a, 'second')
  watchers.wake([a])
  watchers.wake([a])
  expect(woken).toEqual(['second'])
})

it('after the end nobody is woken', () => {
  const { watchers, woken, watch } = setup()
  const stop = watch(a, 'first')
  watchers.clear()
  watchers.wake([a])
  stop()
  expect(woken).toEqual([])
})
