import { expect, it } from 'vitest'
import { createLeases } from './leases.ts'

const lease = (id: string) => ({ id: id.padEnd(32, '0'), owner: id, fence: 1 })

it('what is claimed after an effect was undone may be undone by a savepoint of an effect as well', () => {
  const leases = createLeases()
  leases.mark('canary')
  leases.add(lease('a'))
  leases.handedOver()
  leases.undoneTo('canary')
  leases.add(lease('b'))
  expect(leases.isCertain()).toBe(true)
  leases.ran('ROLLBACK TO mine')
  expect([leases.all.length, leases.isCertain()]).toEqual([1, false])
})
