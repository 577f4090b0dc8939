import { expect, it } from 'vitest'
import { mended } from './receipt.ts'

it('names the message by its own offset, whatever batch it came with', () => {
  const received = '4 1795256417491 10000 6 0 broker-a 2 6 1691682'
  expect(mended(received)).toBe('6 1795256417491 10000 6 0 broker-a 2 6 1691682')
  expect(mended('4 1795256417514 10000 6 0 b 0 6')).toBe('6 1795256417514 10000 6 0 b 0 6')
  expect(mended('4 1795256417514 10000 6 0 b 0 6 0 1691682')).toBe('6 1795256417514 10000 6 0 b 0 6 0 1691682')
})

it('leaves alone what it does not know', () => {
  for (const other of ['', 'opaque', '4 5 6', 'a 1 2 3 4 b 0 6']) expect(mended(other)).toBe(other)
})
