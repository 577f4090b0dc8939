import { expect, it } from 'vitest'
import { delivery } from '../../test/inbox-kit.ts'
import { onlyonce } from '../core/engine.ts'
import { memoryStore } from '../stores/memory/index.ts'
import type { Course } from './course.ts'
import type { Delivery } from './delivery.ts'
import { createHistories } from './history.ts'
import { recordsOf } from './records.ts'

const named = { key: 'm1', scope: 'shop/inbox/coupons' }
const course = (redelivered: Delivery['redelivered']) =>
  ({ delivery: delivery({ redelivered }), named }) as unknown as Course

it('suspects what may have been started before, unless every start of it is counted', async () => {
  const once = onlyonce({ store: memoryStore(), scope: 'shop' })
  const histories = createHistories(recordsOf(once), 255, true)
  expect(await histories.ofAll(([false, true, 'unknown', 'maybe'] as const).map(course))).toEqual([
    ...['orderly', 'unfinished', 'orderly', 'none'],
  ])
  // A start that is counted, and does not end.
  void once.exclusive(named, () => new Promise(() => {}))
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(await histories.of(course('unknown'))).toBe('unfinished')
  expect(await histories.of(course('maybe'))).toBe('unfinished')
})
